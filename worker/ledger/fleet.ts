/** Counts an address's failures over all hosts, by the engine's own counters, and says when the fleet bans it. */
import { Counters, type CountingRules, countingLimits } from '../../shared/engine/findtime.ts';
import { SavedCounters } from '../../shared/store/counters.ts';
import { text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { Counter } from '../../shared/ticket.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { Buckets } from './buckets.ts';
import type { Chore } from './chores.ts';
import { fleetName, ledgerLimits } from './limits.ts';
import { countOf } from './state.ts';

export interface FleetRules {
  /** At least 2. */
  readonly maxretry: number;
  readonly findtime: Seconds;
  readonly bantime: Seconds;
}

export interface FleetFailure {
  readonly address: string;
  readonly at: UnixTime;
  readonly count: number;
}

/** So many of the threshold count by the word of one host: it takes two at the least, whatever one invents. */
function partOf({ maxretry }: FleetRules): number {
  return Math.max(1, Math.floor(maxretry / 2));
}

/**
 * The counters are read and written with each failure, in the transaction of its batch, so that a ledger that sleeps
 * forgets none and one that wakes reads none but those it needs. Each is kept twice: of all hosts, and of the one that
 * tells, which bounds what counts of its word.
 */
export class Fleet {
  readonly #sql: Sql;
  readonly #saved: SavedCounters;
  readonly #failures = new Buckets(ledgerLimits.failures_burst, ledgerLimits.failures_per_minute_max);
  readonly #bans = new Buckets(ledgerLimits.fleet_bans_burst, ledgerLimits.fleet_bans_per_minute_max);
  /** Counters made since they were last cut to their number. */
  #made = 0;
  #sweptAt: UnixTime = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#saved = new SavedCounters(sql);
  }

  /** True if the address is to be banned now. `rules` may change from one call to the next. */
  count(rules: FleetRules, host: string, failure: FleetFailure, now: UnixTime): boolean {
    if (failure.at <= now - rules.findtime || this.#failures.take(host, 1, now) === 0) return false;
    const part = partOf(rules);
    const before = this.#within(host, failure.address, rules, now)?.times.length ?? 0;
    const weight = Math.min(failure.count, part - before);
    if (weight <= 0) return false;
    this.#add(host, failure, weight, { ...rules, maxretry: part }, now);
    const total = this.#add(fleetName, failure, weight, rules, now);
    if (total < rules.maxretry || this.#bans.take(fleetName, 1, now) === 0) return false;
    this.forget(failure.address);
    return true;
  }

  /** After a ban, or when the operator has lifted one: all hosts begin anew, but for what each has used up of its part. */
  forget(address: string): void {
    this.#saved.save({ put: [], gone: [{ jail: fleetName, id: address }] });
  }

  /** When there is something before findtime to be forgotten; soon after a start there may be. */
  nextSweep({ findtime }: FleetRules): UnixTime {
    const some = this.#sql.all('SELECT 1 FROM counters LIMIT 1').length > 0;
    return some ? this.#sweptAt + findtime : Number.POSITIVE_INFINITY;
  }

  /** Forgets what lies before findtime. */
  sweep({ findtime }: FleetRules, now: UnixTime): void {
    this.#sweptAt = now;
    this.#sql.all('DELETE FROM counters WHERE time <= ?', now - findtime);
  }

  /**
   * What is inside findtime as of now, and not as of the newest failure: else one host could date its word back, and
   * have it count beside what it has told before.
   */
  #within(jail: string, address: string, { findtime }: FleetRules, now: UnixTime): Counter | null {
    const saved = this.#saved.get(jail, address);
    return saved === null
      ? null
      : withTimes(
          saved,
          saved.times.filter((time) => time > now - findtime),
        );
  }

  #add(jail: string, { address, at }: FleetFailure, weight: number, rules: FleetRules, now: UnixTime): number {
    const saved = this.#within(jail, address, rules, now);
    const counters = new Counters(jail, countingLimits);
    if (saved !== null) counters.load(saved);
    else this.#makeRoom();
    const counting: CountingRules = { ...rules, maxmatches: 0, sliding: true };
    const total = counters.add({ id: address, ip: address, time: at, matches: [] }, counting, weight);
    const counter = counters.get(address);
    if (counter !== null) this.#saved.save({ put: [counter], gone: [] });
    return total;
  }

  /** The oldest go where there are too many; looked at after every so many new ones. */
  #makeRoom(): void {
    this.#made += 1;
    if (this.#made < ledgerLimits.fleet_counters_slack) return;
    this.#made = 0;
    const excess = countOf(this.#sql, 'SELECT COUNT(*) AS n FROM counters') - ledgerLimits.fleet_counters_max;
    if (excess <= 0) return;
    this.#sql.all(
      'DELETE FROM counters WHERE (jail, id) IN (SELECT jail, id FROM counters ORDER BY time LIMIT ?)',
      excess,
    );
  }
}

/**
 * A host whose word counts no more: what it has told is taken out of all sums. Bans that have come of it stay, for half
 * of each was another host's. Belongs into the transaction that revokes it.
 */
export function forgetWord(sql: Sql, host: string): void {
  const saved = new SavedCounters(sql);
  for (const row of sql.all('SELECT id FROM counters WHERE jail = ?', host)) {
    const id = text(row, 'id');
    const sum = saved.get(fleetName, id);
    const left = sum === null ? null : without(sum, saved.get(host, id)?.times ?? []);
    if (left === null) saved.save({ put: [], gone: [{ jail: fleetName, id }] });
    else saved.save({ put: [left], gone: [] });
  }
  saved.forgetJail(host);
}

/** Null: nothing is left. */
function without(sum: Counter, word: readonly UnixTime[]): Counter | null {
  const times = [...sum.times];
  for (const time of word) {
    const index = times.indexOf(time);
    if (index >= 0) times.splice(index, 1);
  }
  return withTimes(sum, times);
}

function withTimes(counter: Counter, times: readonly UnixTime[]): Counter | null {
  const [first] = times;
  const time = times.at(-1);
  return first === undefined || time === undefined ? null : { ...counter, times, first, time, retry: times.length };
}

export function fleetChore(fleet: Fleet, rules: FleetRules): Chore {
  return { name: 'fleet', due: () => fleet.nextSweep(rules), run: (now) => fleet.sweep(rules, now) };
}
