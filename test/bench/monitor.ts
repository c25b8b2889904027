/** What the scale measurements look at and print: when the kernel takes an element in, and how figures are shown. */
import { spawn } from 'node:child_process';
import type { Netns } from '../actions/netns.ts';
import { pause } from './daemon.ts';

export const figure = (name: string, value: string) => console.log(`    ${name.padEnd(44)} ${value}`);
export const ms = (value: number) => `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;

export function stamp(): string {
  const at = new Date();
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][at.getMonth()];
  return `${month} ${String(at.getDate()).padStart(2)} ${at.toTimeString().slice(0, 8)}`;
}

export function failed(address: string, port = 40_022): string {
  return `${stamp()} web1 sshd[4242]: Failed password for root from ${address} port ${port} ssh2\n`;
}

const probe =
  'table inet bench { set probe { type ipv4_addr; }; }\nflush set inet bench probe\nadd element inet bench probe { 192.0.2.1 }\n';

type MonitoredNetns = Pick<Netns, 'prefix' | 'script'>;

/** Tells when the kernel takes an element in. */
export class Monitor {
  readonly #child;
  readonly #waiting = new Map<string, (at: number) => void>();
  #rest = '';

  private constructor(netns: MonitoredNetns) {
    const [file, ...args] = [...netns.prefix, 'nft', 'monitor', 'elements'];
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1'), performance.now()));
  }

  #take(text: string, at: number): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, table, address] = /^add element \S+ (\S+) \S+ \{ (\S+)/.exec(line) ?? [];
      if (table !== undefined && address !== undefined) this.#waiting.get(`${table} ${address}`)?.(at);
    }
  }

  /**
   * nft first reads all elements that are there, which takes longer the more there are; what comes meanwhile it never tells.
   * Each change makes it begin anew. So an element is added somewhere else, ever less often, until it tells of one.
   */
  static async listening(netns: MonitoredNetns): Promise<Monitor> {
    const monitor = new Monitor(netns);
    const heard = monitor.seen('192.0.2.1', 'bench', 60_000).then(() => true);
    let wait_ms = 100;
    do {
      netns.script(probe);
      wait_ms *= 2;
    } while (!(await Promise.race([heard, pause(wait_ms)])));
    netns.script('delete table inet bench\n');
    return monitor;
  }

  /** Resolves to when it came, in milliseconds that only grow. */
  seen(address: string, table = 'f2b-table', ms_max = 30_000): Promise<number> {
    const key = `${table} ${address}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${address} did not come`)), ms_max);
      this.#waiting.set(key, (at) => {
        clearTimeout(timer);
        this.#waiting.delete(key);
        resolve(at);
      });
    });
  }

  close(): void {
    this.#child.kill();
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

export function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `median ${ms(median(values))}, 90 % ${ms(sorted[Math.floor(sorted.length * 0.9)] ?? 0)}, n = ${values.length}`;
}
