/** Time as numbers: nothing in shared/ reads a clock; whoever needs the time is handed it. */

/** Seconds since 1970-01-01 UTC; fractions allowed. */
export type UnixTime = number;

/** A length of time in seconds. */
export type Seconds = number;

/** The bantime that never ends (fail2ban: a negative bantime). */
export const FOREVER: Seconds = -1;

/** The end of a ban: null is never. */
export type Until = UnixTime | null;

/** When a ban that began at `at` ends. */
export function untilOf(at: UnixTime, bantime: Seconds): Until {
  return bantime < 0 ? null : at + bantime;
}

export function isOver(until: Until, now: UnixTime): boolean {
  return until !== null && until <= now;
}

/** The later of two ends. */
export function laterOf(a: Until, b: Until): Until {
  return a === null || b === null ? null : Math.max(a, b);
}
