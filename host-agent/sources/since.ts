/** Where in a log file a time begins: the search by halves that fail2ban makes when it first opens a file. */
import type { Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { LineForm } from './line-form.ts';
import type { Tail } from './tail.ts';

/** Nearer than this is near enough: the filter drops by date what is still too old. */
const NEAR_BYTES = 64 * 1024;

/** The time that a line tells, null if it tells none. The date formats are the filter's business. */
export type TimeOf = (line: Line) => UnixTime | null;

/**
 * The offset of the start of a line, not below `from`, before which all lines are older than `since`, if the file is in the
 * order of time. Where no date is found it leans to the earlier place.
 */
export async function offsetSince(
  tail: Tail,
  form: LineForm,
  from: number,
  since: UnixTime,
  timeOf: TimeOf,
): Promise<number> {
  let low = from;
  let high = (await tail.stat()).size;
  while (high - low > NEAR_BYTES) {
    const half = Math.floor((high - low) / 2);
    const middle = low + half - (half % form.unit);
    const found = firstDated(await tail.peek(middle, middle + NEAR_BYTES), form, timeOf);
    if (found !== null && found.time < since && middle + found.start < high) low = middle + found.start;
    else high = middle;
  }
  return low;
}

/** The first whole line with a date, and where it starts in `bytes`. */
function firstDated(bytes: Buffer, form: LineForm, timeOf: TimeOf): { start: number; time: UnixTime } | null {
  let start = form.behindEnd(bytes, 0);
  for (let end = form.behindEnd(bytes, start); start > 0 && end > 0; end = form.behindEnd(bytes, start)) {
    const time = timeOf({ bytes: form.line(bytes, start, end) });
    if (time !== null) return { start, time };
    start = end;
  }
  return null;
}
