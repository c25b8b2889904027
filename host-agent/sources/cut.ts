/** Cuts what was read of a log file into lines of bounded length. */
import type { Line } from '../../shared/ticket.ts';
import type { Lines } from './source.ts';

/** A longer line is cut here and the rest of it skipped. */
export const LINE_BYTES_MAX = 64 * 1024;
const BATCH_LINES_MAX = 10_000;
const NEWLINE = 10;
const RETURN = 13;

interface Cut {
  readonly lines: Lines;
  /** Where in the bytes each of them ends. */
  readonly ends: readonly number[];
  readonly consumed: number;
  readonly skip: boolean;
}

/** Whole lines only; a line that is too long is cut although its end has not come. `skip`: drop up to the first line end. */
export function cutLines(bytes: Buffer, skip: boolean): Cut {
  const begin = skip ? bytes.indexOf(NEWLINE) + 1 : 0;
  if (skip && begin === 0) return { lines: [], ends: [], consumed: bytes.length, skip: true };
  const ends: number[] = [];
  const lines = new LinesIn(bytes, begin, ends);
  let consumed = begin;
  while (ends.length < BATCH_LINES_MAX) {
    const end = bytes.indexOf(NEWLINE, consumed);
    if (end < 0) break;
    consumed = end + 1;
    ends.push(consumed);
  }
  const isFull = ends.length === BATCH_LINES_MAX;
  if (isFull || bytes.length - consumed < LINE_BYTES_MAX) return { lines, ends, consumed, skip: false };
  ends.push(consumed + LINE_BYTES_MAX);
  return { lines, ends, consumed: consumed + LINE_BYTES_MAX, skip: true };
}

/** Lines that are made as they are asked for: thousands of them at once would outlive a round of the garbage collector. */
class LinesIn implements Lines {
  readonly #bytes: Buffer;
  readonly #begin: number;
  readonly #ends: readonly number[];

  constructor(bytes: Buffer, begin: number, ends: readonly number[]) {
    this.#bytes = bytes;
    this.#begin = begin;
    this.#ends = ends;
  }

  get length(): number {
    return this.#ends.length;
  }

  *[Symbol.iterator](): Generator<Line> {
    let start = this.#begin;
    for (const end of this.#ends) {
      yield { bytes: trimmed(this.#bytes, start, end) };
      start = end;
    }
  }
}

/** Without the line end and the carriage returns before it, and not longer than allowed; one that was cut has no end. */
function trimmed(bytes: Buffer, start: number, end: number): Uint8Array {
  if (bytes[end - 1] !== NEWLINE) return viewOf(bytes, start, end);
  let stop = end - 1;
  while (stop > start && bytes[stop - 1] === RETURN) stop -= 1;
  return viewOf(bytes, start, Math.min(stop, start + LINE_BYTES_MAX));
}

/** Not a Buffer, which takes twice as long to make. */
function viewOf({ buffer, byteOffset }: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + start, end - start);
}
