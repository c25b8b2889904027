/** Counts the failures of one jail as fail2ban's FailManager does: an estimate over findtime, and a sliding window on request. */
import type { Counter, Failure } from '../ticket.ts';
import type { Seconds, UnixTime } from '../time.ts';
import { slide, type Window, weigh } from './sliding-window.ts';
import { type Linked, Touched } from './touched.ts';

export interface CountingRules {
  readonly findtime: Seconds;
  readonly maxretry: number;
  /** How many matched lines a counter keeps; 0 keeps none once a second failure has come. */
  readonly maxmatches: number;
  /** Count exactly what happened inside findtime, instead of fail2ban's estimate. */
  readonly sliding: boolean;
}

/** What an attacker can make a jail remember. */
export const countingLimits = {
  counters_per_jail_max: 200_000,
  /** Of sliding windows; beyond it the counters that failed longest ago go. */
  times_per_jail_max: 2_000_000,
  matches_per_failure_max: 100,
  match_chars_max: 4096,
  /** Of all counters of a jail; beyond it the counters that failed longest ago forget their lines, not their count. */
  matches_chars_per_jail_max: 16 * 1024 * 1024,
} as const;

type CountingLimits = { readonly [name in keyof typeof countingLimits]: number };

interface Tally extends Window, Linked<Tally> {
  readonly id: string;
  ip: string | null;
  failures: number;
  lines: readonly string[];
  /** Of the lines. */
  chars: number;
  /** Is it among those that have changed? */
  isDirty: boolean;
}

/** Python's round(): a half goes to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The counters of one jail. */
export class Counters {
  readonly #jail: string;
  readonly #limits: CountingLimits;
  readonly #tallies = new Map<string, Tally>();
  /** In the order of the last failure. */
  readonly #order = new Touched<Tally>();
  /** None before it in that order has lines. */
  #lined: Tally | null = null;
  #matchesChars = 0;
  #timesKept = 0;
  #dirty = new Set<string>();

  constructor(jail: string, limits: CountingLimits = countingLimits) {
    this.#jail = jail;
    this.#limits = limits;
  }

  /** How many ids have failures and no ban. */
  get size(): number {
    return this.#tallies.size;
  }

  /** Counts a failure (`weight` times) and returns the estimate that is held against maxretry. */
  add(failure: Pick<Failure, 'id' | 'ip' | 'time' | 'matches'>, rules: CountingRules, weight = 1): number {
    const known = this.#tallies.get(failure.id);
    const tally = known ?? newTally(failure.id, failure.ip, failure.time);
    const before = tally.times.length;
    if (rules.sliding) slide(tally, failure.time, weight, rules.findtime, Math.max(1, rules.maxretry));
    else estimate(tally, failure.time, weight, rules.findtime);
    this.#timesKept += tally.times.length - before;
    tally.ip ??= failure.ip;
    tally.failures += 1;
    const matches = this.#bounded(failure.matches);
    if (known === undefined) this.#put(tally, matches, charsOf(matches), undefined);
    else this.#putOn(known, matches, rules.maxmatches);
    return tally.retry;
  }

