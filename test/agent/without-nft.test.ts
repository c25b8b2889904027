/** A daemon whose nft goes away or fails, at its start and while it runs: no ban counts as in force, and all are when nft is back. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';

const nft = ['/usr/sbin/nft', '/usr/bin/nft', '/sbin/nft'].find(existsSync) ?? '';
const wait = { timeout: 75_000, interval: 200 };

/** It has a view of the file system of its own, in which something else can stand in nft's place. */
class Deprived extends Edgeban {
  get stand(): string {
    return join(this.folder, 'nft');
  }

  protected override server() {
    const { command, env } = super.server();
    const script = `[ ! -e "$0" ] || mount --bind "$0" ${nft}; exec "$@"`;
    const alone = ['unshare', '--mount', '--propagation', 'private'];
    return { command: [...alone, 'sh', '-c', script, this.stand, ...command], env };
  }

  /**
   * `text`: the script that stands for nft; null: something that cannot be run. It is in a file of its own: a shell that
   * opens its script by nft's name, when nft is back there, would run that as one.
   */
  take(text: string | null): void {
    const script = join(this.folder, 'script');
    writeFileSync(script, text ?? '');
    writeFileSync(this.stand, text === null ? '' : `#!/bin/sh ${script}\n`);
    chmodSync(this.stand, text === null ? 0o644 : 0o755);
  }

  takeNow(text: string | null): void {
    this.take(text);
    this.#inside('mount', '--bind', this.stand, nft);
    // the nft that waits for work is another one
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'latin1').trim();
    for (const pid of children.split(' ').filter((one) => one !== '')) spawnSync('kill', ['-9', pid]);
  }

  giveBack(): void {
    this.#inside('umount', nft);
    rmSync(this.stand);
  }

  /** Never in the view that all share. */
  #inside(...command: readonly string[]): void {
    const view = (pid: string) => readlinkSync(`/proc/${pid}/ns/mnt`);
    if (view(String(this.pid)) === view('self')) throw new Error('the daemon has no view of its own');
    execFileSync('nsenter', ['-t', String(this.pid), '-m', ...command]);
  }
}

const failing = 'echo "Error: Could not process rule: Operation not permitted" >&2\nexit 1\n';

describe('a daemon without nft', () => {
  let folder: string;
  let daemon: Deprived;

  beforeEach((ctx) => {
    const reason = whyNot();
    if (reason !== null) ctx.skip(reason);
    folder = mkdtempSync(join(tmpdir(), 'edgeban-without-nft-'));
    daemon = new Deprived(folder);
  });
  afterEach(async () => {
    await daemon?.remove();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const log = () => readFileSync(join(folder, 'edgeban.log'), 'utf8');
  const status = () => daemon.client('status', 'sshd');
  const ban = (address: string) => daemon.client('set', 'sshd', 'banip', address).trim();

  for (const [name, stand, code] of [
    ['missing', null, 'ERR_NFT_MISSING'],
    ['failing', failing, 'ERR_NFT_REFUSED'],
  ] as const) {
    it(`${name} while it runs`, { timeout: 300_000 }, async () => {
      await daemon.start();
      expect(ban('198.51.100.1')).toBe('1');
      await vi.waitFor(() => expect(daemon.inKernel()).toBe(1), wait);
      daemon.takeNow(stand);
      expect(ban('198.51.100.2')).toBe('1');
      // the action as a whole (*), if its review came first
      await vi.waitFor(() => expect(status()).toMatch(/Not in force:\s+(198\.51\.100\.2|\*)\[nftables\]/), wait);
      expect(log()).toMatch(new RegExp(`failed( to ban 198\\.51\\.100\\.2)?: .*\\(${code}\\); it is tried again`));
      expect(daemon.inKernel()).toBe(1);
      daemon.giveBack();
      await vi.waitFor(() => expect(daemon.inKernel()).toBe(2), wait);
      await vi.waitFor(() => expect(status()).not.toContain('Not in force'), wait);
      expect(log()).toContain('works again');
    });

    it(`${name} at its start`, { timeout: 300_000 }, async () => {
      await daemon.start();
      expect(ban('198.51.100.1')).toBe('1');
      await daemon.stop();
      daemon.netns.script('flush ruleset\n');
      daemon.take(stand);
      await daemon.start();
      expect(status()).toMatch(/Banned IP list:\s+198\.51\.100\.1/);
      await vi.waitFor(() => expect(status()).toMatch(/Not in force:\s+\*\[nftables\]/), wait);
      expect(log()).toMatch(new RegExp(`action nftables failed: .*\\(${code}\\); it is tried again`));
      daemon.giveBack();
      await vi.waitFor(() => expect(daemon.inKernel()).toBe(1), wait);
      await vi.waitFor(() => expect(status()).not.toContain('Not in force'), wait);
    });
  }
});
