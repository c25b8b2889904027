/** Taking over from a real fail2ban that runs in a network namespace: nobody whom it had banned gets in at any moment. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Netns, whyNot } from '../actions/netns.ts';
import { until } from '../world/wait.ts';

const root = join(import.meta.dirname, '../..');
const checkout = process.env['F2B_CHECKOUT'] ?? '';
const bin = (name: string) => join(root, 'host-agent/bin', name);

class Scene {
  readonly netns = new Netns();
  /** Where the attackers live. */
  readonly outside = new Netns(['203.0.113.7/32', '203.0.113.8/32', '203.0.113.9/32']);
  readonly folder = mkdtempSync(join(tmpdir(), 'edgeban-import-'));
  readonly theirs = join(this.folder, 'fail2ban');
  readonly ours = join(this.folder, 'edgeban');
  readonly children: ChildProcess[] = [];

  constructor() {
    const [link, peer] = [this.netns, this.outside];
    link.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', peer.name);
    for (const [place, address] of [[link, '192.0.2.1/24'] as const, [peer, '192.0.2.2/24'] as const]) {
      place.run('ip', 'addr', 'add', address, 'dev', 'eth0');
      place.run('ip', 'link', 'set', 'eth0', 'up');
    }
    link.run('ip', 'route', 'add', '203.0.113.0/24', 'via', '192.0.2.2');
    const log = join(this.folder, 'auth.log');
    writeFileSync(log, '');
    cpSync(join(checkout, 'config'), this.theirs, { recursive: true });
    const paths = ['socket', 'pidfile', 'dbfile', 'logtarget'].map(
      (name) => `${name} = ${join(this.folder, `f2b.${name}`)}`,
    );
    writeFileSync(join(this.theirs, 'fail2ban.local'), ['[Definition]', ...paths, ''].join('\n'));
    writeFileSync(
      join(this.theirs, 'jail.local'),
      `[DEFAULT]\nbanaction = nftables\nbackend = polling\nbantime = 1h\n[sshd]\nenabled = true\nport = 2222\nlogpath = ${log}\n` +
        `[own]\nenabled = true\nfilter = own\nport = 2222\nlogpath = ${log}\n`,
    );
    writeFileSync(join(this.theirs, 'filter.d/own.conf'), '[Definition]\nfailregex = ^own <ADDR>$\n');
    cpSync(join(root, 'host-agent/etc'), this.ours, { recursive: true });
    const own = [`dbfile = ${join(this.folder, 'db/e.sqlite3')}`, `logtarget = ${join(this.folder, 'e.log')}`];
    const places = [`socket = ${join(this.folder, 'e.sock')}`, `pidfile = ${join(this.folder, 'e.pid')}`];
    writeFileSync(join(this.ours, 'edgeban.local'), ['[Definition]', ...own, ...places, ''].join('\n'));
  }

  fail2ban(...words: string[]): string {
    const [file, ...args] = [
      ...this.netns.prefix,
      'python3',
      join(checkout, 'bin/fail2ban-client'),
      '-c',
      this.theirs,
      ...words,
    ];
    return execFileSync(file ?? '', args, {
      encoding: 'utf8',
      env: { ...process.env, PYTHONPATH: checkout },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  run(...command: string[]): string {
    return this.netns.run(...command);
  }

  /** Every file of the scene with its content. */
  files(): Map<string, string> {
    const all = readdirSync(this.ours, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return new Map(
      all.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'utf8')]),
    );
  }

  end(): void {
    const pids = ['f2b.pidfile', 'e.pid'].map((name) => join(this.folder, name)).filter((path) => existsSync(path));
    for (const path of pids) {
      try {
        process.kill(Number(readFileSync(path, 'utf8')), 'SIGKILL');
      } catch {
        // it has ended already
      }
    }
    for (const child of this.children) child.kill('SIGKILL');
    this.netns.remove();
    this.outside.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Tries to get in from `from` all the time; tells what became of each attempt. */
function knock(scene: Scene, from: string): () => string[] {
  const out = join(scene.folder, `knock-${from}`);
  const code = `const net = require('net'), fs = require('fs');
    const once = () => { const s = net.connect({ host: '192.0.2.1', port: 2222, localAddress: '${from}', timeout: 1000 });
      const end = (text) => { s.destroy(); fs.appendFileSync('${out}', text + '\\n'); setTimeout(once, 5); };
      s.on('connect', () => end('in')); s.on('timeout', () => end('dropped')); s.on('error', (e) => end(e.code)); };
    once();`;
  const [file, ...args] = scene.outside.prefix;
  scene.children.push(spawn(file, [...args, process.execPath, '-e', code], { stdio: 'ignore' }));
  return () => (existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n') : []);
}

it('takes over configuration and bans, with no moment without them', async (ctx) => {
  const reason =
    whyNot() ??
    (existsSync(join(checkout, 'bin/fail2ban-client')) ? null : 'needs F2B_CHECKOUT, a checkout of fail2ban 1.1.0');
  if (reason !== null) ctx.skip(reason);
  const scene = new Scene();
  onTestFinished(() => scene.end());
  await scene.netns.listen(2222);
  scene.fail2ban('start');
  scene.fail2ban('set', 'sshd', 'banip', '203.0.113.7', '2001:db8::7', '104.16.0.1');
  scene.fail2ban('set', 'own', 'banip', '203.0.113.8');
  await until(
    "fail2ban's bans",
    () =>
      scene.outside.connect('203.0.113.7', '192.0.2.1', 2222) === 'ECONNREFUSED' &&
      scene.outside.connect('203.0.113.8', '192.0.2.1', 2222) === 'ECONNREFUSED',
  );
  const attempts = ['203.0.113.7', '203.0.113.8'].map((from) => knock(scene, from));
  const free = knock(scene, '203.0.113.9');

  const before = scene.files();
  const words = [bin('edgeban'), 'import-fail2ban', '--from', scene.theirs, '-c', scene.ours];
  const shown = scene.run(...words, '--dry-run');
  expect(shown).toMatch(/new|copied/);
  expect(shown).toContain('jail.local');
  expect(shown).toContain('filter.d/own.conf');
  expect(shown).toMatch(/4 ban\(s\) in force .*sshd: 3/);
  expect(shown).toContain('Nothing was changed');
  expect(scene.files()).toEqual(before);
  expect(existsSync(join(scene.folder, 'db'))).toBe(false);
  expect(scene.fail2ban('ping')).toContain('pong');

  const told = scene.run(...words);
  expect(told).toContain('To undo it');
  expect(() => scene.fail2ban('ping')).toThrow();
  const client = (...rest: string[]) => scene.run(bin('edgeban-client'), '-c', scene.ours, ...rest);
  expect(client('banned', '203.0.113.7', '2001:db8::7', '203.0.113.8')).toBe("[['sshd'], ['sshd'], ['own']]\n");
  // whom a guard spares is not taken over
  expect(client('banned', '104.16.0.1')).toBe('[[]]\n');
  expect(scene.run('nft', 'list', 'tables')).not.toContain('edgeban_import');
  const sofar = attempts.map((seen) => seen().length);
  await until('more attempts', () => attempts.every((seen, i) => seen().length > (sofar[i] ?? 0) + 20));
  for (const seen of attempts) expect(seen().filter((what) => what === 'in')).toEqual([]);
  await until('the other one is in', () => free().includes('in'));

  // a second time: nothing is left to do, and what was lifted stays lifted
  client('set', 'sshd', 'unbanip', '203.0.113.7');
  const again = scene.run(...words);
  expect(again).toContain('0 ban(s) in force');
  expect(again).not.toMatch(/is written\n/);
  expect(client('banned', '203.0.113.7', '203.0.113.8')).toBe("[[], ['own']]\n");
});
