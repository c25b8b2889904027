/** One open log file: reads whole lines from where it stands, and knows again the bytes that it has read. */
import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';
import type { Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';

/** What is read, and given, at once. */
const CHUNK_BYTES_MAX = 256 * 1024;
const BATCH_LINES_MAX = 10_000;
/** A longer line is cut here and the rest of it skipped. */
export const LINE_BYTES_MAX = 64 * 1024;
/** By so many first and last bytes of what was read the file is known again. */
const MARK_BYTES = 256;
const NEWLINE = 10;
const RETURN = 13;

/** Where reading stopped in one file. `mark` is a hash of the first and the last bytes before `offset`. */
export interface Place {
  readonly dev: string;
  readonly ino: string;
  readonly offset: number;
  readonly mark: string;
  /** The rest of a line that was too long comes next. */
  readonly skip?: boolean;
}

export interface Chunk {
  readonly lines: readonly Line[];
  /** Was it in the file already when the file was opened at start? */
  readonly live: boolean;
}

/** The file at the same inode does not hold any more what was read from it: it was truncated or rewritten. */
export const REPLACED = 'replaced';

export class Tail {
  readonly dev: string;
  readonly ino: string;
  /** When it was last changed before it was opened. */
  readonly mtime: UnixTime;
  /** Up to here it is history, not news. */
  readonly #past: number;
  readonly #handle: FileHandle;
  #offset = 0;
  #head = Buffer.alloc(0);
  #last = Buffer.alloc(0);
  #skip = false;
  /** How it stood before the last chunk, and that chunk. */
  #before: { readonly offset: number; readonly head: Buffer<ArrayBuffer>; readonly last: Buffer<ArrayBuffer> } | null =
    null;
  #chunk: { readonly bytes: Buffer; readonly ends: readonly number[] } | null = null;

  private constructor(
    handle: FileHandle,
    stat: { dev: bigint; ino: bigint; mtimeNs: bigint; size: bigint },
    past: boolean,
  ) {
    this.#handle = handle;
    this.dev = String(stat.dev);
    this.ino = String(stat.ino);
    this.mtime = Number(stat.mtimeNs / 1000n) / 1e6;
    this.#past = past ? Number(stat.size) : 0;
  }

  /** `past`: what it holds now is history. Throws what the file system throws, and an Error with code ENOTFILE. */
  static async open(path: string, past: boolean): Promise<Tail> {
    // Without O_NONBLOCK the opening of a pipe that somebody put there would never end.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat({ bigint: true });
      if (!stat.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'ENOTFILE' });
      return new Tail(handle, stat, past);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get place(): Place {
    const { dev, ino } = this;
    const mark = markOf(this.#head, this.#last);
    return { dev, ino, offset: this.#offset, mark, ...(this.#skip ? { skip: true } : {}) };
  }

  /** Goes to where `place` says; false if this file does not hold what was read up to there. */
  async resume(place: Place): Promise<boolean> {
    if ((await this.#size()) < place.offset) return false;
    const head = await this.#bytes(0, Math.min(place.offset, MARK_BYTES));
    const last = await this.#bytes(Math.max(0, place.offset - MARK_BYTES), place.offset);
    if (markOf(head, last) !== place.mark) return false;
    this.#stand(place.offset, head, last, place.skip ?? false);
    return true;
  }

  /** Goes to the end; what comes of a line that began before is skipped. */
  async toEnd(): Promise<void> {
    await this.toOffset(await this.#size());
    this.#skip = this.#offset > 0 && this.#last.at(-1) !== NEWLINE;
  }

  async toOffset(offset: number): Promise<void> {
    const head = await this.#bytes(0, Math.min(offset, MARK_BYTES));
    this.#stand(offset, head, await this.#bytes(Math.max(0, offset - MARK_BYTES), offset), false);
  }

  /** Back to the start, for a file that was emptied. */
  restart(): void {
    this.#stand(0, Buffer.alloc(0), Buffer.alloc(0), false);
  }

  /** The next whole lines, at least one step further; null if there is nothing more for now. */
  async read(): Promise<Chunk | typeof REPLACED | null> {
    const size = await this.#size();
    if (size < this.#offset) return REPLACED;
    if (size === this.#offset) return null;
    const start = this.#offset - this.#last.length;
    const bytes = await this.#bytes(start, Math.min(size, this.#offset + CHUNK_BYTES_MAX));
    // The bytes before are read again with the new ones: one look that no truncation can slip through.
    if (!bytes.subarray(0, this.#last.length).equals(this.#last)) return REPLACED;
    const fresh = bytes.subarray(this.#last.length);
    const live = this.#offset >= this.#past;
    // Of a new file one line alone: a copy of it that was just made is found by what was read, which no sink may give back.
    const { lines, ends, consumed, skip } = cutLines(fresh, this.#skip, this.#offset === 0 ? 1 : BATCH_LINES_MAX);
    if (consumed === 0) return null;
    this.#before = { offset: this.#offset, head: this.#head, last: this.#last };
    this.#chunk = { bytes: fresh, ends };
    this.#advance(fresh.subarray(0, consumed), skip);
    return { lines, live };
  }

  /** Goes back to behind the first `count` lines of the chunk read last. */
  backTo(count: number): void {
    const end = this.#chunk?.ends[count - 1];
    if (this.#before === null || this.#chunk === null || end === undefined)
      throw new Error(`no line ${count} was read`);
    if (count === this.#chunk.ends.length) return;
    const { offset, head, last } = this.#before;
    this.#stand(offset, head, last, false);
    this.#advance(this.#chunk.bytes.subarray(0, end), false);
  }

  /** Bytes `from` to `to`, fewer at the end of the file; for the search of a date. */
  peek(from: number, to: number): Promise<Buffer> {
    return this.#bytes(from, to);
  }

  size(): Promise<number> {
    return this.#size();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async #bytes(from: number, to: number): Promise<Buffer<ArrayBuffer>> {
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, to - from));
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.#handle.read(buffer, filled, buffer.length - filled, from + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  #stand(offset: number, head: Buffer<ArrayBuffer>, last: Buffer<ArrayBuffer>, skip: boolean): void {
    this.#offset = offset;
    this.#head = head;
    this.#last = last;
    this.#skip = skip;
  }

  #advance(consumed: Buffer, skip: boolean): void {
    const head = this.#head.length === MARK_BYTES ? this.#head : join(this.#head, consumed).subarray(0, MARK_BYTES);
    const last = join(this.#last, consumed.subarray(-MARK_BYTES)).subarray(-MARK_BYTES);
    this.#stand(this.#offset + consumed.length, head, Buffer.from(last), skip);
  }
}

/** Only the start of `more` counts for a head: the whole chunk is not kept alive. */
function join(before: Buffer, more: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([before, more.subarray(0, MARK_BYTES)]);
}

function markOf(head: Buffer, last: Buffer): string {
  return createHash('sha256').update(head).update(last).digest('hex').slice(0, 32);
}

interface Cut {
  readonly lines: readonly Line[];
  /** Where in the bytes each of them ends. */
  readonly ends: readonly number[];
  readonly consumed: number;
  readonly skip: boolean;
}

/** Whole lines only; a line that is too long is cut although its end has not come. `skip`: drop up to the first line end. */
function cutLines(bytes: Buffer, skip: boolean, lines_max: number): Cut {
  const lines: Line[] = [];
  const ends: number[] = [];
  let consumed = 0;
  let skipping = skip;
  while (lines.length < lines_max) {
    const end = bytes.indexOf(NEWLINE, consumed);
    if (end < 0) break;
    if (!skipping) {
      lines.push({ bytes: trimmed(bytes.subarray(consumed, end)) });
      ends.push(end + 1);
    }
    skipping = false;
    consumed = end + 1;
  }
  if (lines.length === lines_max) return { lines, ends, consumed, skip: false };
  if (skipping) return { lines, ends, consumed: bytes.length, skip: true };
  if (bytes.length - consumed < LINE_BYTES_MAX) return { lines, ends, consumed, skip: false };
  lines.push({ bytes: bytes.subarray(consumed, consumed + LINE_BYTES_MAX) });
  ends.push(consumed + LINE_BYTES_MAX);
  return { lines, ends, consumed: consumed + LINE_BYTES_MAX, skip: true };
}

/** Without the carriage returns before the line end, and not longer than allowed. */
function trimmed(line: Buffer): Buffer {
  let end = line.length;
  while (end > 0 && line[end - 1] === RETURN) end -= 1;
  return line.subarray(0, Math.min(end, LINE_BYTES_MAX));
}
