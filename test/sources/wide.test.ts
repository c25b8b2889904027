/** Logs in UTF-16 and UTF-32: each line once, whole, however the bytes come; and beside what fail2ban makes of them. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PieceCutter } from '../../host-agent/sources/cut.ts';
import { realDisk } from '../../host-agent/sources/disk.ts';
import { createFileSource, type FileOptions } from '../../host-agent/sources/file.ts';
import { LINE_BYTES_MAX } from '../../host-agent/sources/line-form.ts';
import { offsetSince } from '../../host-agent/sources/since.ts';
import { REPLACED, Tail } from '../../host-agent/sources/tail.ts';
import { codecOf, type Wide } from '../../shared/config/logencoding.ts';
import { checkout } from '../config/oracle.ts';

let folder: string;
let log: string;

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'edgeban-wide-'));
  log = join(folder, 'errorlog');
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function wideOf(name: string): Wide {
  const { wide } = codecOf(name);
  if (wide === undefined) throw new Error(`${name} is not wide`);
  return wide;
}

/** Bytes 10 and 13 in other characters, and characters of two units. */
const text = (n: number) => `2026-06-14 Login ${n} \u010a\u0a0a\u0d0a\u0d0d\u20ac\u{1f600}\u{10a0a} [192.0.2.${n}]`;
const texts = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => text(from + i));

function encoded({ unit }: Wide, isBig: boolean, words: string): Buffer {
  const bytes = unit === 2 ? Buffer.from(words, 'utf16le') : Buffer.from(Uint32Array.from(points(words)).buffer);
  if (!isBig) return bytes;
  return unit === 2 ? bytes.swap16() : bytes.swap32();
}

function markOf({ order }: Wide): string {
  return order === 'mark' ? '\ufeff' : '';
}

function points(words: string): number[] {
  return [...words].map((char) => char.codePointAt(0) ?? 0);
}

/** Takes lines until `count` have come, and returns them with the place behind them. */
async function take(count: number, options: Partial<FileOptions>, meanwhile?: () => void) {
  const lines: string[] = [];
  let position: string | undefined;
  const stop = new AbortController();
  const ports = { now: () => Date.now() / 1000, onError: () => undefined };
  const began = Promise.withResolvers<void>();
  const source = createFileSource({ path: log, ...options }, ports);
  const ended = source.run((batch) => {
    lines.push(...[...batch.lines].map(({ bytes }) => Buffer.from(bytes).toString()));
    position = batch.position;
    began.resolve();
    if (lines.length >= count) stop.abort();
  }, stop.signal);
  if (meanwhile !== undefined) {
    await began.promise;
    meanwhile();
  }
  await ended;
  return { lines, position };
}

const kinds = ['utf-16-le', 'utf-16-be', 'utf-16', 'utf-32-le', 'utf-32-be', 'utf-32'].flatMap((name) =>
  ['\n', '\r\n'].flatMap((end) =>
    (/\d$/.test(name) ? [false, true] : [name.endsWith('be')]).map((isBig) => ({ name, end, isBig })),
  ),
);

it.for(kinds)('follows a log in $name, line end $end, big $isBig', async ({ name, end, isBig }) => {
  const wide = wideOf(name);
  const mark = markOf(wide);
  const bytes = (lines: readonly string[]) => encoded(wide, isBig, lines.map((line) => line + end).join(''));
  fs.writeFileSync(
    log,
    Buffer.concat([encoded(wide, isBig, mark), bytes(texts(1, 2)), bytes(texts(3, 3)).subarray(0, 7)]),
  );
  // the rest of the third line comes, and is rotated away before it was read
  const first = await take(2, { wide });
  fs.appendFileSync(log, Buffer.concat([bytes(texts(3, 3)).subarray(7), bytes(texts(4, 5))]));
  const { atime, mtime } = fs.statSync(log);
  fs.writeFileSync(`${log}.1.gz`, gzipSync(fs.readFileSync(log)));
  fs.utimesSync(`${log}.1.gz`, atime, mtime);
  fs.writeFileSync(log, Buffer.concat([encoded(wide, isBig, mark), bytes(texts(6, 7))]));
  const second = await take(5, { wide, position: first.position });
  expect([...first.lines, ...second.lines]).toEqual(texts(1, 7));
});

