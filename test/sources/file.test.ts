/** A log file through rotation, truncation and restarts: each line once. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileSource, type FileOptions } from '../../host-agent/sources/file.ts';
import type { Batch } from '../../host-agent/sources/source.ts';
import type { EdgebanError } from '../../shared/errors.ts';

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

async function until(condition: () => boolean, what = 'it'): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen in 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs a source and collects what it gives. */
function follow(options: Partial<FileOptions> = {}, slow?: () => Promise<void>) {
  const batches: Batch[] = [];
  const errors: EdgebanError[] = [];
  const controller = new AbortController();
  const ports = { now: () => Date.now() / 1000, onError: (error: EdgebanError) => errors.push(error) };
  const source = createFileSource({ path: log, ...options }, ports);
  const ended = source.run(async (batch) => {
    batches.push(batch);
    await slow?.();
  }, controller.signal);
  const stop = async () => {
    controller.abort();
    await ended;
  };
  running.push({ stop });
  const texts = () =>
    batches.flatMap((batch) => [...batch.lines].map((line) => Buffer.from(line.bytes).toString('latin1')));
  return { batches, errors, stop, texts, position: () => batches.at(-1)?.position };
}

/** Text of numbered lines, `from` to `to` inclusive. */
function numbered(from: number, to: number): string {
  return range(from, to)
    .map((line) => `${line}\n`)
    .join('');
}

function range(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);
}

describe.each(['inotify', 'poll'] as const)('a log file, followed by %s', (backend) => {
  it('gives what is there as history and what comes as news', async () => {
    fs.writeFileSync(log, 'old\n');
    const reader = follow({ backend });
    await until(() => reader.texts().length === 1);
    fs.appendFileSync(log, 'new\n');
    await until(() => reader.texts().length === 2);
    expect(reader.texts()).toEqual(['old', 'new']);
    expect(reader.batches.map((batch) => batch.live)).toEqual([false, true]);
  });

  it('goes with a rename, while the writer still writes to the old file', async () => {
    fs.writeFileSync(log, numbered(1, 3));
    const reader = follow({ backend });
    await until(() => reader.texts().length === 3);
    const old = fs.openSync(log, 'a');
    fs.renameSync(log, `${log}.1`);
    fs.writeFileSync(log, '');
    fs.writeSync(old, numbered(4, 5));
    fs.appendFileSync(log, numbered(6, 7));
    await until(() => reader.texts().length === 7);
    fs.writeSync(old, numbered(8, 8));
    await until(() => reader.texts().length === 8);
    fs.closeSync(old);
    expect(new Set(reader.texts())).toEqual(new Set(range(1, 8)));
  });

  it('goes with copytruncate, taking from the copy what it had not read', async () => {
    fs.writeFileSync(log, numbered(1, 3));
    let pass = () => {};
    const gate = new Promise<void>((resolve) => {
      pass = resolve;
    });
    const reader = follow({ backend }, () => gate);
    await until(() => reader.batches.length === 1);
    fs.appendFileSync(log, numbered(4, 6));
    fs.copyFileSync(log, `${log}.1`);
    fs.truncateSync(log, 0);
    fs.appendFileSync(log, numbered(7, 20)); // longer than before: the size tells nothing
    pass();
    await until(() => reader.texts().length === 20);
    expect(reader.texts()).toEqual(range(1, 20));
  });

  it('waits for a file that is not there, and says so once', async () => {
    const reader = follow({ backend });
    await until(() => reader.errors.length === 1);
    fs.writeFileSync(log, numbered(1, 2));
    await until(() => reader.texts().length === 2);
    expect(reader.errors.map((error) => error.code)).toEqual(['ERR_SOURCE_MISSING']);
  });
});

