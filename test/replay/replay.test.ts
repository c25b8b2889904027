/** What a replay says beside what the agent did that heard the same lines at their times, and what it says by itself. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { choresLimits } from '../../host-agent/agent/chores.ts';
import { startAgent } from '../agent/bench.ts';
import { below, oneOf, randomOf } from '../random.ts';
import { edgebanReplay } from './run-replay.ts';

const failregex = String.raw`failregex = ^ ?web1 sshd\[\d+\]: Failed password for <F-USER>\S+</F-USER> from <ADDR> port \d+ ssh2$`;

/** `DIR` stands for the folder. */
function jail(name: string, log: string, ...options: readonly string[]): string {
  return [`[${name}]`, 'enabled = true', `logpath = DIR/${log}`, failregex, ...options, ''].join('\n');
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (value: number) => String(value).padStart(2, '0');

/** As syslog writes it: without a year, in the zone of this machine. */
function stamp(at: number): string {
  const date = new Date(at * 1000);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${months[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock}`;
}

const failed = (at: number, from: string) =>
  `${stamp(at)} web1 sshd[7]: Failed password for root from ${from} port 40022 ssh2`;
const accepted = (at: number, from: string) =>
  `${stamp(at)} web1 sshd[7]: Accepted publickey for alice from ${from} port 40022 ssh2: ED25519 SHA256:x`;

interface Shown {
  readonly lines: number;
  readonly jails: readonly { readonly jail: string; readonly bans: number; readonly failures: number }[];
  readonly bans: readonly {
    readonly jail: string;
    readonly id: string;
    readonly at: number;
    readonly until: number | null;
    readonly bantime: number;
    readonly count: number;
    readonly failures: number;
    readonly now: boolean | null;
    readonly login: { readonly user: string; readonly at: number; readonly lockedOut: boolean } | null;
  }[];
}

describe('edgeban replay', () => {
  let dir: string;
  const base = new Date(2026, 5, 1, 12, 0, 0).getTime() / 1000;
  const now = base + 30 * 86_400;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'edgeban-replay-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const write = (name: string, text: string | Uint8Array, at = now) => {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), typeof text === 'string' ? text.replaceAll('DIR', dir) : text);
    utimesSync(join(dir, name), at, at);
  };
  const run = async (...argv: readonly string[]) => await edgebanReplay(['-c', dir, ...argv], { now });
  const shown = async (...argv: readonly string[]): Promise<Shown> => {
    const { code, out, err } = await run('--json', ...argv);
    expect(err).toBe('');
    expect(code).toBe(0);
    return JSON.parse(out);
  };
  const ids = (found: Shown) => found.bans.map(({ jail: name, id }) => `${name} ${id}`);

  const count = Number(process.env['REPLAY_LINES'] ?? 20_000);
  const timeout = 120_000 + 2 * count;
  it('bans as the agent did that heard the lines at their times', { timeout }, async () => {
    const options = [
      'maxretry = 4',
      'findtime = 10m',
      'bantime = 20m',
      'bantime.increment = true',
      'bantime.rndtime = 60',
    ];
    const jails =
      jail('sshd', 'auth.log', ...options) + jail('strict', 'auth.log', 'maxretry = 2', 'findtime.sliding = true');
    const lines = [...history(count, base)];
    write('auth.log', `${lines.map(({ text }) => text).join('\n')}\n`);
    // the agent's chores keep the time of the log, too
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    let clock = base - choresLimits.tick_ms / 1000;
    const agent = await startAgent(jails.replaceAll('DIR', dir), { now: () => clock });
    const decided = new Map<string, string>();
    for (const { at, text } of lines) {
      while (clock < at) {
        clock += choresLimits.tick_ms / 1000;
        vi.advanceTimersByTime(choresLimits.tick_ms);
      }
      await agent.feedDated(text);
      // at once, for the agent forgets what ended a day ago
      const [from = ''] = /(?<=from )\S+/.exec(text) ?? [];
      for (const ban of agent.store.bans.history(from, 4)) decided.set(`${ban.jail} ${from} ${ban.at}`, banText(ban));
    }
    write('jail.conf', jails);
    const found = await shown();
    const expected = [...decided.values()];
    expect(expected.length).toBeGreaterThan(count / 400);
    expect(found.bans.map(banText).sort()).toEqual(expected.sort());
    const ends = new Map(found.bans.map(({ jail: name, id, until }) => [`${name} ${id}`, until]));
    const held = ['sshd', 'strict'].flatMap((name) => [...agent.store.bans.heldIn(name)]);
    expect(held.length).toBeGreaterThan(0);
    for (const ban of held) expect(ends.get(`${ban.jail} ${ban.id}`)).toBe(ban.until);
  });

  it('shows the end of a ban, and who came in meanwhile', async () => {
    write('jail.conf', jail('sshd', 'auth.log', 'maxretry = 2', 'bantime = 1h'));
    const from = '198.51.100.7';
    const lines = [failed(base, from), failed(base + 5, from), accepted(base + 60, from), accepted(base + 7_200, from)];
    write('auth.log', `${lines.join('\n')}\n`);
    const { bans } = await shown();
    const login = { user: 'alice', at: base + 60, lockedOut: true };
    const expected = { jail: 'sshd', id: from, at: base + 5, until: base + 3_605, bantime: 3_600, login };
    expect(bans).toEqual([{ ...expected, failures: 2, count: 1, now: null }]);
    expect((await run()).out).toContain(`[sshd] ${from}: alice at`);
  });

  it('tries another setting, in all jails or in one', async () => {
    write('jail.conf', jail('sshd', 'auth.log', 'maxretry = 9') + jail('other', 'auth.log', 'maxretry = 9'));
    write('auth.log', `${[0, 1, 2].map((at) => failed(base + at, '198.51.100.7')).join('\n')}\n`);
    expect(ids(await shown())).toEqual([]);
    expect(ids(await shown('--set', 'maxretry=3'))).toEqual(['sshd 198.51.100.7', 'other 198.51.100.7']);
    expect(ids(await shown('--set', 'other:maxretry=3'))).toEqual(['other 198.51.100.7']);
    expect(ids(await shown('--set', 'maxretry=3', '--jail', 'sshd'))).toEqual(['sshd 198.51.100.7']);
  });

  it('compares two settings, and names who would be locked out first', async () => {
    write('jail.conf', jail('sshd', 'auth.log', 'maxretry = 3', 'bantime = 1h'));
    const attacker = [0, 1, 2].map((at) => failed(base + at, '198.51.100.7'));
    const forgetful = [
      failed(base + 10, '203.0.113.9'),
      failed(base + 11, '203.0.113.9'),
      accepted(base + 12, '203.0.113.9'),
    ];
    write('auth.log', `${[...attacker, ...forgetful].join('\n')}\n`);
    const { code, out } = await run('--compare', '--set', 'maxretry=2', '--json');
    expect(code).toBe(0);
    const { differences } = JSON.parse(out);
    const lockedOut = { user: 'alice', at: base + 12 };
    expect(differences).toEqual([{ jail: 'sshd', id: '203.0.113.9', before: 0, after: 1, lockedOut }]);
    expect((await run('--compare', '--set', 'maxretry=2')).out).toContain('1 of them would newly have been locked out');
  });

  it('reads rotated logs in the order of time, packed ones too, and only what was asked for', async () => {
    write('jail.conf', jail('sshd', 'auth.log', 'maxretry = 3', 'findtime = 10d', 'bantime = 30d'));
    const day = 86_400;
    const [oldest, older, newest] = [base, base + day, base + 2 * day].map((at) => `${failed(at, '198.51.100.7')}\n`);
    write('auth.log.2.gz', gzipSync(oldest ?? ''), base + 3_600);
    write('auth.log.1', older ?? '', base + day + 3_600);
    write('auth.log', newest ?? '', base + 2 * day + 3_600);
    write('auth.log.bak', `${failed(base, '198.51.100.8')}\n`.repeat(9));
    expect(ids(await shown())).toEqual(['sshd 198.51.100.7']);
    expect((await shown('--since', `@${base + day}`)).jails[0]).toMatchObject({ failures: 2, bans: 0 });
    expect((await shown('--until', `@${base + day}`)).jails[0]).toMatchObject({ failures: 2, bans: 0 });
    expect((await shown('--since', '-29d')).jails[0]).toMatchObject({ failures: 2 });
  });

  it('reads UTF-16 where a jail does, packed ones by zstd too', async () => {
    const wide = `${jail('sshd', 'auth.log', 'maxretry = 3')}${jail('other', 'auth.log', 'maxretry = 3', 'logencoding = utf-16')}`;
    write('jail.conf', wide);
    const [older, newer] = [base, base + 60].map((at) =>
      Buffer.from(`\ufeff${failed(at, '198.51.100.7')}\r\n`.repeat(2), 'utf16le'),
    );
    write('auth.log.1.zst', zstdCompressSync(older ?? ''), base + 30);
    write('auth.log', newer ?? '', base + 90);
    expect(ids(await shown('--since', `@${base}`))).toEqual(['other 198.51.100.7']);
  });

  it('knows the year of dates that do not say it, over the turn of the year', async () => {
    write('jail.conf', jail('sshd', 'auth.log', 'maxretry = 3'));
    const midnight = new Date(2026, 0, 1).getTime() / 1000;
    write('auth.log', `${[-5, 5, 9].map((at) => failed(midnight + at, '198.51.100.7')).join('\n')}\n`);
    expect((await shown()).bans).toMatchObject([{ id: '198.51.100.7', at: midnight + 9 }]);
  });

  it("takes logs by name instead of the jails' own, those of journalctl too", async () => {
    write('jail.conf', jail('sshd', 'missing.log', 'maxretry = 1').replace('enabled = true', 'enabled = false'));
    const entry = {
      MESSAGE: 'Failed password for root from 198.51.100.7 port 40022 ssh2',
      _PID: '7',
      _HOSTNAME: 'web1',
    };
    const times = { __REALTIME_TIMESTAMP: String((base + 1) * 1e6), __CURSOR: 's=1' };
    write('saved.json', `${JSON.stringify({ ...times, ...entry, SYSLOG_IDENTIFIER: 'sshd' })}\n`);
    write('plain.log', `${failed(base, '198.51.100.8')}\n`);
    const log = (name: string) => shown('-j', 'sshd', '--log', join(dir, name));
    expect(ids(await log('saved.json'))).toEqual(['sshd 198.51.100.7']);
    expect(ids(await log('plain.log'))).toEqual(['sshd 198.51.100.8']);
  });

  it('spares whom the jail spares, by name too, and counts what a name stands for', async () => {
    const options = ['maxretry = 1', 'ignoreip = 198.51.100.8 home.example', 'usedns = yes'];
    const regex = failregex.replace('<ADDR>', '<HOST>');
    write('jail.conf', jail('sshd', 'auth.log', ...options).replace(failregex, regex));
    const froms = ['198.51.100.7', '198.51.100.8', '203.0.113.9', 'evil.example', '127.0.0.1'];
    write('auth.log', `${froms.map((from) => failed(base, from)).join('\n')}\n`);
    const names = { 'home.example': ['203.0.113.9'], 'evil.example': ['192.0.2.66'] };
    const { out, err } = await edgebanReplay(['-c', dir, '--json'], { now, names });
    expect(err).toBe('');
    expect(ids(JSON.parse(out))).toEqual(['sshd 198.51.100.7', 'sshd 192.0.2.66']);
  });

  it.each([
    [['--set', 'maxretrx=3'], /did you mean maxretry/],
    [['--set', 'maxretry'], /OPTION=VALUE/],
    [['--set', 'maxretry=many'], /maxretry/],
    [['--set', 'nginx:maxretry=3'], /no such jail/],
    [['--jail', 'nginx'], /cannot be replayed/],
    [['--since', 'yesterday'], /is no time/],
    [['--compare'], /needs a --set/],
    [['--log', '/nowhere/auth.log'], /no such log/],
  ])('refuses %j by name', async (argv, message) => {
    write('jail.conf', jail('sshd', 'auth.log'));
    write('auth.log', '');
    const { code, err } = await run(...argv);
    expect(code).toBe(255);
    expect(err).toMatch(message);
  });
});

interface BanLike {
  readonly jail: string;
  readonly id: string;
  readonly at: number;
  readonly bantime: number;
  readonly count: number;
  readonly failures: number;
}

function banText({ jail: name, id, at, bantime, count, failures }: BanLike): string {
  return [name, id, at, bantime, count, failures].join(' ');
}

const attackers = Array.from({ length: 200 }, (_, i) => `198.51.100.${i}`);

function* history(count: number, base: number): Generator<{ at: number; text: string }> {
  const random = randomOf(7);
  let at = base;
  for (let line = 0; line < count; line += 1) {
    at += below(random, 3);
    const from = oneOf(random, attackers);
    yield { at, text: random() < 0.4 ? failed(at, from) : accepted(at, `203.0.113.${below(random, 40)}`) };
  }
}
