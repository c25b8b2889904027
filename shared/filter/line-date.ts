/** The time of a line: found in it, known from its source, or taken from the lines before it. */
import { EdgebanError } from '../errors.ts';
import type { UnixTime } from '../time.ts';
import { civilOf, type LocalZone, wallSeconds } from './calendar.ts';
import { DateDetector, type FoundDate } from './datedetector.ts';
import type { TemplateKit } from './datetemplates.ts';
import type { DateResult } from './datevalue.ts';
import { KnownDate } from './known-date.ts';
import { DatedText } from './line-text.ts';
import type { Budget } from './regex/pattern.ts';
import type { Subject } from './regex/subject.ts';
import { SameDate } from './same-date.ts';
import { zoneMinutes } from './timezones.ts';

/**
 * `operation`: lines as they are written; a time far from now is taken as now. `initial`: lines from before the start; those
 * older than findtime are left out. `unchecked`: any time is taken as it stands (edgeban-regex, tests).
 */
export type LineMode = 'operation' | 'initial' | 'unchecked';

/** What is odd about a line's time; the agent tells it once a day per jail. */
export type DateNotice = 'odd-time' | 'too-old' | 'no-date';

/** Good while the line's subject is. */
export interface DatedLine {
  readonly parts: DatedText;
  /** Null where nothing is known at all. */
  readonly time: UnixTime | null;
  /** The line itself had no readable date. */
  readonly noDate: boolean;
  readonly notice: DateNotice | null;
  /** The name of the template that found the date. */
  readonly template: string | null;
}

interface DateConf {
  readonly datepattern: string | null;
  readonly logtimezone: string | null;
  readonly kit: TemplateKit;
  readonly zone: LocalZone;
}

/** How far a time may be from now before it counts as wrong. */
const tolerance_seconds = 60;

/** Puts times on the lines of one log after another, and remembers the last one. */
export class LineDates {
  readonly #conf: DateConf;
  readonly #defaultMinutes: number | null;
  /** Made at once: compiling the default list takes longer than a line may. */
  readonly #prepared: DateDetector;
  /** The same, if its templates are asked for or configured: a journal has no need of them. */
  #detector: DateDetector | null;
  /** The last date, to be shown with lines that have none. */
  #last: { readonly text: string } | null = null;
  #known: KnownDate | null = null;
  #same: SameDate | null = null;
  #lastTime: UnixTime | null = null;

  /** Throws ERR_FILTER_DATEPATTERN, ERR_FILTER_TIMEZONE. */
  constructor(conf: DateConf) {
    this.#conf = conf;
    this.#defaultMinutes = conf.logtimezone === null ? null : zoneOffset(conf.logtimezone);
    const patterns = (conf.datepattern ?? '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    this.#prepared = new DateDetector(patterns, conf.kit);
    this.#detector = patterns.length === 0 ? null : this.#prepared;
  }

  get templates(): DateDetector['templates'] {
    return this.#detector?.templates ?? [];
  }

  /** A line whose source knows the time (journal); it is shown with that time in front, as fail2ban shows it. */
  known(text: Subject, time: UnixTime, now: UnixTime, mode: LineMode): DatedLine {
    const date = `${isoLocal(time, this.#conf.zone)} `;
    this.#last = { text: date };
    this.#lastTime = time;
    return this.#checked(dated(new DatedText(text, 0, 0, date), time, null), now, mode);
  }

  /** `error` is a date that makes fail2ban drop the line. */
  find(text: Subject, now: UnixTime, mode: LineMode, budget: Budget): DatedLine | 'error' {
    const found = this.#again(text, now) ?? this.#found(text, now, budget);
    if (found === 'error') return 'error';
    const line = found.time === null ? this.#undated(found, text, now, mode) : found;
    return this.#checked(line, now, mode);
  }

  /** Null where the line has to be searched. */
  #again(text: Subject, now: UnixTime): DatedLine | null {
    const same = this.#same;
    const time = same?.timeOf(text, now) ?? null;
    if (same === null || time === null) return null;
    this.#prepared.foundAgain(text, same.matchStart, same.matchEnd, now);
    this.#lastTime = time;
    this.#last = this.#known;
    return dated(new DatedText(text, same.start, same.end), time, same.template);
  }

