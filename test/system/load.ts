/** Bans and unbans on hosts, by commands and by lines of a log, and what must come of them. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from '../../host-agent/control/client.ts';
import { below, oneOf } from '../random.ts';
import type { Host } from '../world/host.ts';
import { until } from '../world/wait.ts';

const maxretry = 3;
const pool = Array.from({ length: 40 }, (_, n) => `203.0.113.${n + 100}`);

/** A jail whose bans end within the scene. */
export const briefBan = { jail: 'brief', bantime_s: 6 } as const;

const logOf = (host: Host) => join(host.folder, 'logs/auth.log');

export function prepareJails(host: Host): void {
  mkdirSync(join(host.folder, 'logs'), { recursive: true });
  writeFileSync(logOf(host), '');
  const its = `enabled = true\nbackend = auto\nlogpath = ${logOf(host)}\n`;
  const jails = `[sshd]\n${its}maxretry = ${maxretry}\nbantime = 1h\n
[${briefBan.jail}]\n${its}filter = sshd\nmaxretry = 1000\nbantime = ${briefBan.bantime_s}\n`;
  writeFileSync(join(host.config, 'jail.local'), jails);
}

export class Load {
  /** What each host holds in its jail sshd. */
  readonly held: readonly Set<string>[];
  /** Bans and unbans in the jail sshd, and bans in the brief one. */
  changes = 0;
  briefs = 0;
  readonly #hosts: readonly Host[];
  readonly #random: () => number;
  /** Of each host: whose failures are in the log, and may not be read yet. */
  readonly #coming: readonly Set<string>[];

  constructor(hosts: readonly Host[], random: () => number) {
    this.#hosts = hosts;
    this.#random = random;
    this.held = hosts.map(() => new Set());
    this.#coming = hosts.map(() => new Set());
  }

  async act(): Promise<void> {
    const n = below(this.#random, this.#hosts.length);
    const [host, held, coming] = [this.#hosts[n], this.held[n], this.#coming[n]];
    if (host === undefined || held === undefined || coming === undefined) throw new Error('no such host');
    await this.#look(host, held, coming);
    const address = oneOf(this.#random, pool);
    const chance = this.#random();
    if (chance < 0.1) await this.#brief(host);
    else if (held.has(address)) await this.#order(host, 'unbanip', address, () => held.delete(address));
    else if (coming.has(address)) return;
    else if (chance < 0.5) this.#attack(host, coming, address);
    else await this.#order(host, 'banip', address, () => held.add(address));
  }

  /** All that stands in the logs has been read. */
  async settle(): Promise<void> {
    for (const [n, host] of this.#hosts.entries()) {
      const [held, coming] = [this.held[n] ?? new Set<string>(), this.#coming[n] ?? new Set<string>()];
      await until(`${host.name} has read its log`, async () => {
        await this.#look(host, held, coming);
        return coming.size === 0;
      });
    }
  }

  async #look(host: Host, held: Set<string>, coming: Set<string>): Promise<void> {
    if (coming.size === 0) return;
    const reply = await request(host.socket, ['get', 'sshd', 'banip'], { timeout: 20 });
    const there = new Set('ok' in reply && Array.isArray(reply.ok) ? reply.ok.map(String) : []);
    for (const address of coming) if (there.has(address) && coming.delete(address)) held.add(address);
  }

  #attack(host: Host, coming: Set<string>, address: string): void {
    appendFileSync(logOf(host), failedLines(address, maxretry));
    coming.add(address);
    this.changes += 1;
  }

  async #order(host: Host, word: string, address: string, done: () => void): Promise<void> {
    await orderOne(host, 'sshd', word, address);
    done();
    this.changes += 1;
  }

  async #brief(host: Host): Promise<void> {
    this.briefs += 1;
    await orderOne(host, briefBan.jail, 'banip', `198.18.0.${this.briefs}`);
  }
}

/** Lines of sshd, one for each failure. */
export function failedLines(address: string, count: number): string {
  const line = (n: number) => `${stamp()}host sshd[${n}]: Failed password for root from ${address} port 4000 ssh2\n`;
  return Array.from({ length: count }, (_, n) => line(n + 1)).join('');
}

async function orderOne(host: Host, jail: string, word: string, address: string): Promise<void> {
  const reply = await request(host.socket, ['set', jail, word, address], { timeout: 20 });
  if (!('ok' in reply) || reply.ok !== 1) throw new Error(`${host.name}: ${word} ${address}: ${JSON.stringify(reply)}`);
}

function stamp(): string {
  const [date, time] = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().split(/[T.]/);
  return `${date} ${time} `;
}
