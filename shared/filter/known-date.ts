/** A date that has been read, and those after it that need not be: many lines of a log tell the same second or hour. */
import type { UnixTime } from '../time.ts';
import type { FoundDate } from './datedetector.ts';
import type { DateTemplate } from './datetemplates.ts';
import type { DateContext, DateParts, DateResult } from './datevalue.ts';
import { isEvenHour } from './even-hour.ts';
import type { PatternMatch } from './regex/pattern.ts';
import type { Subject } from './regex/subject.ts';

/** What a line leaves out is guessed from now: what is not so far back is guessed anew. */
const settled_seconds = 3 * 3_600;

const zero = 48;

export class KnownDate {
  readonly #text: string;
  readonly #time: DateResult;
  readonly #context: DateContext;
  readonly #template: DateTemplate;
  readonly #match: PatternMatch;
  /** Taken at once: the line is gone when they are asked for. */
  readonly #parts: DateParts;
  /** Where the text begins, as the match counts. */
  readonly #from: number;
  /** Where two digits of minutes and of seconds stand in the text; its end for both if there are not both. */
  readonly #minutesAt: number;
  readonly #secondsAt: number;
  /** Within the hour. */
  readonly #seconds: number;
  /** Null until another date of this hour comes. */
  #isEven: boolean | null = null;
  #later = 0;

  /** Null where what counts may stand outside of the date's text: a group of the pattern's own says what that is. */
  static of(found: FoundDate, line: Subject, context: DateContext, time: DateResult): KnownDate | null {
    return hasAll(found) ? new KnownDate(found, line, context, time) : null;
  }

  private constructor(found: FoundDate, line: Subject, context: DateContext, time: DateResult) {
    const text = line.slice(found.start, found.end);
    this.#text = text;
    this.#time = time;
    this.#context = context;
    this.#template = found.template;
    this.#match = found.match;
    this.#parts = found.match.groups;
    this.#from = found.start - found.shift;
    const minutes = numberOf(found.match, 'M', line, found.shift);
    const seconds = numberOf(found.match, 'S', line, found.shift);
    const hasBoth = minutes !== null && seconds !== null && minutes.at < seconds.at && seconds.at + 2 <= found.end;
    this.#minutesAt = hasBoth ? minutes.at - found.start : text.length;
    this.#secondsAt = hasBoth ? seconds.at - found.start : text.length;
    this.#seconds = hasBoth ? 60 * minutes.value + seconds.value : 0;
  }

  /** The text of the date that it told the time of last. */
  get text(): string {
    if (this.#later === 0) return this.#text;
    const within = this.#seconds + this.#later;
    const [minutes, seconds] = [Math.floor(within / 60), within % 60].map((value) => String(value).padStart(2, '0'));
    const between = this.#text.slice(this.#minutesAt + 2, this.#secondsAt);
    return `${this.#text.slice(0, this.#minutesAt)}${minutes}${between}${seconds}${this.#text.slice(this.#secondsAt + 2)}`;
  }

  /** The time of a date that is this one, or another of its hour; null for all others. */
  timeOf(found: FoundDate, line: Subject, now: UnixTime): DateResult | null {
    if (found.template !== this.#template || !this.#isSame(line, found.start, found.end - found.start, now))
      return null;
    const later = this.#laterIn(line, found.start);
    const isPlain = later === 0 && found.template.dateGroup !== 1;
    if (!isPlain && !this.isOf(found.template, found.match, found.start - found.shift)) return null;
    return this.#timeLater(later);
  }

  /** The time of a date of which is known that the groups stand in it as in this one. */
  laterIn(line: Subject, start: number, length: number, now: UnixTime): UnixTime | null {
    const time = this.#isSame(line, start, length, now) ? this.#timeLater(this.#laterIn(line, start)) : null;
    return typeof time === 'number' ? time : null;
  }

  /** Whether all groups stand in the match of a date, which begins at `from`, as they stand in this one's. */
  isOf(template: DateTemplate, match: PatternMatch, from: number): boolean {
    return template === this.#template && match.agrees(this.#match, from, this.#from);
  }

  /** But for the minutes and seconds. */
  #isSame(line: Subject, start: number, length: number, now: UnixTime): boolean {
    if (now !== this.#context.now || length !== this.#text.length) return false;
    return (
      this.#isSamePart(line, start, 0, this.#minutesAt) &&
      this.#isSamePart(line, start, this.#minutesAt + 2, this.#secondsAt) &&
      this.#isSamePart(line, start, this.#secondsAt + 2, length)
    );
  }

  #isSamePart(line: Subject, start: number, from: number, to: number): boolean {
    const text = this.#text;
    for (let at = from; at < to; at += 1) if (line.codeAt(start + at) !== text.charCodeAt(at)) return false;
    return true;
  }

  /** Null where there are no numbers up to 59. */
  #laterIn(line: Subject, start: number): number | null {
    if (this.#minutesAt === this.#text.length) return 0;
    const minutes = sixtieth(line, start + this.#minutesAt);
    const seconds = sixtieth(line, start + this.#secondsAt);
    return minutes < 0 || seconds < 0 ? null : 60 * minutes + seconds - this.#seconds;
  }

  #timeLater(later: number | null): DateResult | null {
    if (later === null || (later !== 0 && !this.#knowsHour())) return null;
    this.#later = later;
    return typeof this.#time === 'number' ? this.#time + later : this.#time;
  }

  #knowsHour(): boolean {
    this.#isEven ??=
      typeof this.#time === 'number' &&
      this.#time < this.#context.now - settled_seconds &&
      isEvenHour(this.#template, this.#parts, this.#context);
    return this.#isEven;
  }
}

/** Where a group is that is two digits, and what they tell. */
function numberOf(match: PatternMatch, group: string, line: Subject, shift: number) {
  const span = match.span(group);
  if (span === null || span[1] - span[0] !== 2) return null;
  const value = sixtieth(line, span[0] + shift);
  return value < 0 ? null : { at: span[0] + shift, value };
}

/** -1 where there is no number up to 59. */
function sixtieth(line: Subject, at: number): number {
  const tens = line.codeAt(at) - zero;
  const ones = line.codeAt(at + 1) - zero;
  return tens >= 0 && tens <= 5 && ones >= 0 && ones <= 9 ? 10 * tens + ones : -1;
}

/** Whether all that was caught stands in the date's text. */
function hasAll({ start, end, shift, match, template }: FoundDate): boolean {
  if (template.dateGroup !== 1) return true;
  return template.pattern().names.every((name) => {
    const span = match.span(name);
    return span === null || (span[0] + shift >= start && span[1] + shift <= end);
  });
}
