/** A daemon by itself, in a network namespace, and what becomes of it when it is killed, its disk is full, its database is rubbish, its table is gone. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';

const address = (i: number) => `198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;

function failures(of: string, count: number): string {
  const at = new Date().toString().split(' ');
  const stamp = `${at[1]} ${String(Number(at[2])).padStart(2)} ${at[4]}`;
  return `${stamp} web1 sshd[7]: Failed password for root from ${of} port 40022 ssh2\n`.repeat(count);
}

describe('a daemon under torture', () => {
  let folder: string;
  let daemon: Edgeban;
  let isMounted = false;

  beforeEach(async (ctx) => {
    const reason = whyNot();
    if (reason !== null) ctx.skip(reason);
    folder = mkdtempSync(join(tmpdir(), 'edgeban-torture-'));
    daemon = new Edgeban(folder);
    await daemon.start();
  });
  afterEach(async () => {
    await daemon?.remove();
    if (isMounted) execFileSync('umount', ['-l', join(folder, 'small')]);
    isMounted = false;
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const log = () => readFileSync(join(folder, 'edgeban.log'), 'utf8');
  const held = () => Number(/Currently banned:\s*(\d+)/.exec(daemon.client('status', 'sshd'))?.[1]);
  const inKernel = (wanted: string) => {
    try {
      return daemon.netns.run('nft', 'list', 'set', 'inet', 'f2b-table', 'addr-set-sshd').includes(`${wanted} `);
    } catch {
      return false;
    }
  };

  it('killed in a burst of 5,000 bans it goes on, and no ban is lost or doubled', { timeout: 300_000 }, async () => {
    daemon.write(Array.from({ length: 5_000 }, (_, i) => failures(address(i), 5)).join(''));
    for (const enough of [300, 1_500, 3_000]) {
      await until('some bans', () => daemon.inKernel() >= enough);
      await daemon.kill();
      const kept = daemon.inKernel();
      expect(kept).toBeGreaterThanOrEqual(enough); // the kernel goes on blocking
      await daemon.start();
      expect(daemon.inKernel()).toBeGreaterThanOrEqual(kept);
    }
    await until('all bans', () => daemon.inKernel() === 5_000);
    await until('all bans in the store', () => held() === 5_000);
    const bans = log().match(/NOTICE\s+\[sshd\] Ban (\S+)/g) ?? [];
    expect(new Set(bans).size).toBe(bans.length);
  });

  it('makes its table anew when somebody else has taken it away, within 30 s', { timeout: 180_000 }, async () => {
    daemon.client('set', 'sshd', 'banip', '198.51.100.1');
    daemon.netns.script('flush ruleset\n');
    const began = performance.now();
    await until('the repair', () => inKernel('198.51.100.1'), 40_000);
    expect(performance.now() - began).toBeLessThan(30_000);
    // a ban finds out at once
    daemon.netns.script('flush ruleset\n');
    daemon.client('set', 'sshd', 'banip', '198.51.100.2');
    await until('both', () => inKernel('198.51.100.1') && inKernel('198.51.100.2'), 15_000);
  });

  it('with a damaged database it starts with a new one, and says so', { timeout: 180_000 }, async () => {
    daemon.client('set', 'sshd', 'banip', '198.51.100.1');
    await daemon.kill();
    for (const name of readdirSync(folder).filter((one) => one.startsWith('edgeban.sqlite3')))
      writeFileSync(join(folder, name), Buffer.alloc(20_000, 'rubbish'));
    await daemon.start();
    expect(log()).toMatch(/it was moved to .*edgeban\.sqlite3\.\d+, and a new one is made/);
    daemon.write(failures('198.51.100.2', 5));
    await until('the next ban', () => inKernel('198.51.100.2'));
  });

  it('with a full disk it bans all the same, says so, and writes again when there is room', {
    timeout: 180_000,
  }, async () => {
    await daemon.stop();
    const small = join(folder, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small]);
    isMounted = true;
    const settings = [
      '[Definition]',
      `dbfile = ${join(small, 'db')}`,
      `logtarget = ${join(folder, 'edgeban.log')}`,
      '',
    ];
    writeFileSync(join(daemon.config, 'edgeban.local'), settings.join('\n'));
    await daemon.start();
    fill(join(small, 'ballast'));
    daemon.write(Array.from({ length: 200 }, (_, i) => failures(address(i), 5)).join(''));
    await until('the bans', () => daemon.inKernel() >= 200);
    await until('the word of it', () => log().includes('the database cannot be written'));
    rmSync(join(small, 'ballast'));
    await until('the store', () => held() === 200, 60_000);
    expect(log()).toContain('the database can be written again');
    expect(daemon.inKernel()).toBe(200);
  });

  it('200,000 addresses that fail once take a bounded room', { timeout: 300_000 }, async () => {
    const before = daemon.memory().now_mb;
    daemon.write(
      Array.from({ length: 200_000 }, (_, i) => failures(address(i), 1)).join('') + failures('203.0.113.9', 5),
    );
    await until('the last line', () => inKernel('203.0.113.9'), 240_000);
    expect(daemon.memory().peak_mb - before).toBeLessThan(400);
    expect(daemon.inKernel()).toBe(1);
  });
});

function fill(path: string): void {
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=4k'], { stdio: 'ignore' });
  } catch {
    // that is what was wanted: no space left on the device
  }
}

async function until(what: string, done: () => boolean, ms_max = 60_000): Promise<void> {
  for (const end = performance.now() + ms_max; performance.now() < end; ) {
    if (done()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain for ${what}`);
}
