/** A log file that is compressed, replaced by what is no file, locked, flooded, or a line without an end. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Disk, realDisk } from '../../host-agent/sources/disk.ts';
import { createFileSource, type FileOptions } from '../../host-agent/sources/file.ts';
import { readableSuffixes } from '../../host-agent/sources/packed.ts';
import type { Batch } from '../../host-agent/sources/source.ts';
import { until } from '../world/wait.ts';

let folder: string;
let log: string;
const running: { stop: () => Promise<void> }[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'edgeban-file-'));
  log = join(folder, 'auth.log');
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  fs.rmSync(folder, { recursive: true });
});

function follow(options: Partial<FileOptions> = {}, take?: (batch: Batch) => void, disk: Disk = realDisk) {
  const texts: string[] = [];
  const errors: string[] = [];
  let position: string | undefined;
  const stopped = new AbortController();
  const ports = { now: () => Date.now() / 1000, onError: ({ code }: { code: string }) => void errors.push(code) };
  const ended = createFileSource({ path: log, ...options }, ports, disk).run((batch) => {
    position = batch.position;
    if (take !== undefined) take(batch);
    else texts.push(...[...batch.lines].map(({ bytes }) => Buffer.from(bytes).toString()));
  }, stopped.signal);
  const stop = async () => {
    stopped.abort();
    await ended;
  };
  running.push({ stop });
  return { texts, errors, stop, position: () => position };
}

/** As logrotate does it: the compressed file has the time of the file. */
function compress(path: string, kind: keyof typeof packers = 'gz'): void {
  const { atime, mtime } = fs.statSync(path);
  fs.writeFileSync(`${path}.${kind}`, packers[kind](fs.readFileSync(path)));
  fs.utimesSync(`${path}.${kind}`, atime, mtime);
  fs.unlinkSync(path);
}

const packers = {
  gz: (input: Buffer) => gzipSync(input),
  zst: (input: Buffer) => zstdCompressSync(input),
  bz2: (input: Buffer) => execFileSync('bzip2', ['-zc'], { input }),
  xz: (input: Buffer) => execFileSync('xz', ['-zc'], { input }),
};
const kinds = ['gz', 'zst', 'bz2', 'xz'] as const;

const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);
const text = (from: number, to: number) =>
  lines(from, to)
    .map((line) => `${line}\n`)
    .join('');

it.for(kinds)(
  'reads what was not read yet, and what it never saw, out of compressed files: %s',
  async (kind, context) => {
    if (!readableSuffixes().includes(kind)) context.skip(`needs the program for ${kind}`);
    fs.writeFileSync(`${log}.5.gz`, gzipSync('much older\n'));
    fs.utimesSync(`${log}.5.gz`, 1e9, 1e9);
    fs.writeFileSync(log, text(1, 3));
    const first = follow();
    await until('the first lines', () => first.texts.length === 3);
    await first.stop();
    fs.appendFileSync(log, text(4, 20_000));
    fs.renameSync(log, `${log}.2`);
    compress(`${log}.2`, kind);
    fs.writeFileSync(`${log}.1`, text(20_001, 20_002));
    compress(`${log}.1`, kind);
    fs.writeFileSync(log, text(20_003, 20_004));
    let halves = 0;
    const half = follow({ position: first.position() }, ({ lines: taken, takeOnly }) => {
      halves += 1;
      takeOnly(Math.ceil(taken.length / 2));
    });
    await until('some lines out of the compressed file', () => halves > 0);
    await half.stop();
    const second = follow({ position: first.position() });
    await until('all lines', () => second.texts.length >= 20_001);
    expect(second.texts).toEqual(lines(4, 20_004));
    expect(second.errors).toEqual([]);
    await second.stop();
    fs.renameSync(log, `${log}.0`);
    compress(`${log}.0`, kind);
    fs.writeFileSync(log, text(20_005, 20_005));
    const third = follow({ position: second.position() });
    await until('the last line', () => third.texts.length >= 1);
    expect(third.texts).toEqual(lines(20_005, 20_005));
  },
);