  #found(text: Subject, now: UnixTime, budget: Budget): DatedLine | 'error' {
    this.#detector ??= this.#prepared;
    this.#same = null;
    const found = this.#detector.find(text, now, budget);
    if (found === null) return undated(new DatedText(text, 0, 0), null);
    const template = found.template.name;
    const parts = new DatedText(text, found.start, found.end);
    if (found.end <= found.start) return this.#recent(text, now, template) ?? dated(parts, now, template);
    const time = this.#read(found, text, now);
    if (time === 'error') return 'error';
    if (time === 'invalid') return undated(parts, template);
    this.#lastTime = time;
    this.#last = this.#known ?? { text: text.slice(found.start, found.end) };
    this.#same = SameDate.of(found, text, this.#known);
    return dated(parts, time, template);
  }

  #read(found: FoundDate, line: Subject, now: UnixTime): DateResult {
    const known = this.#known?.timeOf(found, line, now) ?? null;
    if (known !== null) return known;
    const context = { now, zone: this.#conf.zone, defaultMinutes: this.#defaultMinutes };
    const time = found.template.read(found.match, context);
    this.#known = KnownDate.of(found, line, context, time);
    return time;
  }

  /** The line with the last one's time, if that is less than a minute old. */
  #recent(text: Subject, now: UnixTime, template: string | null): DatedLine | null {
    const last = this.#lastTime;
    if (last === null || last === 0 || last <= now - tolerance_seconds) return null;
    return dated(new DatedText(text, 0, 0, this.#last?.text ?? ''), last, template);
  }

  #undated(line: DatedLine, text: Subject, now: UnixTime, mode: LineMode): DatedLine {
    const known = this.#recent(text, now, line.template) ?? (mode === 'operation' ? { ...line, time: now } : line);
    return { ...known, noDate: true, notice: 'no-date' };
  }

  #checked(line: DatedLine, now: UnixTime, mode: LineMode): DatedLine {
    if (mode !== 'operation' || line.time === null) return line;
    if (Math.abs(Math.trunc(line.time - now)) <= tolerance_seconds) return line;
    this.#lastTime = now;
    return { ...line, time: now, notice: 'odd-time' };
  }
}

function dated(parts: DatedText, time: UnixTime, template: string | null): DatedLine {
  return { parts, time, noDate: false, notice: null, template };
}

function undated(parts: DatedText, template: string | null): DatedLine {
  return { parts, time: null, noDate: false, notice: null, template };
}

function zoneOffset(logtimezone: string): number {
  const minutes = zoneMinutes(logtimezone);
  if (typeof minutes === 'number') return minutes;
  const remedy = 'write UTC, UTC+0200 or a known abbreviation such as CET';
  throw new EdgebanError('ERR_FILTER_TIMEZONE', `logtimezone ${JSON.stringify(logtimezone)} is no known time zone`, {
    remedy,
  });
}

/** As Python writes a local time: microseconds only where there are any. */
export function isoLocal(time: UnixTime, zone: LocalZone): string {
  const micros = Math.round(time * 1_000_000);
  const whole = Math.floor(micros / 1_000_000);
  const civil = civilOf(wallSeconds(whole, zone));
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${String(civil.year).padStart(4, '0')}-${two(civil.month)}-${two(civil.day)}`;
  const fraction = micros - whole * 1_000_000;
  const clock = `${two(civil.hour)}:${two(civil.minute)}:${two(civil.second)}`;
  return `${date}T${clock}${fraction === 0 ? '' : `.${String(fraction).padStart(6, '0')}`}`;
}
