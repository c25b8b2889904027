/** The daemon is killed in a burst of bans: the next one carries out the rest, and repeats what ran at that moment at most. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';

const program = new URL('../../host-agent/main.ts', import.meta.url).pathname;
const ids = Array.from({ length: 200 }, (_, i) => `203.0.113.${i + 1}`);

function start(dir: string): ChildProcess {
  const daemon = spawn(process.execPath, [program, 'edgeban-server', '-c', dir, '-f'], { stdio: 'ignore' });
  onTestFinished(async () => {
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
  });
  return daemon;
}

test('kill -9 in a burst of bans: every command has run, one twice at the most', { timeout: 240_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-killed-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const write = (name: string, lines: readonly string[]) => writeFileSync(join(dir, name), `${lines.join('\n')}\n`);
  mkdirSync(join(dir, 'action.d'));
  const places = ['logtarget', 'socket', 'pidfile', 'dbfile'].map((name) => `${name} = ${dir}/${name}`);
  write('edgeban.conf', ['[Definition]', ...places]);
  // a mail or the like: a restart does not make up for it
  write('action.d/note.conf', ['[Definition]', 'norestored = true', `actionban = echo <ip> >> ${dir}/noted`]);
  const jail = ['maxretry = 1', 'bantime = 1h', 'backend = polling', `logpath = ${dir}/web.log`, 'action = note'];
  write('jail.conf', ['[web]', 'enabled = true', String.raw`failregex = ^\s*fail <HOST>$`, ...jail]);
  write('web.log', []);
  const noted = () =>
    existsSync(join(dir, 'noted')) ? readFileSync(join(dir, 'noted'), 'utf8').trim().split('\n') : [];
  const wait = { timeout: 90_000, interval: 20 };
  const first = start(dir);
  await vi.waitFor(() => expect(existsSync(join(dir, 'socket'))).toBe(true), wait);
  const now = new Date().toISOString();
  appendFileSync(join(dir, 'web.log'), ids.map((id) => `${now} fail ${id}\n`).join(''));
  await vi.waitFor(() => expect(noted().length).toBeGreaterThan(20), wait);
  first.kill('SIGKILL');
  await once(first, 'exit');
  start(dir);
  await vi.waitFor(() => expect(new Set(noted())).toEqual(new Set(ids)), wait);
  expect(noted().length).toBeLessThanOrEqual(ids.length + 1);
});