it('finds what was rotated into a folder beside the log, but takes nothing from where others can write', async () => {
  fs.mkdirSync(join(folder, 'old'), { mode: 0o755 });
  fs.mkdirSync(join(folder, 'open'));
  fs.chmodSync(join(folder, 'open'), 0o777);
  fs.writeFileSync(log, text(1, 3));
  const first = follow();
  await until('the first lines', () => first.texts.length === 3);
  await first.stop();
  fs.appendFileSync(log, text(4, 5));
  fs.renameSync(log, join(folder, 'old/auth.log.2'));
  compress(join(folder, 'old/auth.log.2'));
  fs.writeFileSync(join(folder, 'old/auth.log.1'), text(6, 7));
  fs.writeFileSync(join(folder, 'open/auth.log.1'), 'made up\n');
  fs.writeFileSync(log, text(8, 9));
  const second = follow({ position: first.position() });
  await until('the last line', () => second.texts.includes('line 9'));
  expect(second.texts).toEqual(lines(4, 9));
  expect(second.errors).toEqual([]);
});

it('hangs on no pipe and no folder in the place of the file, and goes on with the file that comes', async () => {
  fs.writeFileSync(log, text(1, 2));
  const reader = follow();
  await until('the first lines', () => reader.texts.length === 2);
  fs.renameSync(log, `${log}.1`);
  execFileSync('mkfifo', [log]);
  fs.appendFileSync(`${log}.1`, text(3, 3));
  await until(
    'a complaint, and the line in the old file',
    () => reader.errors.length === 1 && reader.texts.length === 3,
  );
  fs.unlinkSync(log);
  fs.mkdirSync(log);
  fs.appendFileSync(`${log}.1`, text(4, 4));
  await until('the next line in the old file', () => reader.texts.length === 4);
  fs.rmdirSync(log);
  fs.writeFileSync(log, text(5, 6));
  await until('the lines of the new file', () => reader.texts.length === 6);
  expect(reader.texts).toEqual(lines(1, 6));
  expect(new Set(reader.errors)).toEqual(new Set(['ERR_SOURCE_UNREADABLE']));
});

it('waits where it may not read, says so once, and goes on at its place when it may', async () => {
  fs.writeFileSync(log, text(1, 2));
  const first = follow();
  await until('the first lines', () => first.texts.length === 2);
  await first.stop();
  fs.appendFileSync(log, text(3, 4));
  let isLocked = true;
  let tries = 0;
  const open = (path: string) => {
    tries += 1;
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    return isLocked ? Promise.reject(denied) : realDisk.open(path);
  };
  const second = follow({ position: first.position(), backend: 'poll' }, undefined, { ...realDisk, open });
  await until('several tries', () => tries > 5);
  isLocked = false;
  await until('the lines', () => second.texts.length === 2);
  expect(second.texts).toEqual(lines(3, 4));
  expect(second.errors).toEqual(['ERR_SOURCE_UNREADABLE']);
});

it('takes in a burst of 200,000 lines of as many addresses, rotated twice, in bounded memory', async () => {
  const address = (n: number) => `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  const bytes_before = process.memoryUsage().arrayBuffers;
  let count = 0;
  let bytes_max = 0;
  let isOrdered = true;
  fs.writeFileSync(log, '');
  follow({}, (batch) => {
    for (const line of batch.lines) {
      isOrdered &&= Buffer.from(line.bytes)
        .toString()
        .endsWith(` from ${address(count)} port 22`);
      count += 1;
    }
    bytes_max = Math.max(bytes_max, process.memoryUsage().arrayBuffers - bytes_before);
  });
  for (let n = 0; n < 200_000; n += 1_000) {
    const line = (_: unknown, i: number) => `Failed password for root from ${address(n + i)} port 22\n`;
    fs.appendFileSync(log, Array.from({ length: 1_000 }, line).join(''));
    if (n === 50_000) fs.renameSync(log, `${log}.2`);
    if (n === 120_000) fs.renameSync(log, `${log}.1`);
  }
  await until('all lines', () => count === 200_000);
  expect(isOrdered).toBe(true);
  expect(bytes_max).toBeLessThan(64 * 1024 * 1024);
});

it('keeps little of a line that does not end', async () => {
  const bytes_before = process.memoryUsage().arrayBuffers;
  let bytes_max = 0;
  const got: number[] = [];
  fs.writeFileSync(log, 'first\n');
  const reader = follow({}, (batch) => {
    got.push(...[...batch.lines].map(({ bytes }) => bytes.length));
    bytes_max = Math.max(bytes_max, process.memoryUsage().arrayBuffers - bytes_before);
  });
  for (let i = 0; i < 128; i += 1) fs.appendFileSync(log, 'x'.repeat(1024 * 1024));
  fs.appendFileSync(log, '\nlast\n');
  await until('the last line', () => got.length === 3);
  expect(got).toEqual([5, 64 * 1024, 4]);
  expect(bytes_max).toBeLessThan(64 * 1024 * 1024);
  expect(JSON.parse(reader.position() ?? '').files).toHaveLength(1);
});
