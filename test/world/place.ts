/** A place where programs run: a network namespace, for hosts with mounts and a host name of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The exit code of a command that took longer than it may, as timeout(1) has it. */
export const timedOut = 124;

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/** A program that was started and is ours to stop. */
export class Program {
  readonly name: string;
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(name: string, child: ChildProcess, logFile: string) {
    this.name = name;
    this.#child = child;
    this.logFile = logFile;
    this.ended = new Promise((resolve) => {
      child.on('close', (code) => resolve(code));
      child.on('error', () => resolve(null));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Signals the program's whole process group and waits for its end. */
  async kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return;
    process.kill(-this.pid, signal);
    await this.ended;
  }
}

export class Place {
  readonly name: string;
  /** What comes before a command so that it runs here. */
  readonly #entry: readonly string[];

  constructor(name: string, entry: readonly string[]) {
    this.name = name;
    this.#entry = entry;
  }

  /** The same for a shell script. */
  get shellPrefix(): string {
    return ['exec', ...this.#entry].join(' ');
  }

  /** Runs a command to its end; a non-zero exit code is an answer, not an error. */
  async run(command: readonly string[], options: { env?: NodeJS.ProcessEnv; timeout_ms?: number } = {}): Promise<Ran> {
    const [program = '', ...args] = [...this.#entry, ...command];
    const limits = { timeout: options.timeout_ms ?? 60_000, maxBuffer: 64 * 1024 * 1024 };
    try {
      const { stdout, stderr } = await execute(program, args, { env: { ...process.env, ...options.env }, ...limits });
      return { stdout, stderr, code: 0 };
    } catch (error) {
      const failed = error as { stdout?: string; stderr?: string; code?: unknown; killed?: boolean; message: string };
      const code = failed.killed === true ? timedOut : typeof failed.code === 'number' ? failed.code : 255;
      return { stdout: failed.stdout ?? '', stderr: failed.stderr || failed.message, code };
    }
  }

  /** Like run, but a non-zero exit code is an error. */
  async must(command: readonly string[], options: { env?: NodeJS.ProcessEnv } = {}): Promise<string> {
    const ran = await this.run(command, options);
    if (ran.code !== 0) throw new Error(`${this.name}: ${command.join(' ')}: exit ${ran.code}: ${ran.stderr.trim()}`);
    return ran.stdout;
  }

  /** Starts a program in a process group of its own; what it prints goes to `logFile`. */
  start(name: string, command: readonly string[], logFile: string, env: NodeJS.ProcessEnv = {}): Program {
    const [program = '', ...args] = [...this.#entry, ...command];
    const log = openSync(logFile, 'a');
    const stdio: ['ignore', number, number] = ['ignore', log, log];
    const child = spawn(program, args, { stdio, detached: true, env: { ...process.env, ...env } });
    closeSync(log);
    return new Program(name, child, logFile);
  }
}

/** The namespaces that the caller itself is in. */
export const here = new Place('here', []);