describe('a log file', () => {
  it('does not take a line before its end has come', async () => {
    fs.writeFileSync(log, 'one\r\nhal');
    const reader = follow();
    await until(() => reader.texts().length === 1);
    fs.appendFileSync(log, 'f\nlast');
    await until(() => reader.texts().length === 2);
    expect(reader.texts()).toEqual(['one', 'half']);
  });

  it('passes any bytes on, and cuts a line that is too long, even across a restart', async () => {
    fs.writeFileSync(log, Buffer.from([0, 0, 0xff, 0x41, 10]));
    fs.appendFileSync(log, `${'x'.repeat(300_000)}`);
    const first = follow();
    await until(() => first.texts().length === 2);
    await first.stop();
    fs.appendFileSync(log, `${'y'.repeat(300_000)}\nnext\n`);
    const second = follow({ position: first.position() });
    await until(() => second.texts().includes('next'));
    expect(first.texts()).toEqual(['\0\0\xffA', 'x'.repeat(65_536)]);
    expect(second.texts()).toEqual(['next']);
  });

  it('keeps batches small, and waits for the sink', async () => {
    fs.writeFileSync(log, '\n'.repeat(50_000) + `${'z'.repeat(999)}\n`.repeat(2_000));
    let open = 0;
    const reader = follow({}, async () => {
      open += 1;
      expect(open).toBe(1);
      await new Promise(setImmediate);
      open -= 1;
    });
    await until(() => reader.texts().length === 52_000);
    expect(Math.max(...reader.batches.map((batch) => batch.lines.length))).toBeLessThanOrEqual(10_000);
    const bytes = reader.batches.map((batch) => [...batch.lines].reduce((sum, line) => sum + line.bytes.length, 0));
    expect(Math.max(...bytes)).toBeLessThanOrEqual(256 * 1024);
  });

  it('goes on behind the last line, wherever the file has been rotated to, and reads what came between', async () => {
    fs.writeFileSync(`${log}.9`, 'much older\n');
    fs.utimesSync(`${log}.9`, 1e9, 1e9);
    fs.writeFileSync(log, numbered(1, 3));
    const first = follow();
    await until(() => first.texts().length === 3);
    await first.stop();
    fs.appendFileSync(log, numbered(4, 5));
    fs.renameSync(log, `${log}.2`);
    const later = Date.now() / 1000 + 10;
    fs.writeFileSync(`${log}.1`, numbered(6, 7));
    fs.utimesSync(`${log}.1`, later, later);
    fs.writeFileSync(log, numbered(8, 9));
    const second = follow({ position: first.position() });
    await until(() => second.texts().length >= 6);
    expect(second.texts()).toEqual(range(4, 9));
    expect(second.errors).toEqual([]);
    expect(second.batches.every((batch) => !batch.live)).toBe(true);
  });

  it('knows another file at the same inode, says that the place is lost, and reads from the start', async () => {
    fs.writeFileSync(log, numbered(1, 3));
    const first = follow();
    await until(() => first.texts().length === 3);
    await first.stop();
    fs.writeFileSync(log, 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\n'); // the same inode, truncated
    const second = follow({ position: first.position() });
    await until(() => second.texts().length === 14);
    expect(second.errors.map((error) => error.code)).toEqual(['ERR_SOURCE_POSITION_LOST']);
  });

  it('begins at the end where tail is asked for', async () => {
    fs.writeFileSync(log, 'old\nhal');
    const reader = follow({ tail: true });
    let written = 0;
    await until(() => {
      fs.appendFileSync(log, written === 0 ? 'f\n' : `new ${written}\n`);
      written += 1;
      return reader.texts().length >= 3;
    });
    expect(reader.texts().every((text) => /^new \d+$/.test(text))).toBe(true);
  });

  it('begins where the time asked for begins', async () => {
    const line = (i: number) => `${i} ${'.'.repeat(90)}\n`;
    fs.writeFileSync(log, Array.from({ length: 100_000 }, (_, i) => line(i)).join(''));
    let asked = 0;
    const timeOf = ({ bytes }: { bytes: Uint8Array }) => {
      asked += 1;
      return Number(Buffer.from(bytes).toString().split(' ')[0]);
    };
    const reader = follow({ since: 70_000, timeOf });
    await until(() => reader.texts().at(-1)?.startsWith('99999 ') === true);
    const first = Number(reader.texts()[0]?.split(' ')[0]);
    expect(first).toBeLessThanOrEqual(70_000);
    expect(first).toBeGreaterThan(68_000);
    expect(asked).toBeLessThan(40);
  });

  it('refuses what is no regular file, once, and takes the file that comes instead', async () => {
    fs.mkdirSync(log);
    const reader = follow({ backend: 'poll' });
    await until(() => reader.errors.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 500)); // two more polls
    fs.rmdirSync(log);
    fs.writeFileSync(log, 'at last\n');
    await until(() => reader.texts().length === 1);
    expect(reader.errors.map((error) => error.code)).toEqual(['ERR_SOURCE_UNREADABLE']);
  });

  it('ends with what the sink throws, and closes all files', async () => {
    fs.writeFileSync(log, 'one\n');
    const ports = { now: () => 0, onError: () => undefined };
    const source = createFileSource({ path: log }, ports);
    const refuse = () => Promise.reject(new Error('disk full'));
    await expect(source.run(refuse, new AbortController().signal)).rejects.toThrow('disk full');
    const open = fs.readdirSync('/proc/self/fd').map((fd) => linkOf(`/proc/self/fd/${fd}`));
    expect(open.filter((path) => path.startsWith(folder))).toEqual([]);
  });
});

function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}
