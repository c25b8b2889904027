/** edgeban-client: fail2ban-client's words, printed text and exit codes. */
import { accessSync, constants, existsSync } from 'node:fs';
import { EdgebanError } from '../../shared/errors.ts';
import { ControlUnavailable, request } from '../control/client.ts';
import type { Reply, ReplyError } from '../control/framing.ts';
import { serveHere } from './foreground.ts';
import { helpText } from './help.ts';
import { renderJson } from './json.ts';
import type { Options } from './options.ts';
import type { HostPorts } from './ports.ts';
import type { ExitCode } from './program.ts';
import { exitCodes, runProgram, settingsOf, socketOf } from './program.ts';
import { reprTuple } from './python.ts';
import { render, renderError } from './render.ts';
import { shellWords } from './shell-words.ts';
import { answers, startInBackground, waitUntil } from './start.ts';
import { say, sayError, sayThrown, type Terminal } from './terminal.ts';

interface Call {
  readonly options: Options;
  readonly ports: HostPorts;
  readonly terminal: Terminal;
}

/** Runs the program; `argv` is what follows its name. Returns its exit code. */
export function runClient(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  return runProgram('edgeban-client', argv, ports, terminal, (options) => {
    const call = { options, ports, terminal };
    return options.interactive ? converse(call) : runWords(call, options.words);
  });
}

/** fail2ban's -i: what the command line says, then a command a line. A failed one does not end it. */
async function converse(call: Call): Promise<ExitCode> {
  const { options, terminal } = call;
  if (options.words.length > 0 && (await runWords(call, options.words)) !== exitCodes.ok) return exitCodes.failed;
  terminal.out(`edgeban v${call.ports.version}: help lists the commands, exit ends this\n`);
  await terminal.converse('edgeban> ', async (line) => {
    if (line === 'exit' || line === 'quit') return false;
    await runLine(call, line);
    return true;
  });
  return exitCodes.ok;
}

async function runLine(call: Call, line: string): Promise<void> {
  try {
    const words = shellWords(line);
    if (words.length > 0) await runWords(call, words);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    sayThrown(call.terminal, error);
  }
}

async function runWords(call: Call, words: readonly string[]): Promise<ExitCode> {
  const [first, ...rest] = words;
  switch (first) {
    case undefined:
      call.terminal.out(helpText('edgeban-client'));
      return exitCodes.failed;
    case 'help':
      call.terminal.out(helpText('edgeban-client'));
      return exitCodes.ok;
    case 'start':
      return rest.length === 0 ? await start(call) : await send(call, words);
    case 'restart':
      return rest.length === 0 ? await restart(call) : await reload(call, ['--restart', ...rest]);
    case 'reload':
      return await reload(call, rest);
    case 'stop':
      return await send(call, words);
    case 'ping':
      return await send(call, ['ping'], pingSeconds(rest[0]));
    default:
      return await send(call, words);
  }
}

/** fail2ban takes a timeout after `ping`; without one a daemon that hangs would hang its watchdog too. */
function pingSeconds(word: string | undefined): number {
  const seconds = Number(word ?? 10);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 10;
}

/** Asks the daemon and prints what it answers. `timeout` in seconds; 0 waits as long as it works. */
async function send(call: Call, words: readonly string[], timeout = 0): Promise<ExitCode> {
  const socket = await socketOf(call.options, call.ports);
  if (call.options.verbosity > 1) say(call.terminal, 'INFO', `Using socket file ${socket}`);
  try {
    return show(call, words, await request(socket, words, { timeout }));
  } catch (error) {
    if (!(error instanceof ControlUnavailable)) throw error;
    sayUnavailable(call, socket, error, words[0] === 'ping');
    return exitCodes.failed;
  }
}

function show({ options, terminal }: Call, words: readonly string[], reply: Reply): ExitCode {
  if ('ok' in reply) {
    terminal.out(options.json ? renderJson(words, reply.ok) : render(words, reply.ok));
    return exitCodes.ok;
  }
  if (options.json) {
    terminal.out(JSON.stringify(reply));
    return exitCodes.failed;
  }
  sayError(terminal, `NOK: ${reprTuple(reply.error.args)}`);
  const remedy = placeAndRemedy(reply.error);
  if (remedy !== '') sayError(terminal, remedy);
  terminal.out(renderError(reply.error));
  return exitCodes.failed;
}

/** What fail2ban's errors have not: where it stands and what to do. */
function placeAndRemedy({ file, line, remedy, code }: ReplyError): string {
  if (remedy === undefined) return '';
  const place = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
  return `${place}${remedy} [${code}]`;
}

/** fail2ban's words for a socket that is missing, closed to us, or dead. */
function sayUnavailable({ terminal, options }: Call, socket: string, error: ControlUnavailable, isPing: boolean): void {
  if (options.json) {
    terminal.out(
      JSON.stringify({ error: { code: error.code, message: error.detail, reason: error.reason, file: socket } }),
    );
  }
  if (error.reason === 'denied' || (existsSync(socket) && !isWritable(socket))) {
    sayError(terminal, `Permission denied to socket: ${socket}, (you must be root)`);
  } else if (error.reason === 'missing') {
    sayError(terminal, `Failed to access socket path: ${socket}. Is fail2ban running?`);
  } else {
    sayError(terminal, isPing ? error.detail : `[${error.detail}] Unable to contact server. Is it running?`);
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function start(call: Call): Promise<ExitCode> {
  const { options, ports, terminal } = call;
  const settings = await settingsOf(options, ports);
  const begin = options.foreground ? serveHere : startInBackground;
  return await begin(options, settings, ports, terminal);
}

async function restart(call: Call): Promise<ExitCode> {
  const { socket, pidfile } = await settingsOf(call.options, call.ports);
  const unit = await call.ports.serviceOf(pidfile);
  if (unit !== null) return await restartUnit(call, unit);
  await send(call, ['stop']);
  const stopped = await waitUntil(async () => !(await answers(socket)), call.options.timeout);
  if (stopped) return await start(call);
  sayError(call.terminal, 'Could not stop server');
  return exitCodes.failed;
}

/** Else the daemon would go on outside of its service: without its sandbox and its watchdog, as fail2ban's does. */
async function restartUnit({ ports, terminal }: Call, unit: string): Promise<ExitCode> {
  const trouble = await ports.restartService(unit);
  if (trouble === null) {
    terminal.out('Shutdown successful');
    terminal.out('Server ready');
    return exitCodes.ok;
  }
  sayError(terminal, trouble);
  return exitCodes.failed;
}

async function reload(call: Call, words: readonly string[]): Promise<ExitCode> {
  const flags = ['--restart', '--unban', '--if-exists'];
  const names = words.filter((word) => !flags.includes(word));
  if (names.length > 1) {
    sayError(call.terminal, `Unexpected argument(s) for reload: [${names.map((name) => `'${name}'`).join(', ')}]`);
    return exitCodes.failed;
  }
  if (await answers(await socketOf(call.options, call.ports))) return await send(call, ['reload', ...words]);
  sayError(call.terminal, 'Could not find server');
  return exitCodes.failed;
}
