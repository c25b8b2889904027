/** The only place where a ban is decided: failures go in, decisions come out, nothing is written. */
import { canonical, isSingle, parsePrefix, width } from '../address.ts';
import type { Ban, Counter, Failure, PastBan } from '../ticket.ts';
import { isOver, type Seconds, type UnixTime, untilOf } from '../time.ts';
import { bantimeOf, restoredBan, weightOf } from './bantime.ts';
import type { Decision, History, Ignored, IgnoreEntry, JailRules, KnownBad, Verdict } from './decision.ts';
import { Counters, countingLimits } from './findtime.ts';
import type { Guard } from './guard.ts';
import { type Identified, isInside, narrowestAround, prefixesOf, widenedIds, widenedText } from './ids.ts';
import { PrefixSet } from './prefix-set.ts';
import { already, found, type Seed, seedOf } from './verdicts.ts';

export const engineLimits = {
  ...countingLimits,
  id_chars_max: 512,
  /** fail2ban forgets old counters no more often than this. */
  purge_every_s: 5,
} as const;

type EngineLimits = { readonly [name in keyof typeof engineLimits]: number };

export interface EngineParts {
  readonly guard: Guard;
  readonly history: History;
  /** A number in [0, 1), for bantime.rndtime. */
  readonly random: () => number;
  readonly limits?: EngineLimits;
}

/** Counters to be written (`put`) and to be deleted (`gone`) with the same transaction as the bans and log positions. */
export interface DirtyCounters {
  readonly put: readonly Counter[];
  readonly gone: readonly Pick<Counter, 'jail' | 'id'>[];
}

/** Null: it is dropped. `why`: null if it is over under today's rules. */
export type Restored = { readonly ban: Ban } | { readonly ban: null; readonly why: Ignored | null };

interface JailState {
  readonly counters: Counters;
  rules: JailRules;
  ignoreip: PrefixSet<IgnoreEntry>;
  purgeAt: UnixTime;
}

type Refused = Extract<Verdict, { kind: 'refused' }>;

export class Engine {
  readonly #history: History;
  readonly #random: () => number;
  readonly #limits: EngineLimits;
  readonly #jails = new Map<string, JailState>();
  readonly #prefixSets = new WeakMap<readonly IgnoreEntry[], PrefixSet<IgnoreEntry>>();
  #guard: Guard;

  constructor(parts: EngineParts) {
    this.#guard = parts.guard;
    this.#history = parts.history;
    this.#random = parts.random;
    this.#limits = parts.limits ?? engineLimits;
  }

  /** Adds a jail, or gives it new rules and keeps its counters (reload). */
  setRules(jail: string, rules: JailRules): void {
    const ignoreip = this.#prefixSet(rules.ignoreip);
    const state = this.#jails.get(jail);
    if (state !== undefined) Object.assign(state, { rules, ignoreip });
    else this.#jails.set(jail, { rules, ignoreip, counters: new Counters(jail, this.#limits), purgeAt: 0 });
  }

  /** Forgets a jail and its counters (which the store has to forget by itself). */
  dropJail(jail: string): void {
    this.#jails.delete(jail);
  }

  setGuard(guard: Guard): void {
    this.#guard = guard;
  }

  get guard(): Guard {
    return this.#guard;
  }

  rules(jail: string): JailRules {
    return this.#jail(jail).rules;
  }

  /** What is counted of an id (or of the prefix in which the jail counts it) towards its next ban; null: nothing. */
  counter(jail: string, id: string): Counter | null {
    const { counters, rules } = this.#jail(jail);
    return counters.get(canonical(id) ?? id) ?? counters.get(widenedText(id, rules.prefix6));
  }

  /** fail2ban's "Currently failed": ids with failures and no ban. */
  failing(jail: string): number {
    return this.#jail(jail).counters.size;
  }

  /** Counts a failure. Its time is taken as `now` if it is later than that, as fail2ban does. */
  failure(jail: string, failure: Failure, now: UnixTime): Decision {
    const state = this.#jail(jail);
    const ignored = this.#ignored(state, failure);
    if (ignored !== null) return ignored;
    const time = Math.min(failure.time, now);
    const { id, ip, matches } = this.#widened(state, failure);
    const count = state.counters.add({ id, ip, matches, time }, state.rules);
    const decision = this.#judge(jail, state, id, time, count, now);
    this.#purge(state, now);
    return decision;
  }

