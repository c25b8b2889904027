/** One setting at work: its jails count what they hear, and what they ban is written down. */
import type { IgnoreEntry } from '../../shared/engine/decision.ts';
import { Engine, engineLimits } from '../../shared/engine/engine.ts';
import type { Guard } from '../../shared/engine/guard.ts';
import { openStore, type Store } from '../../shared/store/store.ts';
import type { Ban, Failure } from '../../shared/ticket.ts';
import { isOver, type Seconds, type UnixTime } from '../../shared/time.ts';
import type { JailPlan } from '../agent/plan.ts';
import { openSqlite } from '../system/sqlite.ts';

export const replayLimits = {
  /** Bans that are listed; what comes after is only counted. */
  bans_max: 500_000,
} as const;

/** A ban that would have been. */
export interface Replayed {
  ban: Ban;
  /** The first login from there after the ban, if there was one. */
  login: { readonly user: string; readonly at: UnixTime; readonly lockedOut: boolean } | null;
}

export interface JailTally {
  failures: number;
  ignored: number;
  bans: number;
  readonly addresses: Set<string>;
}

/** As often as the agent forgets old counters, and old bans, in the time of the log. */
const counters_s = engineLimits.purge_every_s;
const bans_s = 3_600;

export class Trial {
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #remembered_s: Seconds;
  readonly tallies = new Map<string, JailTally>();
  readonly bans: Replayed[] = [];
  readonly #byAddress = new Map<string, Replayed[]>();
  #ticked: UnixTime = 0;
  /** No ban ends before. */
  #nextEnd: UnixTime = Number.POSITIVE_INFINITY;

  constructor(guard: Guard, remembered_s: Seconds, random: () => number) {
    this.#store = openStore(openSqlite(':memory:'), { dbmaxmatches: 1, freshStream: () => 'none' });
    this.#engine = new Engine({ guard, history: this.#store.bans, random });
    this.#remembered_s = remembered_s;
  }

  add({ name, rules }: JailPlan, ignoreip: readonly IgnoreEntry[]): void {
    this.#engine.setRules(name, { ...rules, ignoreip });
    this.tallies.set(name, { failures: 0, ignored: 0, bans: 0, addresses: new Set() });
  }

  hear(jail: string, failure: Failure, now: UnixTime): void {
    this.#tick(now);
    const tally = this.tallies.get(jail);
    if (tally === undefined) throw new Error(`no jail ${jail}`);
    const decision = this.#engine.failure(jail, failure, now);
    tally.failures += 1;
    if (decision.kind === 'ignored' || decision.kind === 'refused') tally.ignored += 1;
    if (decision.kind === 'ban') this.#ban(decision.ban, tally);
    if (decision.kind === 'prolong') this.#prolong(decision.ban);
  }

  /** Somebody has come in: would the door have been shut? */
  login(address: string, user: string, now: UnixTime): void {
    for (const one of this.#byAddress.get(address) ?? []) {
      if (now < one.ban.at) continue;
      const lockedOut = !isOver(one.ban.until, now);
      if (one.login === null || (lockedOut && !one.login.lockedOut)) one.login = { user, at: now, lockedOut };
    }
  }

  #ban(ban: Ban, tally: JailTally): void {
    this.#store.bans.add(ban);
    this.#nextEnd = Math.min(this.#nextEnd, ban.until ?? Number.POSITIVE_INFINITY);
    tally.bans += 1;
    tally.addresses.add(ban.id);
    if (this.bans.length >= replayLimits.bans_max) return;
    const replayed: Replayed = { ban, login: null };
    this.bans.push(replayed);
    const address = ban.ip ?? ban.id;
    const others = this.#byAddress.get(address);
    if (others === undefined) this.#byAddress.set(address, [replayed]);
    else others.push(replayed);
  }

  #prolong(ban: Ban): void {
    this.#store.bans.change(ban);
    const same = (this.#byAddress.get(ban.ip ?? ban.id) ?? []).findLast((one) => one.ban.jail === ban.jail);
    // it began when it began
    if (same !== undefined) same.ban = { ...same.ban, until: ban.until };
  }

  /** What the agent's chores do as time goes by. */
  #tick(now: UnixTime): void {
    const due = now - (now % counters_s);
    if (due <= this.#ticked) return;
    this.#engine.purge(due);
    if (now >= this.#nextEnd) {
      this.#store.bans.takeEnded(now, Number.MAX_SAFE_INTEGER);
      this.#nextEnd = this.#store.bans.nextEnd() ?? Number.POSITIVE_INFINITY;
    }
    if (due - (due % bans_s) > this.#ticked) this.#purge(due - (due % bans_s));
    this.#ticked = due;
  }

  #purge(now: UnixTime): void {
    this.#store.bans.purge(now, this.#remembered_s);
    // nobody writes them: they would only pile up
    this.#engine.takeDirtyCounters();
  }
}
