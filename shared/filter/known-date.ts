/** A date that has been read, and those after it that need not be: many lines of a log tell the same second or minute. */
import type { UnixTime } from '../time.ts';
import type { FoundDate } from './datedetector.ts';
import type { DateTemplate } from './datetemplates.ts';
import type { DateResult } from './datevalue.ts';
import type { PatternMatch } from './regex/pattern.ts';
import type { Subject } from './regex/subject.ts';

/**
 * What a line leaves out is guessed from now: dates so far back are guessed alike all through a minute, wherever summer time
 * begins.
 */
const settled_seconds = 3 * 3_600;

const zero = 48;

export class KnownDate {
  readonly #text: string;
  readonly #time: DateResult;
  readonly #now: UnixTime;
  readonly #template: DateTemplate;
  readonly #match: PatternMatch;
  /** Where the text begins, as the match counts. */
  readonly #from: number;
  /** Where two digits of seconds stand in the text; -1 if there are none. */
  readonly #secondsAt: number;
  readonly #seconds: number;
  #later = 0;

  /** Null where what counts may stand outside of the date's text: a group of the pattern's own says what that is. */
  static of(found: FoundDate, line: Subject, now: UnixTime, time: DateResult): KnownDate | null {
    return hasAll(found) ? new KnownDate(found, line, now, time) : null;
  }

  private constructor(found: FoundDate, line: Subject, now: UnixTime, time: DateResult) {
    this.#text = line.slice(found.start, found.end);
    this.#time = time;
    this.#now = now;
    this.#template = found.template;
    this.#match = found.match;
    this.#from = found.start - found.shift;
    const span = found.match.span('S');
    this.#secondsAt = span !== null && span[1] - span[0] === 2 ? span[0] - this.#from : -1;
    this.#seconds = this.#secondsAt < 0 ? 0 : Number(this.#text.slice(this.#secondsAt, this.#secondsAt + 2));
  }

  /** The text of the date that it told the time of last. */
  get text(): string {
    if (this.#later === 0) return this.#text;
    const seconds = String(this.#seconds + this.#later).padStart(2, '0');
    return this.#text.slice(0, this.#secondsAt) + seconds + this.#text.slice(this.#secondsAt + 2);
  }

  /** The time of a date that is this one, or later in its minute; null for all others. */
  timeOf(found: FoundDate, line: Subject, now: UnixTime): DateResult | null {
    if (found.template !== this.#template || !this.#isSame(line, found.start, found.end - found.start, now))
      return null;
    const later = this.#laterIn(line, found.start);
    const isPlain = later === 0 && found.template.dateGroup !== 1;
    if (!isPlain && !this.isOf(found.template, found.match, found.start - found.shift)) return null;
    return this.#timeLater(later, now);
  }

  /** The time of a date of which is known that the groups stand in it as in this one. */
  laterIn(line: Subject, start: number, length: number, now: UnixTime): UnixTime | null {
    const time = this.#isSame(line, start, length, now) ? this.#timeLater(this.#laterIn(line, start), now) : null;
    return typeof time === 'number' ? time : null;
  }

  /** Whether all groups stand in the match of a date, which begins at `from`, as they stand in this one's. */
  isOf(template: DateTemplate, match: PatternMatch, from: number): boolean {
    return template === this.#template && match.agrees(this.#match, from, this.#from);
  }

  /** But for the seconds. */
  #isSame(line: Subject, start: number, length: number, now: UnixTime): boolean {
    if (now !== this.#now || length !== this.#text.length) return false;
    const seconds = this.#secondsAt < 0 ? length : this.#secondsAt;
    return this.#isSamePart(line, start, 0, seconds) && this.#isSamePart(line, start, seconds + 2, length);
  }

  #isSamePart(line: Subject, start: number, from: number, to: number): boolean {
    const text = this.#text;
    for (let at = from; at < to; at += 1) if (line.codeAt(start + at) !== text.charCodeAt(at)) return false;
    return true;
  }

  #laterIn(line: Subject, start: number): number {
    return this.#secondsAt < 0 ? 0 : this.#secondsIn(line, start) - this.#seconds;
  }

  #timeLater(later: number, now: UnixTime): DateResult | null {
    if (later !== 0 && !(later > 0 && typeof this.#time === 'number' && this.#time < now - settled_seconds))
      return null;
    this.#later = later;
    return typeof this.#time === 'number' ? this.#time + later : this.#time;
  }

  /** -1 where there is no number up to 59. */
  #secondsIn(line: Subject, start: number): number {
    const tens = line.codeAt(start + this.#secondsAt) - zero;
    const ones = line.codeAt(start + this.#secondsAt + 1) - zero;
    return tens >= 0 && tens <= 5 && ones >= 0 && ones <= 9 ? 10 * tens + ones : -1;
  }
}

/** Whether all that was caught stands in the date's text. */
function hasAll({ start, end, shift, match, template }: FoundDate): boolean {
  if (template.dateGroup !== 1) return true;
  return template.pattern().names.every((name) => {
    const span = match.span(name);
    return span === null || (span[0] + shift >= start && span[1] + shift <= end);
  });
}
