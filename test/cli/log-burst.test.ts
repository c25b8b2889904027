/** The log when much is said at once, and when it cannot be written. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Log } from '../../host-agent/log/log.ts';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-log-'));
  path = join(dir, 'edgeban.log');
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const lines = () => readFileSync(path, 'utf8').split('\n').slice(0, -1);

test('lines that are said together are all there, in their order, however many', () => {
  const log = new Log({ target: path, level: 'INFO' });
  const texts = Array.from({ length: 2_500 }, (_, i) => `[sshd] Found ${i}`);
  log.together(() => {
    for (const text of texts) log.logger('filter').info(text);
    expect(lines()).toHaveLength(2_000);
  });
  log.logger('filter').info('[sshd] Found after');
  expect(lines().map((line) => line.slice(-`[sshd] ${line.split('[sshd] ')[1]}`.length))).toEqual([
    ...texts,
    '[sshd] Found after',
  ]);
});

test('a disk that fills up in the middle of a line: whole lines stay whole, the others are counted', (ctx) => {
  // a shell may limit how long a file gets: so a write ends early
  const program = `
    import { Log } from ${JSON.stringify(join(import.meta.dirname, '../../host-agent/log/log.ts'))};
    import { truncateSync } from 'node:fs';
    process.on('SIGXFSZ', () => undefined);
    const log = new Log({ target: ${JSON.stringify(path)}, level: 'INFO' });
    log.together(() => { for (let i = 0; i < 20; i += 1) log.logger('server').info(String(i).padEnd(100, '.')); });
    truncateSync(${JSON.stringify(path)}, 400);
    log.logger('server').info('again');`;
  const run = spawnSync('prlimit', ['--fsize=1024', process.execPath, '--input-type=module-typescript', '-e', program]);
  if (run.error !== undefined) return ctx.skip('needs prlimit');
  expect(run.stderr.toString()).toBe('');
  const [lost, again] = lines().slice(-2);
  expect(lost).toMatch(/14 log line\(s\) lost: they could not be written$/);
  expect(again).toMatch(/again$/);
  return undefined;
});

test('a full disk does not throw, and what was lost is told later', (ctx) => {
  let full: Log;
  try {
    full = new Log({ target: '/dev/full', level: 'INFO' });
  } catch {
    return ctx.skip('needs /dev/full');
  }
  full.logger('server').info('lost');
  full.logger('server').info('lost too');
  full.setTarget(path);
  full.logger('server').info('back');
  const texts = ['2 log line(s) lost', `Changed logging target to ${path}`, 'back'];
  expect(lines()).toEqual(texts.map((text) => expect.stringContaining(text)));
  return undefined;
});
