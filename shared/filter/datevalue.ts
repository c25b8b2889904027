/** From the named parts of a matched date to a moment, with fail2ban's guesses for what the line leaves out. */
import type { UnixTime } from '../time.ts';
import {
  type CivilTime,
  civilOf,
  daysOf,
  exists,
  type LocalZone,
  secondsOf,
  wallSeconds,
  weekdayOf,
} from './calendar.ts';
import { dayNames, monthNames, shortDays, shortMonths } from './datefields.ts';
import { zoneMinutes } from './timezones.ts';

/** What a date is read against. */
export interface DateContext {
  readonly now: UnixTime;
  readonly zone: LocalZone;
  /** Minutes east of UTC for dates without a zone of their own; null is the host's zone. */
  readonly defaultMinutes: number | null;
}

/** The named groups of a match; a group that took no part is undefined. */
export type DateParts = Readonly<Record<string, string | undefined>>;

/**
 * `invalid`: no such date, so the line counts as one without a date. `error`: fail2ban stumbles over it and drops the
 * whole line (an unknown zone's name, a day without a month).
 */
export type DateResult = UnixTime | 'invalid' | 'error';

interface Day {
  readonly year: number;
  readonly month: number | undefined;
  readonly day: number | undefined;
}

const day_seconds = 86_400;

export function dateValue(parts: DateParts, context: DateContext): DateResult {
  const today = civilOf(wallSeconds(context.now, context.zone));
  const minutes = zoneOf(parts, context);
  if (typeof minutes === 'string') return minutes;
  const month = monthOf(parts);
  const year = yearOf(parts);
  const hour = hourOf(parts);
  if (month === 'invalid') return 'invalid';
  if (hour === 'error') return 'error';
  const day = dayOfYear({ year: year ?? today.year, month, day: number(parts['d']) }, parts);
  const anyDay = day.month === undefined && day.day === undefined;
  const full = anyDay ? { year: day.year, month: today.month, day: today.day } : day;
  if (full.month === undefined || full.day === undefined) return 'error';
  const clock = { hour, minute: number(parts['M']) ?? 0, second: number(parts['S']) ?? 0 };
  const civil = { year: full.year, month: full.month, day: full.day, ...clock };
  if (!exists(civil)) return 'invalid';
  return settle(civil, minutes, { year: year === undefined, day: anyDay }, context);
}

/** Moves a guessed day or year back from the future, then leaves the civil time for the real one. */
function settle(
  civil: CivilTime,
  minutes: number | null,
  guessed: { readonly year: boolean; readonly day: boolean },
  context: DateContext,
): DateResult {
  const wall = wallSeconds(context.now, context.zone);
  let seconds = secondsOf(civil) - (minutes ?? 0) * 60;
  if (guessed.day && seconds > wall) seconds -= day_seconds;
  if (guessed.year && seconds > wall + day_seconds) {
    const back = { ...civilOf(seconds), year: civil.year - 1, month: civil.month, day: civil.day };
    if (!exists(back)) return 'invalid';
    seconds = secondsOf(back);
  }
  return minutes === null ? context.zone.toUnix(civilOf(seconds)) : seconds;
}

function zoneOf(parts: DateParts, context: DateContext): number | null | 'invalid' | 'error' {
  const text = parts['Z'] ?? parts['z'];
  if (text === undefined) return context.defaultMinutes;
  const minutes = zoneMinutes(text);
  if (minutes === 'unknown') return 'error';
  return minutes === 'unreadable' ? 'invalid' : minutes;
}

/** Two digits are of this century: fail2ban knows no log from before 2000. */
function yearOf(parts: DateParts): number | undefined {
  const short = number(parts['y']);
  if (short !== undefined) return short <= 2_000 ? short + 2_000 : short;
  return number(parts['Y']);
}

function monthOf(parts: DateParts): number | undefined | 'invalid' {
  const names = parts['b'] === undefined ? monthNames : shortMonths;
  const name = parts['b'] ?? parts['B'];
  if (name === undefined) return number(parts['m']);
  const index = names.indexOf(name.toLowerCase());
  return index < 0 ? 'invalid' : index + 1;
}

/** Twelve-hour clocks too; an am/pm field that took no part is an error in fail2ban, a missing one is am. */
function hourOf(parts: DateParts): number | 'error' {
  const half = number(parts['I']);
  if (half === undefined) return number(parts['H']) ?? 0;
  if (Object.hasOwn(parts, 'p') && parts['p'] === undefined) return 'error';
  const pm = parts['p']?.toLowerCase() === 'pm';
  if (half === 12) return pm ? 12 : 0;
  return pm ? half + 12 : half;
}

/** Fills month and day from the day of the year, or from week and weekday. */
function dayOfYear(day: Day, parts: DateParts): Day {
  if (day.month !== undefined && day.day !== undefined) return day;
  const julian = number(parts['j']) ?? dayOfWeek(day.year, parts);
  if (julian === undefined) return day;
  const civil = civilOf((daysOf(day.year, 1, 1) + julian - 1) * day_seconds);
  return { year: civil.year, month: civil.month, day: civil.day };
}

/** The day of the year of a weekday in a week; `%U` weeks begin on Sunday, `%W` weeks on Monday. */
function dayOfWeek(year: number, parts: DateParts): number | undefined {
  const week = number(parts['W'] ?? parts['U']);
  const weekday = weekdayOfParts(parts);
  if (week === undefined || weekday === undefined) return undefined;
  const shift = parts['W'] === undefined ? 1 : 0;
  const first = (weekdayOf(year, 1, 1) + shift) % 7;
  const day = (weekday + shift) % 7;
  if (week === 0) return 1 + day - first;
  return 1 + ((7 - first) % 7) + 7 * (week - 1) + day;
}

function weekdayOfParts(parts: DateParts): number | undefined {
  const sundayFirst = number(parts['w']);
  if (sundayFirst !== undefined) return (sundayFirst + 6) % 7;
  if (parts['a'] !== undefined) return shortDays.indexOf(parts['a'].toLowerCase());
  return parts['A'] === undefined ? undefined : dayNames.indexOf(parts['A'].toLowerCase());
}

/** A number of ASCII digits alone, -1 for all else: dates are read on every line. */
function plainNumber(text: string): number {
  if (text === '') return -1;
  let value = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = 10 * value + digit;
  }
  return value;
}

/** Python's int(): digits of any script, blanks around them. */
function number(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text.length <= 4) {
    const value = plainNumber(text);
    if (value >= 0) return value;
  }
  const trimmed = text.trim();
  if (/^[0-9]+$/.test(trimmed)) return Number(trimmed);
  return Number(asciiDigits(trimmed));
}

/** Digits of any script as those of ours, as Python reads them; all else stays. */
export function asciiDigits(text: string): string {
  return text.replace(/(?![0-9])\p{Nd}/gu, (digit) => String(digitOf(digit)));
}

/** Unicode keeps every script's ten digits together, zero first. */
function digitOf(character: string): number {
  const isDigit = (code: number) => /^\p{Nd}$/u.test(String.fromCodePoint(code));
  const code = character.codePointAt(0) ?? 0;
  let zero = code;
  while (zero > 0 && isDigit(zero - 1)) zero -= 1;
  return (code - zero) % 10;
}
