/** edgeban: what fail2ban has no word for. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { request } from '../control/client.ts';
import { isList, type ReplyValue } from '../control/framing.ts';
import { asksHelp, edgebanHelp, helpOf } from './edgeban-help.ts';
import { explain } from './explain.ts';
import { importFail2ban } from './import-fail2ban.ts';
import { usage } from './options.ts';
import type { Enrolment, HostPorts, ServerSettings } from './ports.ts';
import type { ExitCode } from './program.ts';
import { exitCodes } from './program.ts';
import { str } from './python.ts';
import { sayThrown, type Terminal } from './terminal.ts';
import { top } from './top/top.ts';

const token_bytes_max = 4096;
const remedy = 'edgeban --help lists what there is';

interface Arguments {
  readonly configDir: string;
  readonly url: string | undefined;
  readonly tokenFile: string | undefined;
  readonly name: string | undefined;
  readonly overrides: Partial<ServerSettings>;
  readonly json: boolean;
}

/** Runs the program; `argv` is what follows its name. */
export async function runEdgeban(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<number> {
  try {
    return await runWords(argv, ports, terminal);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    if (error.code === 'ERR_USAGE') terminal.err(edgebanHelp);
    sayThrown(terminal, error);
    return exitCodes.failed;
  }
}

async function runWords(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<number> {
  const [room, verb, ...rest] = argv;
  if (room === '-h' || room === '--help' || room === undefined) {
    terminal.out(edgebanHelp);
    return room === undefined ? exitCodes.failed : exitCodes.ok;
  }
  if (room === '-V' || room === '--version') {
    terminal.out(room === '-V' ? ports.version : `edgeban v${ports.version}`);
    return exitCodes.ok;
  }
  if (asksHelp(argv)) return help(room, verb, terminal);
  if (room === 'import-fail2ban')
    return await importFail2ban([...(verb === undefined ? [] : [verb]), ...rest], ports, terminal);
  if (room === 'explain') return await explain(argv.slice(1), ports, terminal);
  if (room === 'top') return await top(argv.slice(1), ports, terminal);
  if (room === 'withdraw' && verb === undefined) return await withdraw(ports, terminal);
  if (room !== 'edge') throw usage(`edgeban ${room} is not implemented`, remedy);
  if (verb === 'enroll') return await enroll(parseRest(rest), ports, terminal);
  if (verb === 'status') return await edgeStatus(parseRest(rest), ports, terminal);
  const ended = verb === undefined ? null : await ports.operate(verb, rest, terminal);
  if (ended !== null) return ended;
  throw usage(`edgeban edge ${verb ?? ''} is not implemented`, remedy);
}

function help(room: string, verb: string | undefined, terminal: Terminal): ExitCode {
  const command = room === 'edge' && verb !== undefined && !asksHelp([verb]) ? `edge ${verb}` : room;
  const text = helpOf(command);
  if (text === null) throw usage(`edgeban ${command} is not implemented`, remedy);
  terminal.out(text);
  return exitCodes.ok;
}

async function withdraw(ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  const jails = await ports.withdraw();
  const what = jails.length === 0 ? 'nothing of a jail was there' : jails.join(', ');
  terminal.out(`Taken out of nftables: ${what}`);
  return exitCodes.ok;
}

function parseRest(words: readonly string[]): Arguments {
  const { conf, url, name, socket, dbfile, json, 'token-file': tokenFile } = parseWords(words);
  const overrides = { ...(socket === undefined ? {} : { socket }), ...(dbfile === undefined ? {} : { dbfile }) };
  return { configDir: conf ?? '/etc/edgeban', url, tokenFile, name, overrides, json: json ?? false };
}

function parseWords(words: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    conf: { ...text, short: 'c' },
    socket: { ...text, short: 's' },
    dbfile: text,
    url: text,
    'token-file': text,
    name: text,
    json: { type: 'boolean' },
  } as const;
  try {
    return parseArgs({ args: [...words], options, allowPositionals: false }).values;
  } catch (error) {
    throw usage(messageOf(error));
  }
}

async function enroll(args: Arguments, ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  const { url, configDir } = args;
  if (url === undefined) throw usage('edgeban edge enroll needs --url URL');
  const settings = { ...(await ports.serverSettings(configDir)), ...args.overrides };
  const token = await readToken(args.tokenFile, terminal);
  const enrolment = await ports.enroll({ configDir, settings, url, token, name: args.name ?? defaultName() });
  if (args.json) terminal.out(JSON.stringify(enrolment));
  else
    terminal.out(`Enrolled as ${enrolment.host} at ${enrolment.url} (${enrolment.file}); restart the server to use it`);
  return exitCodes.ok;
}

/** The token comes from a file or stdin only: a command line can be read by every user of the machine. */
async function readToken(file: string | undefined, terminal: Terminal): Promise<string> {
  if (file === undefined) throw usage('edgeban edge enroll needs --token-file FILE, or - for stdin');
  const text = file === '-' ? await terminal.readInput(token_bytes_max) : readTokenFile(file);
  const token = text.trim();
  if (/^\S{20,200}$/.test(token)) return token;
  throw new EdgebanError('ERR_ENROLL_TOKEN', 'this is not an enrolment token', {
    ...(file === '-' ? {} : { file }),
    remedy: 'put the token from the operator into it, 20 to 200 characters on one line',
  });
}

function readTokenFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(0, token_bytes_max);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EdgebanError('ERR_ENROLL_TOKEN', `the token cannot be read: ${reason}`, { file, cause });
  }
}

/** The host's short name, in the characters that the Worker takes. */
function defaultName(): string {
  const name = (hostname().split('.')[0] ?? '').replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 63) || 'host';
}

async function edgeStatus(args: Arguments, ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  const settings = { ...(await ports.serverSettings(args.configDir)), ...args.overrides };
  const enrolment = await ports.enrolment(args.configDir, settings);
  const link = await askDaemon(settings.socket);
  if (args.json) terminal.out(JSON.stringify({ enrolment, link }));
  else terminal.out(describeEdge(enrolment, link));
  return enrolment === null ? exitCodes.failed : exitCodes.ok;
}

/** What the daemon says of the link; null if none runs or it has none. */
async function askDaemon(socket: string): Promise<ReplyValue> {
  try {
    const reply = await request(socket, ['edge', 'status'], { timeout: 10 });
    return 'ok' in reply ? reply.ok : null;
  } catch {
    return null;
  }
}

function describeEdge(enrolment: Enrolment | null, link: ReplyValue): string {
  if (enrolment === null) return 'This host is not enrolled at a Worker (edgeban edge enroll)';
  const lines = [['Worker', enrolment.url], ['Host', enrolment.host], ['Ledger', enrolment.ledger], ...linkLines(link)];
  return [
    'Edge',
    ...lines.map(([name, value], at) => `${at === lines.length - 1 ? '`-' : '|-'} ${name}:\t${value}`),
  ].join('\n');
}

function linkLines(link: ReplyValue): string[][] {
  if (link === null || typeof link !== 'object' || isList(link))
    return [['Link', 'no server running, or not yet using it']];
  const answered = link['answeredAt'];
  return [
    ['Feed', str(link['feed'] ?? null)],
    ['Last answer', typeof answered === 'number' ? new Date(answered * 1000).toISOString() : 'none yet'],
    ['Waiting events', str(link['waiting'] ?? null)],
    ['Trouble', str(link['trouble'] ?? 'none')],
  ];
}