  /** The client's `set JAIL attempt ID [line …]`: one failure for each line, at least one; ignoreip is not asked. */
  attempt(jail: string, id: string, lines: readonly string[], now: UnixTime): Decision {
    const state = this.#jail(jail);
    const seed = this.#widened(state, seedOf(id, now, lines));
    const refused = this.#refused(seed);
    if (refused !== null) return refused;
    const count = state.counters.add({ ...seed, time: now, matches: lines }, state.rules, Math.max(1, lines.length));
    const { maxretry } = state.rules;
    return count >= maxretry ? this.#ban(jail, state, seed.id, null, now) : found(count, maxretry, null);
  }

  /** The client's `set JAIL banip ID`: ignoreip is not asked (as in fail2ban), the guards are, unless it is to be by force. */
  banNow(jail: string, id: string, now: UnixTime, force = false, bantime: Seconds | null = null): Verdict {
    const seed = seedOf(id, now, []);
    const forced = force && this.#refused(seed) !== null;
    const { rules } = this.#jail(jail);
    const its = bantime === null ? rules : { ...rules, bantime, increment: null };
    return this.#verdict(jail, its, { ...seed, forced }, null, now);
  }

  /** What a guard says to banNow of this id; null if nothing. */
  refusal(id: string): Refused | null {
    return this.#refused(seedOf(id, 0, []));
  }

  /** What `unbanip ID` lifts: its ban, or all in a network; in a jail that does not run, the narrowest network around it. */
  heldBy(jail: string, id: string): Ban[] {
    const { prefix6 } = this.#jails.get(jail)?.rules ?? {};
    const wide = widenedText(id, prefix6 ?? width(6));
    const held = this.#history.held(jail, canonical(id) ?? id) ?? this.#history.held(jail, wide);
    if (held !== null) return [held];
    const prefix = parsePrefix(id);
    if (prefix !== null && !isSingle(prefix))
      return [...this.#history.heldIn(jail)].filter((ban) => isInside(prefix, ban.id));
    return prefix6 === undefined && prefix?.family === 6 ? narrowestAround(prefix, this.#history.heldIn(jail)) : [];
  }

  /** With its prefix in the place of an IPv6 address, where the jail counts so and nobody who is spared lives in it. */
  #widened<T extends Identified>(state: JailState, failure: T): T {
    const { prefix6 } = state.rules;
    if (prefix6 >= width(6)) return failure;
    const wide = widenedIds(failure, prefix6);
    return this.#ignored(state, wide) === null ? wide : failure;
  }

  /** Is the failure not to be counted, and why? (`failure` asks by itself; the host asks before it runs ignorecommand.) */
  ignored(jail: string, failure: Pick<Failure, 'id' | 'ip'>): Ignored | null {
    return this.#ignored(this.#jail(jail), failure);
  }

  #ignored({ rules, ignoreip }: JailState, failure: Pick<Failure, 'id' | 'ip'>): Ignored | null {
    if (failure.id.length > this.#limits.id_chars_max)
      return { kind: 'ignored', by: 'length', entry: failure.id.slice(0, this.#limits.id_chars_max) };
    for (const prefix of prefixesOf(failure)) {
      if (rules.ignoreself && this.#guard.isOwn(prefix)) return { kind: 'ignored', by: 'self', entry: failure.id };
      const entry = ignoreip.overlapping(prefix);
      if (entry !== undefined) return { kind: 'ignored', by: entry.by, entry: entry.text };
      const refusal = this.#guard.check(prefix);
      if (refusal !== null) return { kind: 'ignored', by: 'guard', ...refusal };
    }
    return null;
  }

  /** What is left of a saved ban at start or after a reload, under today's rules, ignoreip and guards; often the same. */
  restore(ban: Ban, now: UnixTime): Restored {
    const { rules } = this.#jail(ban.jail);
    const found = this.ignored(ban.jail, ban);
    const why = ban.forced === true && found?.by === 'guard' ? null : found;
    const restored = why === null ? restoredBan(ban, rules, now) : null;
    return restored === null ? { ban: null, why } : { ban: restored };
  }

  /** Forgets counters that are findtime old. To be called every few seconds, so that it happens without failures, too. */
  purge(now: UnixTime): void {
    for (const state of this.#jails.values()) this.#purge(state, now);
  }

  /** The counters that have changed since the last call. */
  takeDirtyCounters(): DirtyCounters {
    const put: Counter[] = [];
    const gone: Pick<Counter, 'jail' | 'id'>[] = [];
    for (const [jail, { counters }] of this.#jails) {
      for (const id of counters.takeDirty()) {
        const counter = counters.get(id);
        if (counter === null) gone.push({ jail, id });
        else put.push(counter);
      }
    }
    return { put, gone };
  }

  /** Takes back changes that could not be written, so that the next call tells them again. */
  returnDirtyCounters(changes: DirtyCounters): void {
    for (const { jail, id } of [...changes.put, ...changes.gone]) this.#jails.get(jail)?.counters.markDirty(id);
  }

  /** Puts back saved counters, oldest failure first; those of unknown jails are left out. */
  loadCounters(counters: Iterable<Counter>): void {
    for (const counter of counters) this.#jails.get(counter.jail)?.counters.load(counter);
  }

  /** One for all jails that are given the same array: it may be long. */
  #prefixSet(entries: readonly IgnoreEntry[]): PrefixSet<IgnoreEntry> {
    const known = this.#prefixSets.get(entries);
    if (known !== undefined) return known;
    const made = new PrefixSet(entries.map((entry) => [entry.prefix, entry] as const));
    this.#prefixSets.set(entries, made);
    return made;
  }

  #jail(jail: string): JailState {
    const state = this.#jails.get(jail);
    if (state === undefined) throw new Error(`the engine knows no jail ${jail}`);
    return state;
  }

  /** As fail2ban: the failure itself may ban; only then come the further retries of an id that is known as bad. */
  #judge(jail: string, state: JailState, id: string, time: UnixTime, count: number, now: UnixTime): Decision {
    const { rules, counters } = state;
    if (count >= rules.maxretry) return this.#ban(jail, state, id, null, now);
    const bad = this.#knownBad(jail, rules, id, time);
    const raised = bad === null ? count : counters.raise(id, bad.weight - 1);
    return raised >= rules.maxretry ? this.#ban(jail, state, id, bad, now) : found(raised, rules.maxretry, bad);
  }

  /** A failure from before the last ban was part of it, and weighs nothing more. */
  #knownBad(jail: string, rules: JailRules, id: string, time: UnixTime): KnownBad | null {
    const past = rules.increment === null ? null : this.#history.past(jail, id);
    if (past === null || time <= past.at) return null;
    const weight = weightOf(past.count, rules.maxretry);
    return weight > 1 ? { count: past.count, weight } : null;
  }

  /** Turns a counter into a verdict; the counter is gone whatever that is, as in fail2ban. */
  #ban(jail: string, state: JailState, id: string, bad: KnownBad | null, now: UnixTime): Verdict {
    const counter = state.counters.get(id);
    if (counter === null) throw new Error(`no counter for ${id} in ${jail}`);
    state.counters.drop(id);
    return this.#verdict(jail, state.rules, { ...counter, at: counter.time }, bad, now);
  }

