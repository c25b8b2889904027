/** One open log file: reads whole lines from where it stands, and knows again the bytes that it has read. */
import { createHash } from 'node:crypto';
import type { Wide } from '../../shared/config/logencoding.ts';
import type { UnixTime } from '../../shared/time.ts';
import { cutLines } from './cut.ts';
import type { Disk, FileStat, OpenFile } from './disk.ts';
import { formOf, type LineForm } from './line-form.ts';
import { unpackOf } from './packed.ts';
import type { Lines } from './source.ts';
import { Unpacked } from './unpacked.ts';

/** What is read, and given, at once. */
const CHUNK_BYTES_MAX = 256 * 1024;
/** By so many first and last bytes of what was read the file is known again. */
const MARK_BYTES = 256;
/** So many first bytes tell whether one file may be a copy of another. */
const COPY_BYTES = 64 * 1024;

/**
 * Where reading stopped in one file. `mark` is a hash of the first and the last bytes before `offset`, `head` one of the
 * first alone. Of a compressed file, `offset` is one of the text in it.
 */
export interface Place {
  readonly dev: string;
  readonly ino: string;
  readonly offset: number;
  readonly mark: string;
  readonly head?: string | undefined;
  /** The rest of a line that was too long comes next. */
  readonly skip?: boolean | undefined;
}

export interface Chunk {
  readonly lines: Lines;
  /** Was it in the file already when the file was opened at start? */
  readonly live: boolean;
}

/** The file at the same inode does not hold any more what was read from it: it was truncated or rewritten. */
export const REPLACED = 'replaced';

interface Stand {
  readonly offset: number;
  readonly head: Buffer<ArrayBuffer>;
  readonly last: Buffer<ArrayBuffer>;
  readonly skip: boolean;
}

const atStart: Stand = { offset: 0, head: Buffer.alloc(0), last: Buffer.alloc(0), skip: false };

export class Tail {
  readonly dev: string;
  readonly ino: string;
  /** When it was last changed before it was opened. */
  readonly mtime: UnixTime;
  /** Up to here it is history, not news. */
  readonly #past: number;
  readonly #file: OpenFile;
  readonly #unpacked: Unpacked | null;
  #stand = atStart;
  /** Its size when it was last read. */
  #size = 0;
  /** How it stood before the last chunk, and that chunk. */
  #before = atStart;
  #chunk: { readonly bytes: Buffer; readonly ends: readonly number[] } | null = null;

  private constructor(file: OpenFile, stat: FileStat, path: string, past: boolean) {
    const unpack = unpackOf(path);
    const isPacked = unpack !== null;
    this.#file = file;
    this.#unpacked = unpack === null ? null : new Unpacked(file, unpack);
    this.dev = stat.dev;
    this.ino = stat.ino;
    this.mtime = stat.mtime;
    this.#past = isPacked ? Number.POSITIVE_INFINITY : past ? stat.size : 0;
  }

