/** A reader of a log file that is killed again and again while lines come and files rotate: each line once. */
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../world/wait.ts';

let folder: string;
let log: string;

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'edgeban-file-'));
  log = join(folder, 'auth.log');
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

it('loses and repeats no line when it is killed at any moment, rotation included', async () => {
  const database = join(folder, 'state.sqlite3');
  const reader = new URL('./reader.ts', import.meta.url).pathname;
  const start = () => spawn(process.execPath, [reader, log, database], { stdio: ['ignore', 'ignore', 'inherit'] });
  const seed = Number(process.env['SEED'] ?? 7);
  const random = xorshift(seed);
  const writer = new Writer(log);
  let child: ChildProcess = start();
  // A file that is rotated away before the first position was saved is not looked for.
  writer.write(1);
  await until('the first position', () => countLines(database) > 0);
  for (let round = 0; round < 14; round += 1) {
    const life_ms = 150 + (random() % 500);
    const deadline = Date.now() + life_ms;
    while (Date.now() < deadline) {
      writer.write(1 + (random() % 40));
      const dice = random() % 60;
      if (dice === 0) writer.rename();
      if (dice === 1) writer.copytruncate();
      if (dice === 2) writer.compress();
      await new Promise((resolve) => setTimeout(resolve, random() % 8));
    }
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    child = start();
  }
  await untilStill(() => countLines(database), writer.count);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const db = new DatabaseSync(database);
  const got = db.prepare('SELECT text, count(*) AS n FROM lines GROUP BY text').all();
  db.close();
  expect(got.filter((row) => row['n'] !== 1)).toEqual([]);
  const missing = missingIn(
    got.map((row) => Number.parseInt(String(row['text']), 10)),
    writer.count,
  );
  expect(missing, `seed ${seed}: lines that were lost`).toEqual([]);
  console.log(`${writer.count} lines, ${writer.rotations} rotations, 14 kills`);
}, 600_000);

/** Until all are there, or none has come for minutes: a reader that gets no time is not one that has lost something. */
async function untilStill(count: () => number, enough: number): Promise<void> {
  for (let before = -1, now = count(); now < enough && now > before; now = count()) {
    before = now;
    await until('more lines', () => count() > before, { within_ms: 180_000 }).catch(() => undefined);
  }
}

function countLines(database: string): number {
  try {
    const db = new DatabaseSync(database, { readOnly: true });
    const row = db.prepare('SELECT count(*) AS n FROM lines').get();
    db.close();
    return Number(row?.['n']);
  } catch {
    return 0;
  }
}

function missingIn(numbers: readonly number[], count: number): number[] {
  const got = new Set(numbers);
  return Array.from({ length: count }, (_, i) => i).filter((i) => !got.has(i));
}

function xorshift(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** Writes numbered lines as syslog daemons do, and rotates as logrotate does. */
class Writer {
  count = 0;
  rotations = 0;
  readonly #path: string;
  #fd: number;

  constructor(path: string) {
    this.#path = path;
    this.#fd = fs.openSync(path, 'a');
  }

  write(lines: number): void {
    const text = Array.from({ length: lines }, () => `${this.count++} ${'attack '.repeat(9)}\n`).join('');
    // In two pieces, so that half a line is there now and then.
    fs.writeSync(this.#fd, text.slice(0, text.length / 2));
    fs.writeSync(this.#fd, text.slice(text.length / 2));
  }

  rename(): void {
    this.#shift();
    fs.renameSync(this.#path, `${this.#path}.1`);
    const fresh = fs.openSync(this.#path, 'a');
    this.write(3); // the daemon has not been told yet
    fs.closeSync(this.#fd);
    this.#fd = fresh;
  }

  copytruncate(): void {
    this.#shift();
    fs.copyFileSync(this.#path, `${this.#path}.1`);
    fs.truncateSync(this.#path, 0);
  }

  /** The newest one, as logrotate does without delaycompress. */
  compress(): void {
    const path = `${this.#path}.1`;
    if (!fs.existsSync(path)) return;
    const { atime, mtime } = fs.statSync(path);
    fs.writeFileSync(`${path}.gz`, gzipSync(fs.readFileSync(path)));
    fs.utimesSync(`${path}.gz`, atime, mtime);
    fs.unlinkSync(path);
  }

  #shift(): void {
    this.rotations += 1;
    const names = Array.from({ length: 90 }, (_, i) => [`${90 - i}`, `${90 - i}.gz`]).flat();
    for (const name of names.filter((each) => fs.existsSync(`${this.#path}.${each}`))) {
      const next = name.replace(/^\d+/, (number) => String(Number(number) + 1));
      fs.renameSync(`${this.#path}.${name}`, `${this.#path}.${next}`);
    }
  }
}
