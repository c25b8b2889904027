/** A line whose date stands and reads as that of the line before, but for minutes and seconds: nothing is searched, and nothing made. */
import type { UnixTime } from '../time.ts';
import type { FoundDate } from './datedetector.ts';
import type { KnownDate } from './known-date.ts';
import type { Alike } from './regex/alike.ts';
import type { Subject } from './regex/subject.ts';

/** What was found in one line. The last two are found where they are in it, or all together further right. */
export class SameDate {
  readonly template: string;
  readonly #known: KnownDate;
  readonly #alike: Alike;
  readonly #found: FoundDate;
  /** How much further right than in the alike's example. */
  readonly #shift: number;
  /** Where the date and the match stand in the line that was told of last. */
  start = 0;
  end = 0;
  matchStart = 0;
  matchEnd = 0;

  /** Null where another line has to be searched to know: only a template that is bound to the line's begin stays the first. */
  static of(found: FoundDate, line: Subject, known: KnownDate | null): SameDate | null {
    const { template, match, start, shift: part } = found;
    const alike = template.anchored && part === 0 ? template.pattern().alike : null;
    if (alike === null || known === null || line.bytes === null || !alike.movesGroups) return null;
    const shift = alike.shiftIn(line.bytes, line.start, line.end);
    return shift !== null && known.isOf(template, match, start) ? new SameDate(found, known, alike, shift) : null;
  }

  private constructor(found: FoundDate, known: KnownDate, alike: Alike, shift: number) {
    this.template = found.template.name;
    this.#found = found;
    this.#known = known;
    this.#alike = alike;
    this.#shift = shift;
  }

  /** Null for a line of which this cannot tell. */
  timeOf(line: Subject, now: UnixTime): UnixTime | null {
    const shift = line.bytes === null ? null : this.#alike.shiftIn(line.bytes, line.start, line.end);
    if (shift === null) return null;
    const further = shift - this.#shift;
    const { start, end, match } = this.#found;
    const time = this.#known.laterIn(line, start + further, end - start, now);
    if (time === null) return null;
    this.start = start + further;
    this.end = end + further;
    this.matchStart = match.start;
    this.matchEnd = match.end + further;
    return time;
  }
}
