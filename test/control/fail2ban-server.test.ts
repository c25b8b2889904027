/** fail2ban's own server and client beside ours: the same commands, the same printed text, command by command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const checkout = process.env['F2B_CHECKOUT'] ?? '';
const isThere = checkout !== '' && existsSync(join(checkout, 'bin/fail2ban-server'));
const programs = fileURLToPath(new URL('../../host-agent/bin/', import.meta.url));
const ours = { server: [join(programs, 'edgeban-server')], client: [join(programs, 'edgeban-client')] };
const theirs = {
  server: ['python3', join(checkout, 'bin/fail2ban-server')],
  client: ['python3', join(checkout, 'bin/fail2ban-client')],
};

const jails = `
[DEFAULT]
backend = polling
maxretry = 3
ignoreip = 127.0.0.0/8 ::1
filter = one
[alpha]
enabled = true
logpath = DIR/a.log
  DIR/b.log
[beta]
enabled = true
logpath = DIR/c.log
bantime.increment = true
bantime.factor = 2
bantime.maxtime = 5w
`;

let root: string;
const running: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgeban-beside-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(ended));
  rmSync(root, { recursive: true, force: true });
});

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on('exit', () => resolve());
    child.kill();
  });
}

/** A configuration in a folder of its own, and a server that runs with it. */
async function serve(name: string, [program = '', ...words]: readonly string[]): Promise<string> {
  const dir = join(root, name);
  mkdirSync(join(dir, 'filter.d'), { recursive: true });
  for (const log of ['a', 'b', 'c']) writeFileSync(join(dir, `${log}.log`), '');
  const paths = ['socket = DIR/sock', 'pidfile = DIR/pid', 'dbfile = DIR/db', 'logtarget = DIR/log', 'loglevel = INFO'];
  const settings = ['[Definition]', 'syslogsocket = auto', ...paths, ''].join('\n');
  writeFileSync(join(dir, 'fail2ban.conf'), settings.replaceAll('DIR', dir));
  writeFileSync(join(dir, 'jail.conf'), jails.replaceAll('DIR', dir));
  const regex = ['^fail <HOST>$', '^bad <HOST> user=<F-USER>x</F-USER>$'].join('\n  ');
  writeFileSync(join(dir, 'filter.d/one.conf'), `[Definition]\nfailregex = ${regex}\n`);
  const env = { ...process.env, PYTHONPATH: checkout };
  const child = spawn(program, [...words, '-f', '-c', dir, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await vi.waitFor(() => expect(said).toContain('Server ready'), { timeout: 30_000, interval: 100 });
  return dir;
}

/** What each line was answered with, on stdout and on stderr. */
async function transcript(dir: string, [program = '', ...words]: readonly string[], lines: readonly string[]) {
  const env = { ...process.env, PYTHONPATH: checkout };
  const child = spawn(program, [...words, '-c', dir, '-i'], { env });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
  child.stdin.end([...lines, 'exit', ''].join('\n').replaceAll('DIR', dir));
  await new Promise((resolve) => child.on('close', resolve));
  const plain = (text: string) => text.replaceAll(dir, 'DIR').replace(/^.*?\[\d+\]: /gm, '');
  const answers = plain(texts.out).split(/(?:fail2ban|edgeban)> /);
  // what comes behind an error of ours (what to do about it) is ours alone
  const errors = plain(texts.err)
    .split('\n')
    .filter((line) => line.startsWith('ERROR   NOK'));
  return { answers: lines.map((line, at) => [line, answers[at + 1]]), errors };
}

const questions = `
ping
echo a b
status
status alpha
status alpha short
status --all
status nope
stats
statistic
banned
banned 203.0.113.1
set alpha banip 203.0.113.1
set alpha banip 203.0.113.1 203.0.113.2
set beta banip 2001:4860::1
banned 203.0.113.2 2001:4860::1 203.0.113.9
get alpha banned 203.0.113.1
get alpha banned 203.0.113.1 203.0.113.9
status alpha
stats
set alpha unbanip --report-absent 203.0.113.9
set alpha unbanip 203.0.113.2
unban 203.0.113.1 203.0.113.9
unban --all
set alpha attempt 203.0.113.3 x
set alpha idle on
set alpha idle off
set alpha idle x
set alpha idle
set alpha ignoreself false
get alpha ignoreip
set alpha delignoreip 203.0.113.9
get alpha ignorecommand
set alpha ignorecommand /bin/true
get alpha ignorecache
set alpha ignorecache 'key="<ip>", max-count=10, max-time=1m'
set alpha addlogpath DIR/c.log tail
set alpha dellogpath DIR/c.log
set alpha addlogpath DIR/missing.log
get alpha logpath
get alpha logencoding
set alpha logencoding latin1
get alpha journalmatch
get alpha failregex
set alpha addfailregex '^more <ADDR>$'
set alpha delfailregex 0
set alpha delfailregex 99
set alpha delfailregex x
set alpha addignoreregex ^ok
set alpha delignoreregex 0
get alpha ignoreregex
set alpha prefregex '^x <F-CONTENT>.*</F-CONTENT>$'
set alpha prefregex ''
set alpha usedns RAW
get alpha usedns
set alpha findtime 20m
set alpha bantime -1
set alpha datepattern '%Y-%m-%d %H:%M:%S'
set alpha datepattern EPOCH
set alpha datepattern ''
set alpha logtimezone UTC+0200
set alpha maxretry 7
set alpha maxretry x
set alpha maxmatches 9
set alpha maxlines 5
set alpha maxlines 0
get beta bantime.increment
get beta bantime.factor
get beta bantime.maxtime
get beta bantime.rndtime
set alpha bantime.rndtime 2m
set alpha bantime.multipliers '1 2 4'
get alpha actions
set alpha addaction sh
set alpha addaction sh
set alpha action sh actionban 'echo <ip>'
get alpha action sh actionban
get alpha action sh nosuch
get alpha actions
set alpha delaction sh
get alpha action sh actionban
get alpha nosuch
set alpha nosuch 1
get nope maxretry
get alpha
set
nosuch
get loglevel
set loglevel debug
set loglevel INFO
get logtarget
get syslogsocket
get dbmaxmatches
set dbmaxmatches 5
get dbpurgeage
set dbpurgeage 2d
set dbfile None
flushlogs
server-status
sleep 0
sleep x
add gamma polling
add gamma polling
add delta nosuch
add --all
set gamma addfailregex '^g <HOST>$'
set gamma addlogpath DIR/c.log
start gamma
start nope
status
stop gamma
stop gamma
`
  .trim()
  .split('\n');

describe('beside fail2ban', () => {
  beforeEach((ctx) => ctx.skip(!isThere, 'needs F2B_CHECKOUT, a checkout of fail2ban 1.1.0'));

  test('the same commands are answered with the same text, by whichever client', { timeout: 240_000 }, async () => {
    const [fail2ban, first, second] = [
      await serve('fail2ban', theirs.server),
      await serve('first', ours.server),
      await serve('second', ours.server),
    ];
    const expected = await transcript(fail2ban, theirs.client, questions);
    expect(expected.answers.at(-1)).toEqual(['stop gamma', "Sorry but the jail 'gamma' does not exist\n"]);
    expect(await transcript(first, theirs.client, questions)).toEqual(expected);
    expect(await transcript(second, ours.client, questions)).toEqual(expected);
  });
});
