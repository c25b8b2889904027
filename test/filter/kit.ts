/** What the filter's tests hand to a filter: Node's RE2, a fixed time zone, UTF-8, and names from a table. */

import { asciiText } from '../../host-agent/agent/decoder.ts';
import { createRe2 } from '../../host-agent/system/re2.ts';
import { type CivilTime, civilOf, daysOf, type LocalZone, secondsOf, weekdayOf } from '../../shared/filter/calendar.ts';
import { createFilter, type Filter, type FilterConf, type FilterPorts } from '../../shared/filter/filter.ts';

export const re2 = createRe2();

/**
 * The rule of POSIX TZ=CET-01CEST-02,M3.5.0,M10.5.0: summer from the last Sunday of March to that of October, both at two
 * o'clock. What the clock shows twice or never is taken as winter time, and all before 1970 too, as glibc does.
 */
export const centralEurope: LocalZone = {
  toUnix: (civil) => {
    const wall = secondsOf(civil);
    return wall - (isSummer(civil.year, wall - 3_600) && isSummer(civil.year, wall - 7_200) ? 7_200 : 3_600);
  },
  offsetAt: (time) => (isSummer(civilOf(time).year, time) ? 7_200 : 3_600),
};

export const utc: LocalZone = { toUnix: (civil: CivilTime) => secondsOf(civil), offsetAt: () => 0 };

function isSummer(year: number, time: number): boolean {
  if (year < 1970) return false;
  const lastSunday = (month: number) => (daysOf(year, month, 31) - ((weekdayOf(year, month, 31) + 1) % 7)) * 86_400;
  return time >= lastSunday(3) + 3_600 && time < lastSunday(10);
}

/** Where fail2ban's own tests stand in time: 2005-08-14 12:00 in central Europe. */
export const sampleTime = 1_124_013_600;

/** 2026-06-01: which years a log may come from. */
export const startTime = 1_780_272_000;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export function portsWith(given: Partial<FilterPorts> = {}): FilterPorts {
  const decode = (bytes: Uint8Array) => decoder.decode(bytes);
  return { re2, zone: centralEurope, decode, ascii: asciiText, resolve: () => [], ...given };
}

/** A filter of these failregexes. */
export function filterOf(failregex: readonly string[], conf: Partial<FilterConf> = {}, ports = portsWith()): Filter {
  const sources = failregex.map((regex) => ({ regex }));
  return createFilter({ failregex: sources, ignoreregex: [], findtime: 600, ...conf }, ports, startTime);
}

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}
