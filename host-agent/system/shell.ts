/** Runs commands of the operator's by /bin/sh: few at once, each for so long, little of what they print is kept. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ShellCommand } from '../../shared/config/dynamic-tags.ts';
import { commandPath } from './programs.ts';

export interface ShellLimits {
  readonly at_once_max: number;
  readonly waiting_max: number;
  /** From its start. fail2ban's default. */
  readonly timeout_ms: number;
  /** Between SIGTERM and SIGKILL. */
  readonly grace_ms: number;
}

export const shellLimits: ShellLimits = { at_once_max: 8, waiting_max: 500, timeout_ms: 60_000, grace_ms: 500 };

/** How a command ended. `failed`: there was no way to run it, or a signal ended it. */
export type Exit =
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'full' }
  | { readonly kind: 'failed'; readonly why: string };

export interface RunOptions {
  /** Instead of the shell's own. */
  readonly timeout_ms?: number;
  /** How much is kept of what it prints, its end; 0 (or nothing): it prints into nowhere. */
  readonly output_chars_max?: number;
  /** It has ended only when nobody writes any more, what it has left in the background neither. */
  readonly isWhole?: boolean;
}

/** `said`: the end of what it printed, errors and all. */
export type Ended = Exit & { readonly said: string };

export class Shell {
  readonly #limits: ShellLimits;
  readonly #running = new Set<ChildProcess>();
  readonly #waiting: (() => void)[] = [];
  #busy = 0;
  #isClosed = false;

  constructor(limits: ShellLimits = shellLimits) {
    this.#limits = limits;
  }

  /** Runs as `/bin/sh -c`, in a process group of its own, with the folder / and the umask 077, as fail2ban does. Never rejects. */
  async run(command: ShellCommand, options: RunOptions = {}): Promise<Ended> {
    if (this.#busy < this.#limits.at_once_max) this.#busy += 1;
    else if (this.#waiting.length >= this.#limits.waiting_max) return { kind: 'full', said: '' };
    // who ends hands its place over
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const stops: Ended = { kind: 'failed', why: 'edgeban stops', said: '' };
    const exit = this.#isClosed ? stops : await this.#spawn(command, options);
    const next = this.#waiting.shift();
    if (next === undefined) this.#busy -= 1;
    else next();
    return exit;
  }

  /** Ends what runs; what waits is not begun. */
  close(): void {
    this.#isClosed = true;
    for (const child of this.#running) killGroup(child, 'SIGKILL');
  }

  #spawn({ script, values }: ShellCommand, options: RunOptions): Promise<Ended> {
    const { timeout_ms = this.#limits.timeout_ms, output_chars_max = 0, isWhole = false } = options;
    return new Promise((resolve) => {
      const args = ['-c', `umask 077\n${script}`, ...values];
      const output = output_chars_max > 0 ? 'pipe' : 'ignore';
      const ended = isWhole ? 'close' : 'exit';
      const stdio = ['ignore', output, output] as const;
      const child = spawn('/bin/sh', args, { detached: true, cwd: '/', stdio: [...stdio], env: environment() });
      this.#running.add(child);
      const said = keepEnd([child.stdout, child.stderr], output_chars_max);
      const end = (exit: Exit) => {
        clearTimeout(timer);
        this.#running.delete(child);
        resolve({ ...exit, said: said() });
      };
      // also what the shell has left behind, and whether or not it can be killed
      const kill = () => {
        killGroup(child, 'SIGKILL');
        end({ kind: 'timeout' });
      };
      const timer = setTimeout(() => {
        killGroup(child, 'SIGTERM');
        setTimeout(kill, this.#limits.grace_ms);
        child.removeAllListeners(ended);
      }, timeout_ms);
      child.on('error', (error) => end({ kind: 'failed', why: error.message }));
      child.on(ended, (code: number | null, signal: NodeJS.Signals | null) => {
        const exit: Exit = code === null ? { kind: 'failed', why: `ended by ${signal}` } : { kind: 'code', code };
        // its last words may still be on their way; what it has left in the background holds nobody up
        if (isWhole || output === 'ignore' || exit.kind === 'failed' || exit.code === 0) end(exit);
        else setTimeout(end, last_words_ms, exit);
      });
    });
  }
}

const last_words_ms = 20;

/** As the daemon's own, without what is between it and systemd. */
function environment(): NodeJS.ProcessEnv {
  const { NOTIFY_SOCKET: _notify, WATCHDOG_PID: _pid, WATCHDOG_USEC: _usec, ...rest } = process.env;
  return { ...rest, PATH: commandPath().join(':') };
}

/** Reads to the end, so that nobody who writes is held up or ended, and keeps the last characters. */
function keepEnd(streams: readonly (ChildProcess['stdout'] | null)[], chars_max: number): () => string {
  let kept = '';
  for (const stream of streams) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      kept = (kept + text).slice(-chars_max);
    });
    stream?.on('error', () => undefined);
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
  return () => kept;
}

/** The group lives as long as one process of it, also after the shell itself. */
function killGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // nobody of the group is left
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
