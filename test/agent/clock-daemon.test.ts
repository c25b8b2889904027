/** A daemon by itself, in a network namespace, whose clock is set while it runs: its bans, and the kernel's, whose time-outs have a clock of their own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';

const hour_ms = 3_600_000;
const wait = { timeout: 60_000, interval: 100 };

/** What has to be loaded into a program so that its clock can be set, or why it cannot be had. */
function faketime(): { readonly preload: string } | { readonly missing: string } {
  try {
    return { preload: execFileSync('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' }).trim() };
  } catch {
    return { missing: 'needs faketime' };
  }
}

class Clocked extends Edgeban {
  readonly #preload: string;
  #ahead_ms = 0;

  constructor(folder: string, preload: string) {
    super(folder);
    this.#preload = preload;
    this.#setClock(0);
  }

  /** From the true time; resolves when the daemon has seen it. */
  async set(hours: number): Promise<void> {
    const seen = () => this.told().split('the clock went').length;
    const before = seen();
    this.#setClock(hours);
    await vi.waitFor(() => expect(seen()).toBe(before + 1), wait);
  }

  #setClock(hours: number): void {
    this.#ahead_ms = hours * hour_ms;
    // at once: what is read half written would be another clock
    writeFileSync(`${this.#clock}.new`, `${hours < 0 ? '' : '+'}${hours * 3_600}\n`);
    renameSync(`${this.#clock}.new`, this.#clock);
  }

  told(): string {
    return readFileSync(join(this.folder, 'edgeban.log'), 'utf8');
  }

  get #clock(): string {
    return join(this.folder, 'clock');
  }

  protected override server() {
    const { command, env } = super.server();
    const clock = { FAKETIME_TIMESTAMP_FILE: this.#clock, FAKETIME_CACHE_DURATION: '1', NO_FAKE_STAT: '1' };
    // setting the clock does not move the one that only runs on
    return { command, env: { ...env, ...clock, LD_PRELOAD: this.#preload, FAKETIME_DONT_FAKE_MONOTONIC: '1' } };
  }

  /** As the syslog daemon of such a host writes them. */
  attack(address: string): void {
    const at = new Date(Date.now() + this.#ahead_ms).toISOString();
    this.write(`${at} web1 sshd[7]: Failed password for root from ${address} port 40022 ssh2\n`.repeat(5));
  }

  /** The addresses in the kernel's set. */
  blocked(): string[] {
    const table = this.netns.run('nft', 'list', 'table', 'inet', 'f2b-table');
    const [, elements = ''] = /set addr-set-sshd \{[^}]*elements = \{([^}]*)\}/.exec(table) ?? [];
    return [...elements.matchAll(/\d+\.\d+\.\d+\.\d+/g)].map(([address]) => address).toSorted();
  }

  /** How long the kernel will go on blocking it. */
  left_s(address: string): number {
    const json = this.netns.run('nft', '-j', 'list', 'set', 'inet', 'f2b-table', 'addr-set-sshd');
    const { nftables } = JSON.parse(json) as {
      nftables: { set?: { elem: { elem: { val: string; expires: number } }[] } }[];
    };
    const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
    return elements.find(({ elem }) => elem.val === address)?.elem.expires ?? 0;
  }

  held(): string[] {
    return this.client('get', 'sshd', 'banip').split(/\s+/).filter(Boolean).toSorted();
  }
}

let folder: string;
let daemon: Clocked;

beforeEach(async (ctx) => {
  const found = faketime();
  const reason = whyNot() ?? ('missing' in found ? found.missing : null);
  if (reason !== null || 'missing' in found) return ctx.skip(reason ?? '');
  folder = mkdtempSync(join(tmpdir(), 'edgeban-clock-'));
  daemon = new Clocked(folder, found.preload);
  writeFileSync(
    join(daemon.config, 'jail.local'),
    `[DEFAULT]\nbantime = 1h\nbanaction = nftables\n[sshd]\nenabled = true\nbackend = auto\nlogpath = ${daemon.log}\n`,
  );
  await daemon.start();
});

afterEach(async () => {
  await daemon?.remove();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function stands(addresses: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect([daemon.held(), daemon.blocked()]).toEqual([addresses, addresses]), wait);
}

it('forth, back by a day, with a restart and a crash meanwhile, and right again', { timeout: 300_000 }, async () => {
  daemon.attack('198.51.100.1');
  await stands(['198.51.100.1']);
  // the kernel's time-outs, which run by a clock that nobody sets, follow
  await daemon.set(-0.75);
  await vi.waitFor(() => expect(daemon.left_s('198.51.100.1')).toBeGreaterThan(6_000), wait);
  await daemon.set(0.5);
  await vi.waitFor(() => expect(daemon.left_s('198.51.100.1')).toBeLessThan(1_800), wait);
  expect(daemon.told()).toMatch(/WARNING the clock went back by 45m.*: the time-outs in the firewall are set anew/);
  // its time has come
  await daemon.set(2);
  await stands([]);
  daemon.attack('198.51.100.2');
  await stands(['198.51.100.2']);
  // nobody is let go early, and bans go on
  await daemon.set(-22);
  daemon.attack('198.51.100.3');
  await stands(['198.51.100.2', '198.51.100.3']);
  await daemon.stop();
  await daemon.start();
  await stands(['198.51.100.2', '198.51.100.3']);
  await daemon.kill();
  await daemon.start();
  await stands(['198.51.100.2', '198.51.100.3']);
  daemon.attack('198.51.100.4');
  await stands(['198.51.100.2', '198.51.100.3', '198.51.100.4']);
  // it has an hour of its own from two hours ahead
  await daemon.set(0);
  await stands(['198.51.100.2']);
  await daemon.set(4);
  await stands([]);
  const banned = [...daemon.told().matchAll(/NOTICE\s+\[sshd\] Ban (\S+)/g)].map(([, address]) => address);
  expect(banned).toEqual(['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4']);
});
