/** Cuts what was read of a log file into lines of bounded length. */

import type { Wide } from '../../shared/config/logencoding.ts';
import type { Line } from '../../shared/ticket.ts';
import { formOf, LINE_BYTES_MAX, type LineForm } from './line-form.ts';
import type { Lines } from './source.ts';

const BATCH_LINES_MAX = 10_000;

interface Cut {
  readonly lines: Lines;
  /** Where in the bytes each of them ends. */
  readonly ends: readonly number[];
  readonly consumed: number;
  readonly skip: boolean;
}

/** Whole lines only; a line that is too long is cut although its end has not come. `skip`: drop up to the first line end. */
export function cutLines(bytes: Buffer, skip: boolean, form: LineForm): Cut {
  const begin = skip ? form.behindEnd(bytes, 0) : 0;
  if (skip && begin === 0) {
    const consumed = bytes.length - (bytes.length % form.unit);
    return { lines: [], ends: [], consumed, skip: true };
  }
  const ends: number[] = [];
  const lines = new LinesIn(bytes, begin, ends, form);
  let consumed = begin;
  while (ends.length < BATCH_LINES_MAX) {
    const end = form.behindEnd(bytes, consumed);
    if (end === 0) break;
    consumed = end;
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
  readonly #form: LineForm;

  constructor(bytes: Buffer, begin: number, ends: readonly number[], form: LineForm) {
    this.#bytes = bytes;
    this.#begin = begin;
    this.#ends = ends;
    this.#form = form;
  }

  get length(): number {
    return this.#ends.length;
  }

  *[Symbol.iterator](): Generator<Line> {
    let start = this.#begin;
    for (const end of this.#ends) {
      yield { bytes: this.#form.line(this.#bytes, start, end) };
      start = end;
    }
  }
}

/** A log that is read once from its begin to its end, in pieces that last until the next one comes. */
export class PieceCutter {
  readonly #wide: Wide | null;
  #form: LineForm | null = null;
  #rest: Buffer = Buffer.alloc(0);
  #skip = false;

  constructor(wide: Wide | null) {
    this.#wide = wide;
  }

  /** The lines that end in the piece. */
  push(piece: Buffer): Lines[] {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    this.#form ??= bytes.length < (this.#wide?.unit ?? 0) ? null : formOf(this.#wide, bytes);
    const batches: Lines[] = [];
    while (this.#form !== null) {
      const cut = cutLines(bytes, this.#skip, this.#form);
      this.#skip = cut.skip;
      if (cut.consumed === 0) break;
      batches.push(cut.lines);
      bytes = bytes.subarray(cut.consumed);
    }
    this.#rest = Buffer.from(bytes);
    return batches;
  }

  /** What stands after the last line end. */
  last(): Lines {
    const bytes = this.#rest;
    if (this.#form === null || this.#skip || bytes.length === 0) return [];
    return [{ bytes: this.#form.line(bytes, 0, bytes.length) }];
  }
}