it('begins at the end in the midst of a line, and skips the rest of it', async () => {
  for (const { name, end, isBig } of kinds) {
    const wide = wideOf(name);
    const half = encoded(wide, isBig, `\ufeffold${end}half of a`);
    fs.writeFileSync(log, half.subarray(0, -1));
    const tail = await Tail.open(realDisk, log, true);
    await tail.toEnd(wide);
    fs.appendFileSync(log, Buffer.concat([half.subarray(-1), encoded(wide, isBig, ` line${end}${text(1)}${end}`)]));
    const chunk = await tail.read(wide);
    await tail.close();
    if (chunk === null || chunk === REPLACED) throw new Error('there is a line');
    expect([...chunk.lines].map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([text(1)]);
  }
});

it('finds the place in a long log where a time begins', async () => {
  for (const { name, end, isBig } of kinds) {
    const wide = wideOf(name);
    const lines = Array.from({ length: 9_000 }, (_, i) => `${i} ${text(i % 200)}`);
    fs.writeFileSync(log, encoded(wide, isBig, `${markOf(wide)}${lines.join(end)}`));
    const tail = await Tail.open(realDisk, log, true);
    const form = await tail.form(wide);
    const timeOf = ({ bytes }: { bytes: Uint8Array }) => Number.parseInt(Buffer.from(bytes).toString(), 10);
    const offset = await offsetSince(tail, form, 0, 6_000, timeOf);
    const found = timeOf({
      bytes: form.line(fs.readFileSync(log), offset, form.behindEnd(fs.readFileSync(log), offset)),
    });
    await tail.close();
    expect(found).toBeLessThan(6_000);
    expect(found).toBeGreaterThan(4_500);
  }
});

const pieces = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

it('cuts the same lines out of pieces of any size; a line that is too long is cut', () => {
  const long = 'x'.repeat(40_000);
  for (const { name, end, isBig } of kinds) {
    const wide = wideOf(name);
    const all = [...texts(1, 3), long, text(4)];
    const bytes = encoded(wide, isBig, markOf(wide) + all.join(end));
    for (const size of [999, 1_000, 1 << 20]) {
      const cutter = new PieceCutter(wide);
      const cut = pieces(bytes, size).flatMap((piece) => cutter.push(piece).flatMap((lines) => [...lines]));
      const lines = [...cut, ...cutter.last()].map(({ bytes: line }) => Buffer.from(line).toString());
      expect(lines).toEqual(all.map((line) => line.slice(0, LINE_BYTES_MAX / wide.unit)));
    }
  }
});

it('reads what fail2ban reads', (context) => {
  const path = checkout(context);
  const program = `
import json, logging, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)
from fail2ban.server.filter import FileContainer
def lines(path, name):
    log = FileContainer(path, name)
    while log.open():
        for line in iter(log.readline, None): yield line.rstrip('\\r\\n')
        log.close()
print(json.dumps([list(lines(path, name)) for path, name in zip(sys.argv[2::2], sys.argv[3::2])]))
`;
  // of little-endian with carriage returns it reads the first line only, and of those with a mark not all rightly
  const sound = kinds.filter(({ name, end }) => name.endsWith('be') || (name.endsWith('le') && end === '\n'));
  const files = sound.map(({ name, end, isBig }, i) => {
    fs.writeFileSync(`${log}${i}`, encoded(wideOf(name), isBig, [...texts(1, 5), ''].join(end)));
    return [`${log}${i}`, name];
  });
  const run = spawnSync('python3', ['-c', program, path, ...files.flat()], { encoding: 'utf8' });
  const ours = files.map(([file = '', name = '']) => {
    const lines = new PieceCutter(wideOf(name)).push(fs.readFileSync(file)).flatMap((batch) => [...batch]);
    return lines.map(({ bytes }) => Buffer.from(bytes).toString());
  });
  expect(ours).toEqual(JSON.parse(run.stdout));
});
