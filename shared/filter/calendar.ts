/** The Gregorian calendar as arithmetic, with Python's range of years: no clock and no time zone in it. */
import type { Seconds, UnixTime } from '../time.ts';

/** A date and time of day without a zone. */
export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** The host's own time zone; on Node it stands on Date, in a test on a fixed rule. */
export interface LocalZone {
  /** C's mktime with an unknown daylight flag. */
  toUnix(civil: CivilTime): UnixTime;
  /** Seconds east of UTC at that moment. */
  offsetAt(time: UnixTime): Seconds;
}

const day_seconds = 86_400;

/** Days from 1970-01-01; months and days may run over. */
export function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}

/** Seconds from 1970-01-01 00:00:00 as if the civil time were UTC. */
export function secondsOf(civil: CivilTime): number {
  const days = daysOf(civil.year, civil.month, civil.day);
  return days * day_seconds + civil.hour * 3_600 + civil.minute * 60 + civil.second;
}

/** The reverse of secondsOf; a fraction of a second is dropped. */
export function civilOf(seconds: number): CivilTime {
  const days = Math.floor(seconds / day_seconds);
  const rest = Math.floor(seconds) - days * day_seconds;
  return { ...dateOf(days), hour: Math.floor(rest / 3_600), minute: Math.floor(rest / 60) % 60, second: rest % 60 };
}

function dateOf(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const leapDays = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Is there such a date and time? (Python's datetime has no second 60 and the years 1 to 9999.) */
export function exists(civil: CivilTime): boolean {
  const { year, month, day, hour, minute, second } = civil;
  if (year < 1 || year > 9_999 || month < 1 || month > 12 || day < 1) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  const back = dateOf(daysOf(year, month, day));
  return back.month === month && back.day === day;
}

/** Monday is 0. */
export function weekdayOf(year: number, month: number, day: number): number {
  return (((daysOf(year, month, day) + 3) % 7) + 7) % 7;
}

/** What a clock on the wall shows, as seconds in the manner of secondsOf, fraction kept. */
export function wallSeconds(time: UnixTime, zone: LocalZone): number {
  return time + zone.offsetAt(time);
}