  /** Behind all others, with some more lines. Those that it has are not looked at unless some have to go: that takes long. */
  #putOn(tally: Tally, more: readonly string[], max: number): void {
    const { lines, chars } = tally;
    const kept = lastOnes(lines, more, max);
    this.#put(tally, kept, kept.length < lines.length + more.length ? charsOf(kept) : chars + charsOf(more), tally);
  }

  /** The last ones of a failure, cut: mostly as they are. */
  #bounded(matches: readonly string[]): readonly string[] {
    const { matches_per_failure_max, match_chars_max } = this.#limits;
    const last = matches.length > matches_per_failure_max ? matches.slice(-matches_per_failure_max) : matches;
    const isShort = last.every((line) => line.length <= match_chars_max);
    return isShort ? last : last.map((line) => line.slice(0, match_chars_max));
  }

  /** Counts further retries for an id that is known as bad; does nothing for one without failures. */
  raise(id: string, retries: number): number {
    const tally = this.#tallies.get(id);
    if (tally === undefined) return 0;
    if (tally.times.length === 0) tally.retry += retries;
    else {
      weigh(tally, retries);
      this.#timesKept += retries;
    }
    this.#changed(tally);
    return tally.retry;
  }

  get(id: string): Counter | null {
    const tally = this.#tallies.get(id);
    if (tally === undefined) return null;
    const { ip, first, time, retry, failures, times, lines } = tally;
    return { jail: this.#jail, id, ip, first, time, retry, failures, times: [...times], matches: lines };
  }

  /** Forgets the failures of `id`. */
  drop(id: string): void {
    const tally = this.#tallies.get(id);
    if (tally === undefined) return;
    this.#tallies.delete(id);
    this.#takeOut(tally);
    this.#keepLines(tally, [], 0);
    this.#timesKept -= tally.times.length;
    this.#dirty.add(id);
  }

  /** Forgets ids whose newest failure is findtime old. fail2ban does it every 5 s or more, which its counts depend on. */
  purge(now: UnixTime, findtime: Seconds): void {
    for (const [id, tally] of this.#tallies) if (tally.time <= now - findtime) this.drop(id);
  }

  /** Puts back a counter that was saved. */
  load(counter: Counter): void {
    const { id, ip, first, time, retry, failures, times, matches } = counter;
    const wasDirty = this.#dirty.has(id);
    this.drop(id);
    this.#timesKept += times.length;
    const tally = Object.assign(newTally(id, ip, first), { time, retry, failures, times: [...times] });
    const lines = this.#bounded(matches);
    this.#put(tally, lines, charsOf(lines), undefined);
    if (wasDirty) return;
    tally.isDirty = false;
    this.#dirty.delete(id);
  }

  /** The ids whose counters have changed or gone since the last call. */
  takeDirty(): ReadonlySet<string> {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const id of dirty) {
      const tally = this.#tallies.get(id);
      if (tally !== undefined) tally.isDirty = false;
    }
    return dirty;
  }

  /** Has the counter (or that it is gone) told again. */
  markDirty(id: string): void {
    this.#dirty.add(id);
  }

  /** Behind all others, with these lines. `known`: the same, if it is there already. */
  #put(tally: Tally, lines: readonly string[], chars: number, known: Tally | undefined): void {
    if (known !== undefined) this.#takeOut(known);
    else this.#tallies.set(tally.id, tally);
    this.#order.add(tally);
    this.#lined ??= tally;
    this.#changed(tally);
    this.#keepLines(tally, lines, chars);
    while (this.#isFull() && this.#order.first !== null) this.drop(this.#order.first.id);
  }

  #changed(tally: Tally): void {
    if (!tally.isDirty) this.#dirty.add(tally.id);
    tally.isDirty = true;
  }

  #takeOut(tally: Tally): void {
    if (this.#lined === tally) this.#lined = tally.after;
    this.#order.remove(tally);
  }

  #isFull(): boolean {
    const { counters_per_jail_max, times_per_jail_max } = this.#limits;
    return this.#tallies.size > counters_per_jail_max || this.#timesKept > times_per_jail_max;
  }

  /** Of all lines, the oldest go first. */
  #keepLines(tally: Tally, lines: readonly string[], chars: number): void {
    this.#matchesChars += chars - tally.chars;
    tally.lines = lines;
    tally.chars = chars;
    while (this.#matchesChars > this.#limits.matches_chars_per_jail_max && this.#lined !== null) {
      const oldest = this.#lined;
      this.#lined = oldest.after;
      this.#matchesChars -= oldest.chars;
      oldest.lines = [];
      oldest.chars = 0;
    }
  }
}

function newTally(id: string, ip: string | null, time: UnixTime): Tally {
  const links = { before: null, after: null };
  return { id, ip, first: time, time, retry: 0, failures: 0, times: [], lines: [], chars: 0, isDirty: false, ...links };
}

/** A later failure: what lies before findtime is replaced by an estimate from the rate so far. */
function estimate(tally: Tally, time: UnixTime, weight: number, findtime: Seconds): void {
  if (time > tally.time && tally.first < time - findtime) {
    tally.retry = roundHalfEven((tally.retry / (time - tally.first)) * findtime);
    tally.first = time - findtime;
  }
  tally.time = Math.max(tally.time, time);
  tally.retry += weight;
  if (tally.times.length > 0) tally.times = [];
}

/** The last `max` of both, in one array that is no larger than they are. */
function lastOnes(before: readonly string[], more: readonly string[], max: number): readonly string[] {
  const count = before.length + more.length;
  const first = Math.max(0, count - Math.max(0, max));
  const kept = new Array<string>(count - first);
  for (let at = first; at < count; at += 1) {
    kept[at - first] = (at < before.length ? before[at] : more[at - before.length]) ?? '';
  }
  return kept;
}

function charsOf(lines: readonly string[]): number {
  let chars = 0;
  for (const line of lines) chars += line.length;
  return chars;
}
