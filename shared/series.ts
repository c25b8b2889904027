/** The tally's hours as the chart shows them: steps of some hours, the largest jails or hosts by name, the rest as one. */
import type { UnixTime } from './time.ts';
import { type Series, viewLimits } from './view.ts';

/** The bans of one hour: by host and jail. */
export type Hour = Map<string, { readonly host: string; readonly jail: string; bans: number }>;

/** Counts bans by the hour in which they were made. */
export interface HourCounts {
  /** The last `count` hours, oldest first, the one that is running now last. */
  hours(count: number, now: UnixTime): Hour[];
}

/** What the others are called where there are too many. */
export const othersName = 'other';

/** Steps that a chart may have. */
const steps_max = 72;
const step_hours = [1, 2, 3, 6, 12, 24] as const;

/** `nameOf`: what a host's id is called. */
export function seriesOf(
  tally: HourCounts,
  { hours, by }: { readonly hours: number; readonly by: 'jail' | 'host' },
  nameOf: (host: string) => string,
  now: UnixTime,
): Series {
  const width = step_hours.find((each) => hours / each <= steps_max) ?? 24;
  const steps = Math.ceil(hours / width);
  // steps begin at hours of the day that can be divided by their width
  const running = Math.floor(now / 3_600) % width;
  const found = tally.hours(steps * width - (width - 1 - running), now);
  const from = (Math.floor(now / 3_600) - found.length + 1) * 3_600;
  const named = by === 'jail' ? (_: string, jail: string) => jail : (host: string) => nameOf(host);
  const all = sumsOf(found, named, width, steps);
  const ranked = [...all].toSorted(([, one], [, other]) => sum(other) - sum(one));
  const shown = ranked.filter(([key]) => key !== othersName).slice(0, viewLimits.keys_max);
  const rest = ranked.filter(([key]) => !shown.some(([name]) => name === key));
  const others = rest.map(([, counts]) => counts).reduce(plus, new Array(steps).fill(0));
  const series = sum(others) > 0 ? [...shown, [othersName, others] as const] : shown;
  return { from, step: width * 3_600, keys: series.map(([key]) => key), counts: series.map(([, counts]) => counts) };
}

function sumsOf(
  hours: readonly Hour[],
  nameOf: (host: string, jail: string) => string,
  width: number,
  steps: number,
): Map<string, number[]> {
  const all = new Map<string, number[]>();
  for (const [index, hour] of hours.entries())
    for (const { host, jail, bans } of hour.values()) {
      const key = nameOf(host, jail);
      const counts = all.get(key) ?? new Array<number>(steps).fill(0);
      const step = Math.floor(index / width);
      counts[step] = (counts[step] ?? 0) + bans;
      all.set(key, counts);
    }
  return all;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, each) => total + each, 0);
}

function plus(one: readonly number[], other: readonly number[]): number[] {
  return one.map((count, index) => count + (other[index] ?? 0));
}

/** Bans of the running hour and the one before that, weighed so that it is about the last hour; and of the last day. */
export function recentBans(tally: HourCounts, now: UnixTime): { last_hour: number; last_day: number } {
  const totals = tally.hours(25, now).map((hour) => [...hour.values()].reduce((total, { bans }) => total + bans, 0));
  const part = 1 - (now % 3_600) / 3_600;
  const before = (at: number) => Math.round((totals.at(at) ?? 0) * part);
  return { last_hour: (totals.at(-1) ?? 0) + before(-2), last_day: sum(totals.slice(1)) + before(0) };
}
