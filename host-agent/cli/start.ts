/** Starting the daemon in the background, and waiting until it answers. */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../control/client.ts';
import type { Options } from './options.ts';
import type { HostPorts, ServerSettings } from './ports.ts';
import { type ExitCode, exitCodes } from './program.ts';
import { sayError, type Terminal } from './terminal.ts';

/** How much of a failed daemon's stderr is shown, in bytes. */
const stderr_bytes_max = 64 * 1024;

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
  const { socket, pidfile, logtarget, loglevel, dbfile } = settings;
  const paths = ['-c', options.configDir, '-s', socket, '-p', pidfile, '--dbfile', dbfile];
  return ['-f', ...paths, '--logtarget', logtarget, '--loglevel', loglevel, 'start'];
}

interface Daemon {
  gone(): boolean;
  /** What it has said before its log was open. */
  stderr(): string;
  /** Lets this program end while the daemon goes on. */
  release(): void;
}

/** Its stderr goes to a file without a name: a pipe would break when we end, and /dev/null would hide why it did not start. */
function launch(command: readonly string[], args: readonly string[]): Daemon {
  const [program = process.execPath, ...first] = command;
  const stderr = namelessFile();
  const child = spawn(program, [...first, ...args], { detached: true, stdio: ['ignore', 'ignore', stderr], cwd: '/' });
  let gone = false;
  child.on('error', () => {
    gone = true;
  });
  child.on('exit', () => {
    gone = true;
  });
  return {
    gone: () => gone,
    stderr: () => textOf(stderr),
    release: () => {
      child.unref();
      closeSync(stderr);
    },
  };
}

function namelessFile(): number {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-start-'));
  try {
    return openSync(join(dir, 'stderr'), 'wx+', 0o600);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function textOf(fd: number): string {
  const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, stderr_bytes_max));
  const length = readSync(fd, bytes, 0, bytes.length, 0);
  return bytes.subarray(0, length).toString('utf8').trimEnd();
}

/** The socket answers after the jails have started (the daemon opens it last), or the process is gone. */
async function readyOrGone(daemon: Daemon, socket: string): Promise<boolean> {
  return daemon.gone() || (await answers(socket));
}
