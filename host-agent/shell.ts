/** Runs commands of the operator's by /bin/sh: few at once, each for so long, nothing of them read. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ShellCommand } from '../shared/config/dynamic-tags.ts';

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
  async run(command: ShellCommand): Promise<Exit> {
    if (this.#busy < this.#limits.at_once_max) this.#busy += 1;
    else if (this.#waiting.length >= this.#limits.waiting_max) return { kind: 'full' };
    // who ends hands its place over
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const exit: Exit = this.#isClosed ? { kind: 'failed', why: 'edgeban stops' } : await this.#spawn(command);
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

  #spawn({ script, values }: ShellCommand): Promise<Exit> {
    return new Promise((resolve) => {
      const args = ['-c', `umask 077\n${script}`, ...values];
      const child = spawn('/bin/sh', args, { detached: true, cwd: '/', stdio: 'ignore' });
      this.#running.add(child);
      const end = (exit: Exit) => {
        clearTimeout(timer);
        this.#running.delete(child);
        resolve(exit);
      };
      // also what the shell has left behind, and whether or not it can be killed
      const kill = () => {
        killGroup(child, 'SIGKILL');
        end({ kind: 'timeout' });
      };
      const timer = setTimeout(() => {
        killGroup(child, 'SIGTERM');
        setTimeout(kill, this.#limits.grace_ms);
        child.removeAllListeners('exit');
      }, this.#limits.timeout_ms);
      child.on('error', (error) => end({ kind: 'failed', why: error.message }));
      child.on('exit', (code, signal) =>
        end(code === null ? { kind: 'failed', why: `ended by ${signal}` } : { kind: 'code', code }),
      );
    });
  }
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