  /** `past`: what it holds now is history. Throws what the file system throws, and an Error with code ENOTFILE. */
  static async open(disk: Disk, path: string, past: boolean): Promise<Tail> {
    const file = await disk.open(path);
    try {
      const stat = await file.stat();
      if (!stat.isFile) throw notAFile();
      return new Tail(file, stat, path, past);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get place(): Place {
    const { head, last, offset, skip } = this.#stand;
    const { dev, ino } = this;
    return { dev, ino, offset, mark: hash(head, last), head: hash(head), ...(skip ? { skip } : {}) };
  }

  get offset(): number {
    return this.#stand.offset;
  }

  get size(): number {
    return this.#size;
  }

  get isPacked(): boolean {
    return this.#unpacked !== null;
  }

  /** Goes to where `place` says; false if this file does not hold what was read up to there. */
  async resume(place: Place): Promise<boolean> {
    const isFound = await this.#resume(place);
    // of many rotated files each may be unpacked by a program of its own
    if (!isFound) this.#unpacked?.rewind();
    return isFound;
  }

  async #resume(place: Place): Promise<boolean> {
    const head = await this.peek(0, Math.min(place.offset, MARK_BYTES));
    if (place.head !== undefined && hash(head) !== place.head) return false;
    const from = Math.max(0, place.offset - MARK_BYTES);
    const last = await this.peek(from, place.offset);
    if (from + last.length < place.offset || hash(head, last) !== place.mark) return false;
    this.#stand = { offset: place.offset, head, last, skip: place.skip ?? false };
    return true;
  }

  /** Is all that `other` holds, as far as one looks, what this file begins with? */
  async beginsWith(other: Tail): Promise<boolean> {
    const theirs = await other.peek(0, COPY_BYTES);
    return theirs.equals(await this.peek(0, theirs.length));
  }

  /** Goes to the end; what comes of a line that began before is skipped. */
  async toEnd(wide: Wide | null): Promise<void> {
    const form = await this.form(wide);
    const { size } = await this.stat();
    await this.toOffset(size - (size % form.unit));
    const { last } = this.#stand;
    const isLineEnd = last.length === 0 || form.behindEnd(last, last.length - form.unit) > 0;
    this.#stand = { ...this.#stand, skip: !isLineEnd };
  }

  /** How its lines lie in it. */
  async form(wide: Wide | null): Promise<LineForm> {
    return formOf(wide, await this.peek(0, wide?.unit ?? 0));
  }

  async toOffset(offset: number): Promise<void> {
    const head = await this.peek(0, Math.min(offset, MARK_BYTES));
    this.#stand = { offset, head, last: await this.peek(Math.max(0, offset - MARK_BYTES), offset), skip: false };
  }

  /** Back to the start, for a file that was emptied. */
  restart(): void {
    this.#stand = atStart;
  }

  /** The next whole lines, at least one step further; null if there is nothing more for now. */
  async read(wide: Wide | null): Promise<Chunk | typeof REPLACED | null> {
    const { offset, head, last, skip } = this.#stand;
    this.#size = (await this.stat()).size;
    const size = this.isPacked ? Number.POSITIVE_INFINITY : this.#size;
    // The bytes before are read again with the new ones: one look that no truncation can slip through, even if the file has
    // grown to the same size again, in the same tick of its times.
    const bytes = await this.peek(offset - last.length, Math.min(size, offset + CHUNK_BYTES_MAX));
    if (size < offset || !bytes.subarray(0, last.length).equals(last)) return REPLACED;
    const fresh = bytes.subarray(last.length);
    const live = offset >= this.#past;
    const cut = cutLines(fresh, skip, formOf(wide, offset === 0 ? fresh : head));
    if (cut.consumed === 0) return null;
    this.#before = this.#stand;
    this.#chunk = { bytes: fresh, ends: cut.ends };
    this.#stand = advanced(this.#stand, fresh.subarray(0, cut.consumed), cut.skip);
    return { lines: cut.lines, live };
  }

  /** Goes back to behind the first `count` lines of the chunk read last. */
  backTo(count: number): void {
    const end = this.#chunk?.ends[count - 1];
    if (this.#chunk === null || end === undefined) throw new Error(`no line ${count} was read`);
    if (count === this.#chunk.ends.length) return;
    this.#stand = advanced(this.#before, this.#chunk.bytes.subarray(0, end), false);
  }

  /** Bytes `from` to `to` of the text, fewer at its end. */
  peek(from: number, to: number): Promise<Buffer<ArrayBuffer>> {
    const length = Math.max(0, to - from);
    return this.#unpacked?.bytes(from, from + length) ?? this.#file.read(from, length);
  }

  stat(): Promise<FileStat> {
    return this.#file.stat();
  }

  async close(): Promise<void> {
    await (this.#unpacked ?? this.#file).close();
  }
}

export function notAFile(): Error {
  return Object.assign(new Error('not a regular file'), { code: 'ENOTFILE' });
}

function advanced({ offset, head, last }: Stand, consumed: Buffer, skip: boolean): Stand {
  const longer = head.length === MARK_BYTES ? head : join(head, consumed).subarray(0, MARK_BYTES);
  // a copy, so that the whole chunk is not kept alive
  const latest = Buffer.from(join(last, consumed.subarray(-MARK_BYTES)).subarray(-MARK_BYTES));
  return { offset: offset + consumed.length, head: longer, last: latest, skip };
}

/** Only the start of `more` counts for a head. */
function join(before: Buffer, more: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([before, more.subarray(0, MARK_BYTES)]);
}

function hash(...parts: readonly Buffer[]): string {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex').slice(0, 32);
}
