/** Cuts what was read of a log file into lines of bounded length. */
import type { Line } from '../../shared/ticket.ts';

/** A longer line is cut here and the rest of it skipped. */
export const LINE_BYTES_MAX = 64 * 1024;
const BATCH_LINES_MAX = 10_000;
const NEWLINE = 10;
const RETURN = 13;

interface Cut {
  readonly lines: readonly Line[];
  /** Where in the bytes each of them ends. */
  readonly ends: readonly number[];
  readonly consumed: number;
  readonly skip: boolean;
}

/** Whole lines only; a line that is too long is cut although its end has not come. `skip`: drop up to the first line end. */
export function cutLines(bytes: Buffer, skip: boolean): Cut {
  const lines: Line[] = [];
  const ends: number[] = [];
  let consumed = 0;
  let skipping = skip;
  while (lines.length < BATCH_LINES_MAX) {
    const end = bytes.indexOf(NEWLINE, consumed);
    if (end < 0) break;
    if (!skipping) {
      lines.push({ bytes: trimmed(bytes, consumed, end) });
      ends.push(end + 1);
    }
    skipping = false;
    consumed = end + 1;
  }
  if (lines.length === BATCH_LINES_MAX) return { lines, ends, consumed, skip: false };
  if (skipping) return { lines, ends, consumed: bytes.length, skip: true };
  if (bytes.length - consumed < LINE_BYTES_MAX) return { lines, ends, consumed, skip: false };
  lines.push({ bytes: bytes.subarray(consumed, consumed + LINE_BYTES_MAX) });
  ends.push(consumed + LINE_BYTES_MAX);
  return { lines, ends, consumed: consumed + LINE_BYTES_MAX, skip: true };
}

/** Without the carriage returns before the line end, and not longer than allowed. */
function trimmed(bytes: Buffer, start: number, end: number): Buffer {
  let stop = end;
  while (stop > start && bytes[stop - 1] === RETURN) stop -= 1;
  return bytes.subarray(start, Math.min(stop, start + LINE_BYTES_MAX));
}
