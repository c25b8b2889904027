/** A real sliding window over findtime, in the place of fail2ban's estimate: the times of the failures themselves are kept. */
import type { Seconds, UnixTime } from '../time.ts';

/** What a counter knows about when. `times`: the newest failures inside findtime, oldest first; empty under the estimate. */
export interface Window {
  first: UnixTime;
  time: UnixTime;
  retry: number;
  times: UnixTime[];
}

/** Counts a failure `weight` times. Of more than `most` failures only the newest are kept: no count needs more. */
export function slide(window: Window, time: UnixTime, weight: number, findtime: Seconds, most: number): void {
  const newest = Math.max(window.time, time);
  // what was counted by the estimate before is taken to have happened at once
  const known = window.times.length > 0 ? window.times : repeated(window.time, Math.min(window.retry, most));
  const all = [...known, ...repeated(time, Math.min(weight, most))].sort((a, b) => a - b);
  window.times = all.filter((each) => each >= newest - findtime).slice(-most);
  window.retry = window.times.length;
  window.first = window.times[0] ?? newest;
  window.time = newest;
}

/** Counts `weight` further failures at the time of the newest. */
export function weigh(window: Window, weight: number): void {
  window.times.push(...repeated(window.time, weight));
  window.retry = window.times.length;
}

function repeated(time: UnixTime, count: number): UnixTime[] {
  return Array.from({ length: Math.max(0, count) }, () => time);
}
