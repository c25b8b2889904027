/** The lines to be tried: of a file, of the command line, or of the journal. */
import { isAscii } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Wide } from '../../shared/config/logencoding.ts';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import type { AsciiPlace, Line } from '../../shared/ticket.ts';
import { PieceCutter } from '../sources/cut.ts';
import { type Entry, ExportParser, lineFields } from '../sources/journal-export.ts';
import { lineOf } from '../sources/journal-line.ts';
import { startJournalctl } from '../sources/journalctl.ts';
import { journalArguments, matchArguments } from '../sources/journalmatch.ts';
import { JsonEntries } from './journal-json.ts';

/** Some lines, to be gone through once before the next chunk is asked for, and how many bytes are read with them. */
export interface Chunk {
  readonly lines: Iterable<Line>;
  readonly bytes: number;
}

export const chunk_bytes = 1 << 18;
/** A longer line is cut: the filter looks at much less. */
const line_bytes_max = 1 << 20;
const newline = 10;

export type FileKind = 'lines' | 'export' | 'json';

/** What journalctl has written begins with a cursor, or is one JSON object a line. */
export function kindOf(path: string): FileKind {
  const head = headOf(path);
  if (/^__CURSOR=s=/.test(head)) return 'export';
  return /^\{[^\n]*"__(?:CURSOR|REALTIME_TIMESTAMP)"\s*:/.test(head) ? 'json' : 'lines';
}

function headOf(path: string): string {
  const fd = open(path);
  try {
    const bytes = Buffer.alloc(1 << 14);
    return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch {
    // a pipe has no place to read from; it is taken as lines
    return '';
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EdgebanError('ERR_SOURCE_UNREADABLE', reason, { cause });
  }
}

export function sizeOf(path: string): number {
  const fd = open(path);
  try {
    return fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
}

/** One buffer is read into again and again: what is to last has to be copied. */
function* bytesOf(path: string): Generator<Buffer> {
  const fd = open(path);
  const bytes = Buffer.allocUnsafeSlow(chunk_bytes);
  try {
    for (;;) {
      const count = readSync(fd, bytes, 0, bytes.length, null);
      if (count === 0) return;
      yield bytes.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * The lines of a file. What stands after the last line end is a line only with `last`: the server would wait for its end. With
 * a `room` the file is read there, as far as its lines fit in.
 */
export function* fileLines(path: string, last: boolean, room: Uint8Array | null = null): Generator<Chunk> {
  const fd = open(path);
  let bytes = room === null ? Buffer.allocUnsafeSlow(chunk_bytes) : bufferOf(room);
  try {
    let kept = 0;
    for (;;) {
      const count = readSync(fd, bytes, kept, bytes.length - kept, null);
      if (count === 0) break;
      const end = bytes.lastIndexOf(newline, kept + count - 1) + 1;
      yield { lines: new LinesIn(bytes, end), bytes: count };
      // of a line without an end only the begin is kept
      const rest = Math.min(kept + count - end, line_bytes_max);
      if (2 * rest > bytes.length) bytes = Buffer.concat([bytes.subarray(end, end + rest)], 2 * bytes.length);
      else bytes.copyWithin(0, end, end + rest);
      kept = rest;
    }
    if (last && kept > 0) yield { lines: [{ bytes: bytes.subarray(0, kept) }], bytes: 0 };
  } finally {
    closeSync(fd);
  }
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** The same of a file in UTF-16 or UTF-32. */
export function* wideLines(path: string, last: boolean, wide: Wide): Generator<Chunk> {
  const cutter = new PieceCutter(wide);
  for (const piece of bytesOf(path)) {
    for (const lines of cutter.push(piece)) yield { lines, bytes: 0 };
    yield { lines: [], bytes: piece.length };
  }
  if (last) yield { lines: cutter.last(), bytes: 0 };
}

/**
 * One line at a time: thousands of them at once would outlive a round of the garbage collector. A generator would make a third
 * object for each.
 */
class LinesIn implements IterableIterator<Line> {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #isAscii: boolean;
  #at = 0;
  readonly #step: { done: false; value: Line } = { done: false, value: { bytes: Buffer.alloc(0) } };

  constructor(bytes: Buffer, end: number) {
    this.#bytes = bytes;
    this.#end = end;
    this.#isAscii = isAscii(bytes.subarray(0, end));
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<Line, undefined> {
    if (this.#at >= this.#end) return { done: true, value: undefined };
    const start = this.#at;
    const end = this.#bytes.indexOf(newline, start);
    this.#step.value = this.#isAscii
      ? new AsciiLine(this.#bytes, start, end)
      : { bytes: this.#bytes.subarray(start, end) };
    this.#at = end + 1;
    return this.#step;
  }
}

class AsciiLine implements Line, AsciiPlace {
  readonly piece: Buffer;
  readonly start: number;
  readonly end: number;

  constructor(piece: Buffer, start: number, end: number) {
    this.piece = piece;
    this.start = start;
    this.end = end;
  }

  get bytes(): Uint8Array {
    return this.piece.subarray(this.start, this.end);
  }

  get place(): AsciiPlace {
    return this;
  }
}

export function textLines(lines: readonly string[]): Chunk[] {
  return [{ lines: lines.map((line) => ({ bytes: Buffer.from(line) })), bytes: 0 }];
}

/** What `journalctl -o export` or `-o json` has written into a file. */
export function* savedJournal(path: string, kind: 'export' | 'json'): Generator<Chunk> {
  const parser = kind === 'export' ? new ExportParser() : new JsonEntries();
  for (const bytes of bytesOf(path)) {
    yield { lines: linesOf(() => parser.push(bytes), path), bytes: bytes.length };
  }
  // an export's last entry may lack the empty line behind it
  const late = linesOf(() => parser.push(Buffer.from('\n\n')), path);
  if (late.length > 0) yield { lines: late, bytes: 0 };
}

function linesOf(parse: () => readonly Entry[], path: string): Line[] {
  try {
    return parse().map(lineOf);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EdgebanError('ERR_SOURCE_UNREADABLE', reason, { file: path, cause });
  }
}

/** The journal from its begin to its end. Throws ERR_JOURNAL_MATCH, ERR_JOURNAL_OPTION, ERR_JOURNAL_FAILED. */
export async function* journalLines(
  matches: readonly string[],
  options: Readonly<Record<string, string>>,
  command: readonly string[] = ['journalctl'],
): AsyncGenerator<Chunk> {
  const output = ['--no-pager', '--output=export', `--output-fields=${lineFields.join(',')}`];
  const args = [...output, ...journalArguments(options), ...matchArguments(matches)];
  const journalctl = startJournalctl(command, args, () => undefined);
  const parser = new ExportParser();
  let count = 0;
  try {
    for await (const bytes of journalctl.output) {
      const lines = linesOf(() => parser.push(bytes), 'journal');
      count += lines.length;
      yield { lines, bytes: bytes.length };
    }
    const ended = await journalctl.ended;
    const said = journalctl.complaint();
    if (ended !== 'status 0' && !(count === 0 && ended === 'status 1' && said === '')) {
      throw new EdgebanError('ERR_JOURNAL_FAILED', `journalctl ended (${ended})${said === '' ? '' : `: ${said}`}`);
    }
  } finally {
    await journalctl.stop();
  }
}
