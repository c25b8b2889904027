/** What `edgeban explain` says of each way in which an address is banned or is not, beside what nft says itself. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Story } from '../../shared/story.ts';
import { whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';

const root = join(import.meta.dirname, '../..');

function failure(from: string): string {
  const at = new Date().toString().split(' ');
  const stamp = `${at[1]} ${String(Number(at[2])).padStart(2)} ${at[4]}`;
  return `${stamp} web1 sshd[7]: Failed password for root from ${from} port 40022 ssh2\n`;
}

const reason = whyNot();
const soon = { timeout: 180_000 };
const own = '192.0.2.77';
/** Jails for ways of their own, each on a log of its own. */
const ways = `ignoreip = 198.51.100.9
[asked]
enabled = true
filter = sshd
logpath = DIR/asked.log
ignorecommand = test <ip> = 198.51.100.20
[wide]
enabled = true
filter = sshd
logpath = DIR/wide.log
ipv6prefix = 64
[failing]
enabled = true
filter = sshd
logpath = DIR/failing.log
action = failing
[short]
enabled = true
filter = sshd
logpath = DIR/short.log
bantime = 1
[recidive]
enabled = true
logpath = DIR/edgeban.log
maxretry = 2
`;

describe('edgeban explain', () => {
  let folder: string;
  let daemon: Edgeban;

  beforeAll(async () => {
    if (reason !== null) return;
    folder = mkdtempSync(join(tmpdir(), 'edgeban-explain-'));
    daemon = new Edgeban(folder);
    for (const name of ['asked', 'wide', 'failing', 'short', 'edgeban']) writeFileSync(join(folder, `${name}.log`), '');
    writeFileSync(join(daemon.config, 'action.d/failing.conf'), '[Definition]\nactionban = false\n');
    appendFileSync(join(daemon.config, 'jail.local'), ways.replaceAll('DIR', folder));
    daemon.netns.run('ip', 'addr', 'add', own, 'dev', 'lo');
    await daemon.start();
  });
  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
  });
  afterAll(async () => {
    await daemon?.remove();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const run = (...words: string[]) => {
    const socket = join(folder, 'control.sock');
    const argv = ['explain', ...words, '-c', daemon.config, '-s', socket];
    return execFileSync(join(root, 'host-agent/bin/edgeban'), argv, { encoding: 'utf8' });
  };
  const story = (id: string) => Story.parse(JSON.parse(run(id, '--json')));
  const inKernel = (address: string, set = 'addr-set-sshd') => {
    try {
      return daemon.netns.run('nft', 'get', 'element', 'inet', 'f2b-table', set, `{ ${address} }`) !== '';
    } catch {
      return false;
    }
  };
  const jailOf = (id: string, name = 'sshd') => {
    const found = story(id).jails.find(({ jail }) => jail === name);
    if (found === undefined) throw new Error(`nothing is known of ${id}`);
    return found;
  };

  it('tells a ban from its first line on, and asks the firewall each time', { timeout: 180_000 }, async () => {
    const from = '198.51.100.7';
    daemon.write(failure(from).repeat(5));
    await expect.poll(() => inKernel(from), soon).toBe(true);
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

  it('tells how far an address is from a ban', async () => {
    daemon.write(failure('198.51.100.8').repeat(2));
    await expect.poll(() => story('198.51.100.8').jails.length, soon).toBe(1);
    expect(jailOf('198.51.100.8')).toMatchObject({ counter: { retry: 2, failures: 2 }, maxretry: 5, ban: null });
    expect(run('198.51.100.8')).toContain('is not banned: too few failures so far, [sshd] 2 of 5\n');
    expect(run('198.51.100.8')).toMatch(/counted {2}2 of 5/);
  });

  it('tells what stands in the way: ignoreip, a guard, an unban, nothing at all', { timeout: 180_000 }, async () => {
    expect(jailOf('198.51.100.9').spared).toEqual({ by: 'ignoreip (ip)', entry: '198.51.100.9' });
    expect(run('198.51.100.9')).toContain('[sshd] spares it by ignoreip (ip) 198.51.100.9');
    expect(story('104.16.0.1').guard?.code).toBe('ERR_GUARD_CLOUDFLARE');
    expect(run('104.16.0.1')).toContain('a guard forbids it (ERR_GUARD_CLOUDFLARE)');
    daemon.client('set', 'sshd', 'banip', '198.51.100.10');
    expect(jailOf('198.51.100.10')).toMatchObject({ ban: { failures: 0 }, lines: [] });
    daemon.client('set', 'sshd', 'unbanip', '198.51.100.10');
    expect(story('198.51.100.10').strangers).toContain('sshd');
    expect(inKernel('198.51.100.10')).toBe(false);
    expect(run('198.51.100.11')).toContain('no jail has seen it fail');
  });

  it('finds an address in a network that is banned', async () => {
    daemon.client('set', 'sshd', 'banip', '203.0.113.0/24');
    await expect.poll(() => jailOf('203.0.113.0/24').actions, soon).toEqual([{ action: 'nftables', state: 'blocked' }]);
    expect(jailOf('203.0.113.77')).toMatchObject({ ban: { failures: 0 } });
  });

  it('tells of ignorecommand and ignoreself', async () => {
    appendFileSync(join(folder, 'asked.log'), failure('198.51.100.20').repeat(9));
    const asked = { by: 'ignorecommand', entry: 'test <ip> = 198.51.100.20' };
    await expect.poll(() => story('198.51.100.20').jails[0]?.spared, soon).toEqual(asked);
    expect(run('198.51.100.20')).toContain('is not banned: [asked] spares it by ignorecommand test <ip> =');
    expect(jailOf(own).spared).toEqual({ by: 'ignoreself', entry: own });
    expect(inKernel('198.51.100.20', 'addr-set-asked') || inKernel(own)).toBe(false);
  });

  it('tells of a prefix what befalls those in it', async () => {
    const hosts = [1, 2, 3, 4, 5].map((n) => `2001:db8:7::${n}`);
    appendFileSync(join(folder, 'wide.log'), hosts.map(failure).join(''));
    await expect.poll(() => inKernel('2001:db8:7::5', 'addr6-net-wide'), soon).toBe(true);
    const { ban, actions, lines } = jailOf('2001:db8:7::9', 'wide');
    expect(ban).toMatchObject({ failures: 5 });
    expect(actions).toEqual([{ action: 'nftables', state: 'blocked' }]);
    expect(lines.map(({ line }) => hosts.findIndex((host) => line.includes(`${host} `)))).toEqual([0, 1, 2, 3, 4]);
    expect(run('2001:db8:7::9')).toMatch(/^2001:db8:7::9 is banned by wide\n/);
  });

  it('tells of a ban whose command failed, and of one that is over', async () => {
    daemon.client('set', 'failing', 'banip', '198.51.100.21');
    await expect
      .poll(() => jailOf('198.51.100.21', 'failing').actions, soon)
      .toEqual([{ action: 'failing', state: 'failed' }]);
    expect(run('198.51.100.21')).toContain('its command FAILED, and is tried again');
    daemon.client('set', 'short', 'banip', '198.51.100.22');
    await expect.poll(() => run('198.51.100.22'), soon).toContain('is not banned: its last ban ended 20');
    // the kernel's own time-out began when nft was through
    await expect.poll(() => inKernel('198.51.100.22', 'addr-set-short'), soon).toBe(false);
  });

  it('tells of the recidive jail, with the lines of our own log', async () => {
    for (const jail of ['sshd', 'wide']) daemon.client('set', jail, 'banip', '198.51.100.23');
    await expect.poll(() => inKernel('198.51.100.23', 'addr-set-recidive'), soon).toBe(true);
    const { lines, ban } = jailOf('198.51.100.23', 'recidive');
    expect(ban).toMatchObject({ failures: 2 });
    expect(lines.map(({ line }) => line.replace(/^.*NOTICE +/, ''))).toEqual([
      '[sshd] Ban 198.51.100.23',
      '[wide] Ban 198.51.100.23',
    ]);
    expect(run('198.51.100.23')).toMatch(/ is banned by (?=.*sshd)(?=.*wide)(?=.*recidive)/);
  });

  it('tells the same of a ban that a restart has brought back', async () => {
    const { ban, lines } = jailOf('198.51.100.23', 'recidive');
    await daemon.kill();
    await daemon.start();
    const again = jailOf('198.51.100.23', 'recidive');
    expect([again.ban, again.lines]).toEqual([ban, lines]);
    expect(again.actions.map(({ state }) => state)).toEqual(['blocked']);
    expect(inKernel('198.51.100.23', 'addr-set-recidive')).toBe(true);
  });

  it('needs a server, and one address', () => {
    expect(() => execFileSync(join(root, 'host-agent/bin/edgeban'), ['explain'], { stdio: 'pipe' })).toThrow(
      /one address/,
    );
  });
});
