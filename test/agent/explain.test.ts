/** What `edgeban explain` says of each way in which an address is banned or is not, beside what nft says itself. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Story } from '../../shared/story.ts';
import { whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';

const root = join(import.meta.dirname, '../..');

function failure(from: string): string {
  const at = new Date().toString().split(' ');
  const stamp = `${at[1]} ${String(Number(at[2])).padStart(2)} ${at[4]}`;
  return `${stamp} web1 sshd[7]: Failed password for root from ${from} port 40022 ssh2\n`;
}

describe('edgeban explain', () => {
  let folder: string;
  let daemon: Edgeban;

  beforeAll(async () => {
    if (whyNot() !== null) return;
    folder = mkdtempSync(join(tmpdir(), 'edgeban-explain-'));
    daemon = new Edgeban(folder);
    appendFileSync(join(daemon.config, 'jail.local'), 'ignoreip = 198.51.100.9\n');
    await daemon.start();
  }, 60_000);
  afterAll(() => {
    daemon?.remove();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const run = (...words: string[]) => {
    const socket = join(folder, 'control.sock');
    const argv = ['explain', ...words, '-c', daemon.config, '-s', socket];
    return execFileSync(join(root, 'host-agent/bin/edgeban'), argv, { encoding: 'utf8' });
  };
  const story = (id: string) => Story.parse(JSON.parse(run(id, '--json')));
  const inKernel = (address: string) => {
    try {
      return daemon.netns.run('nft', 'get', 'element', 'inet', 'f2b-table', 'addr-set-sshd', `{ ${address} }`) !== '';
    } catch {
      return false;
    }
  };
  const jailOf = (id: string) => {
    const found = story(id).jails.find(({ jail }) => jail === 'sshd');
    if (found === undefined) throw new Error(`nothing is known of ${id}`);
    return found;
  };

  it('tells a ban from its first line on, and asks the firewall each time', { timeout: 60_000 }, async (ctx) => {
    const reason = whyNot();
    if (reason !== null) ctx.skip(reason);
    const from = '198.51.100.7';
    daemon.write(failure(from).repeat(5));
    await expect.poll(() => inKernel(from), { timeout: 10_000 }).toBe(true);
    const { ban, lines, actions, counter } = jailOf(from);
    expect(ban).toMatchObject({ count: 1, failures: 5, bantime: 86_400 });
    expect(lines.map(({ count }) => count)).toEqual([1, 2, 3, 4, 5]);
    for (const { line, marks, regex } of lines) {
      expect(marks.map(([a, b]) => line.slice(a, b))).toEqual(expect.arrayContaining(['root', from]));
      expect(regex?.text).toContain('Failed ');
    }
    expect(actions).toEqual([{ action: 'nftables', state: 'blocked' }]);
    expect(counter).toBeNull();
    expect(run(from)).toMatch(/^198\.51\.100\.7 is banned by sshd\n/);
    daemon.netns.run('nft', 'delete', 'element', 'inet', 'f2b-table', 'addr-set-sshd', `{ ${from} }`);
    expect(jailOf(from).actions).toEqual([{ action: 'nftables', state: 'missing' }]);
    expect(run(from)).toContain('does NOT block it');
  });

  it('tells how far an address is from a ban', async (ctx) => {
    const reason = whyNot();
    if (reason !== null) ctx.skip(reason);
    daemon.write(failure('198.51.100.8').repeat(2));
    await expect.poll(() => story('198.51.100.8').jails.length, { timeout: 10_000 }).toBe(1);
    expect(jailOf('198.51.100.8')).toMatchObject({ counter: { retry: 2, failures: 2 }, maxretry: 5, ban: null });
    expect(run('198.51.100.8')).toContain('is not banned: too few failures so far');
    expect(run('198.51.100.8')).toMatch(/counted {2}2 of 5/);
  });

  it('tells what stands in the way: ignoreip, a guard, an unban, nothing at all', { timeout: 60_000 }, async (ctx) => {
    const reason = whyNot();
    if (reason !== null) ctx.skip(reason);
    expect(jailOf('198.51.100.9').spared).toEqual({ by: 'ignoreip (ip)', entry: '198.51.100.9' });
    expect(run('198.51.100.9')).toContain('[sshd] spares it by ignoreip (ip) 198.51.100.9');
    expect(story('104.16.0.1').guard?.code).toBe('ERR_GUARD_CLOUDFLARE');
    expect(run('104.16.0.1')).toContain('a guard forbids it (ERR_GUARD_CLOUDFLARE)');
    daemon.client('set', 'sshd', 'banip', '198.51.100.10');
    expect(jailOf('198.51.100.10')).toMatchObject({ ban: { failures: 0 }, lines: [] });
    daemon.client('set', 'sshd', 'unbanip', '198.51.100.10');
    expect(story('198.51.100.10').jails).toEqual([]);
    expect(run('198.51.100.10')).toContain('no jail has seen it fail');
  });

  it('finds an address in a network that is banned', async (ctx) => {
    const reason = whyNot();
    if (reason !== null) ctx.skip(reason);
    daemon.client('set', 'sshd', 'banip', '203.0.113.0/24');
    await expect
      .poll(() => jailOf('203.0.113.0/24').actions, { timeout: 10_000 })
      .toEqual([{ action: 'nftables', state: 'blocked' }]);
    expect(jailOf('203.0.113.77')).toMatchObject({ ban: { failures: 0 } });
  });

  it('needs a server, and one address', () => {
    expect(() => execFileSync(join(root, 'host-agent/bin/edgeban'), ['explain'], { stdio: 'pipe' })).toThrow(
      /one address/,
    );
  });
});
