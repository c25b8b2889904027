/** Starting the daemon in the background, and waiting until it answers. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../control/client.ts';
import type { Options } from './options.ts';
import type { HostPorts, ServerSettings } from './ports.ts';
import { type ExitCode, exitCodes } from './program.ts';
import { say, sayError, type Terminal } from './terminal.ts';

/** How much of a failed daemon's stderr is shown, in UTF-16 units. */
const stderr_length_max = 64 * 1024;

/** Starts `edgeban-server -f` as a process of its own. With --async it does not wait; else it prints `Server ready`. */
export async function startInBackground(
  options: Options,
  settings: ServerSettings,
  ports: HostPorts,
  terminal: Terminal,
): Promise<ExitCode> {
  if (await answers(settings.socket)) {
    sayError(terminal, 'Server already running');
    return exitCodes.failed;
  }
  if (/^(?:STDOUT|STDERR|SYSOUT)\b/i.test(settings.logtarget)) {
    const instead = 'set logtarget to a file, SYSLOG or SYSTEMD-JOURNAL, or start it with -f';
    say(terminal, 'WARNING', `in the background nobody reads ${settings.logtarget}: ${instead}`);
  }
  const daemon = launch(ports.serverCommand, argumentsOf(options, settings));
  try {
    if (options.async || (await waitUntil(() => readyOrGone(daemon, settings.socket), options.timeout))) {
      if (!daemon.gone()) return started(options, terminal);
    }
    const reason = daemon.stderr();
    if (reason !== '') terminal.err(reason);
    sayError(terminal, daemon.gone() ? 'Could not start server' : 'Could not find server, waiting failed');
    return exitCodes.failed;
  } finally {
    daemon.release();
  }
}

function started(options: Options, terminal: Terminal): ExitCode {
  if (!options.async) terminal.out('Server ready');
  return exitCodes.ok;
}

/** Does a daemon answer `ping`? */
export async function answers(socket: string): Promise<boolean> {
  try {
    return 'ok' in (await request(socket, ['ping'], { timeout: 2 }));
  } catch {
    return false;
  }
}

/** Polls until `done`, first quickly; false after `seconds`. */
export async function waitUntil(done: () => Promise<boolean>, seconds: number): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 200)) {
    if (await done()) return true;
    if (performance.now() >= end) return false;
    await sleep(pause);
  }
}

function argumentsOf(options: Options, settings: ServerSettings): string[] {
  const { socket, pidfile, logtarget, loglevel, syslogsocket, dbfile } = settings;
  // the daemon's folder is /
  const database = dbfile === 'None' || dbfile === ':memory:' ? dbfile : resolve(dbfile);
  const paths = ['-c', resolve(options.configDir), '-s', resolve(socket), '-p', resolve(pidfile), '--dbfile', database];
  const log = ['--logtarget', logtarget, '--loglevel', loglevel, '--syslogsocket', syslogsocket];
  return ['-f', ...paths, ...log, '--pname', options.processName, 'start'];
}

interface Daemon {
  gone(): boolean;
  /** What it has said before its log was open. */
  stderr(): string;
  /** Lets this program end while the daemon goes on. */
  release(): void;
}

/** Its stderr is a pipe that breaks when we end: what it says of its start is heard, and what comes later fills no disk. */
function launch(command: readonly string[], args: readonly string[]): Daemon {
  const [program = process.execPath, ...first] = command;
  const child = spawn(program, [...first, ...args], { detached: true, stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < stderr_length_max) said += chunk.toString('utf8');
  });
  let gone = false;
  child.on('error', () => {
    gone = true;
  });
  // all that it has said is there then
  child.on('close', () => {
    gone = true;
  });
  return {
    gone: () => gone,
    stderr: () => said.slice(0, stderr_length_max).trimEnd(),
    release: () => {
      child.unref();
      child.stderr.destroy();
    },
  };
}

/** The socket answers after the jails have started (the daemon opens it last), or the process is gone. */
async function readyOrGone(daemon: Daemon, socket: string): Promise<boolean> {
  return daemon.gone() || (await answers(socket));
}