  #verdict(jail: string, rules: JailRules, seed: Seed, bad: KnownBad | null, now: UnixTime): Verdict {
    const forced = seed.forced === true;
    const refused = forced ? null : this.#refused(seed);
    if (refused !== null) return refused;
    const { id, ip, at, failures, matches } = seed;
    const until = untilOf(at, rules.bantime);
    // with the jail's bantime, not the grown one: as fail2ban
    if (isOver(until, now)) return { kind: 'expired', id, until };
    const held = this.#history.held(jail, id);
    if (held !== null && !isOver(held.until, now)) return already(held, { at, bantime: rules.bantime, until });
    const past = this.#past(jail, rules, id);
    const bantime = bantimeOf(rules, past, this.#random);
    const count = (past?.count ?? 0) + 1;
    const made = { jail, id, ip, at, bantime, until: untilOf(at, bantime), count, failures, matches };
    const ban = forced ? { ...made, forced } : made;
    if (isOver(ban.until, now)) return { kind: 'expired', id, until: ban.until };
    return { kind: 'ban', ban, base: rules.bantime, bad };
  }

  #past(jail: string, rules: JailRules, id: string): PastBan | null {
    return this.#history.past(rules.increment?.overalljails === true ? null : jail, id);
  }

  #refused(seed: Pick<Seed, 'id' | 'ip'>): Refused | null {
    for (const prefix of prefixesOf(seed)) {
      const refusal = this.#guard.check(prefix);
      if (refusal !== null) return { kind: 'refused', id: seed.id, ...refusal };
    }
    return null;
  }

  #purge(state: JailState, now: UnixTime): void {
    const wait = state.purgeAt - now;
    // a clock that was set back must not stop the purge
    if (wait > 0 && wait <= this.#limits.purge_every_s) return;
    state.purgeAt = now + this.#limits.purge_every_s;
    state.counters.purge(now, state.rules.findtime);
  }
}
