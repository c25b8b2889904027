/** A program in a real terminal (python3's pty): what stands on its screen, keys, sizes, and how it leaves the terminal. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { z } from 'zod';

const driver = new URL('./drive.py', import.meta.url).pathname;
const Left = z.object({ code: z.number(), restored: z.boolean() });

/** Null: there can be a terminal here. */
export function whyNoTerminal(): string | null {
  return spawnSync('python3', ['-c', 'import pty']).status === 0 ? null : 'needs python3 for its pty';
}

export class Pty {
  readonly #child: ChildProcess;
  readonly #ended: Promise<z.infer<typeof Left>>;
  #printed = '';

  constructor(size: readonly [rows: number, columns: number], command: readonly string[], env: Record<string, string>) {
    const argv = [driver, ...size.map(String), ...command];
    this.#child = spawn('python3', argv, { env: { ...process.env, TERM: 'xterm', NO_COLOR: '', ...env } });
    onTestFinished(() => void this.#child.kill('SIGKILL'));
    this.#child.stdout?.on('data', (part: Buffer) => {
      this.#printed += part.toString('utf8');
    });
    let said = '';
    this.#child.stderr?.on('data', (part: Buffer) => {
      said += part.toString('utf8');
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('close', () => {
        try {
          resolve(Left.parse(JSON.parse(said)));
        } catch {
          reject(new Error(`the terminal's driver failed: ${said}`));
        }
      });
    });
    this.#ended.catch(() => undefined);
  }

  press(keys: string): void {
    this.#child.stdin?.write(`key ${JSON.stringify(keys)}\n`);
  }

  resize(rows: number, columns: number): void {
    this.#child.stdin?.write(`size ${rows} ${columns}\n`);
  }

  /** All bytes so far. */
  get printed(): string {
    return this.#printed;
  }

  /** The lines of the last whole frame: from cursor home to the erasing of what is below. */
  get lines(): string[] {
    const end = this.#printed.lastIndexOf('\x1b[J');
    const start = this.#printed.lastIndexOf('\x1b[H', end);
    if (end < 0 || start < 0) return [];
    return this.#printed
      .slice(start + 3, end)
      .replace(/\x1b\[[\d;]*[mK]/g, '')
      .split(/\r*\n/);
  }

  get screen(): string {
    return this.lines.join('\n');
  }

  /** How it ended, and whether the terminal's modes are as they were before. */
  ended(): Promise<z.infer<typeof Left>> {
    return this.#ended;
  }
}
