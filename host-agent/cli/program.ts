/** What the client and the server program do alike: options, prints, settings, the configuration test. */
import { printSeconds } from '../../shared/config/arithmetic.ts';
import { pythonPretty } from '../../shared/config/python-pretty.ts';
import { formatCommand } from '../../shared/config/stream.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { helpText } from './help.ts';
import type { Options } from './options.ts';
import { parseOptions } from './options.ts';
import type { Finding, HostPorts, ServerSettings } from './ports.ts';
import { sayError, sayThrown, type Terminal } from './terminal.ts';

/** Every failure is 255, as in fail2ban. */
export const exitCodes = { ok: 0, failed: 255 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export type ProgramName = 'edgeban-client' | 'edgeban-server';

/** Reads `argv`, does what options alone ask for, else hands over to `body`. Never throws for an error of the operator's world. */
export async function runProgram(
  name: ProgramName,
  argv: readonly string[],
  ports: HostPorts,
  terminal: Terminal,
  body: (options: Options) => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    const options = parseOptions(argv);
    if (options.print !== null) return print(name, options, ports, terminal);
    if (options.dump !== null && !(await dumped(options, options.dump, ports, terminal))) return exitCodes.failed;
    if (options.dump !== null && !options.test) return exitCodes.ok;
    if (options.test && !(await testPasses(options, ports, terminal))) return exitCodes.failed;
    if (options.test && options.words.length === 0) return exitCodes.ok;
    return await body(options);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    if (error.code === 'ERR_USAGE') terminal.out(helpText(name));
    sayThrown(terminal, error);
    return exitCodes.failed;
  }
}

function print(name: ProgramName, options: Options, ports: HostPorts, terminal: Terminal): ExitCode {
  terminal.out(printed(name, options, ports.version));
  return exitCodes.ok;
}

function printed(name: ProgramName, { print, str2sec }: Options, version: string): string {
  if (print === 'help') return helpText(name);
  if (print === 'seconds') return printSeconds(str2sec);
  return print === 'version' ? `edgeban v${version}` : version;
}

/** Prints the command stream; false if there is none, for a fault that concerns all jails. A broken jail is a command, too. */
async function dumped(
  { configDir, overrides }: Options,
  dump: 'lines' | 'pretty',
  ports: HostPorts,
  terminal: Terminal,
): Promise<boolean> {
  const { commands, findings } = await ports.commandStream(configDir, overrides);
  for (const finding of findings) if (finding.severity === 'error') terminal.err(findingLine(finding));
  for (const command of commands) terminal.out(dump === 'lines' ? formatCommand(command) : pythonPretty(command));
  if (commands.length > 0) return true;
  terminal.out('ERROR: The configuration stream failed because of the invalid syntax.');
  return false;
}

/** The settings of the configuration with those of the command line over them. */
export async function settingsOf(options: Options, ports: HostPorts): Promise<ServerSettings> {
  const { socket, pidfile, logtarget, loglevel, syslogsocket, dbfile } = options.overrides;
  if (
    socket !== undefined &&
    pidfile !== undefined &&
    logtarget !== undefined &&
    loglevel !== undefined &&
    syslogsocket !== undefined &&
    dbfile !== undefined
  ) {
    return { socket, pidfile, logtarget, loglevel, syslogsocket, dbfile };
  }
  return { ...(await ports.serverSettings(options.configDir)), ...options.overrides };
}

/** The socket alone: with -s a client works even where the configuration is broken. */
export async function socketOf(options: Options, ports: HostPorts): Promise<string> {
  return options.overrides.socket ?? (await ports.serverSettings(options.configDir)).socket;
}

async function testPasses(options: Options, ports: HostPorts, terminal: Terminal): Promise<boolean> {
  const findings = await ports.testConfiguration(options.configDir);
  const passes = !findings.some((finding) => finding.severity === 'error');
  if (options.json) terminal.out(JSON.stringify({ ok: passes, findings }));
  else for (const finding of findings) terminal.err(findingLine(finding));
  if (!passes && !options.json) sayError(terminal, 'ERROR: test configuration failed');
  if (passes && !options.json && options.words.length === 0) terminal.out('OK: configuration test is successful');
  return passes;
}

/** `/etc/edgeban/jail.local:12: error: …; remedy [ERR_…]` */
function findingLine(finding: Finding): string {
  const { severity, code, message, file, line, remedy } = finding;
  const place = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
  return `${place}${severity}: ${message}${remedy === undefined ? '' : `; ${remedy}`} [${code}]`;
}
