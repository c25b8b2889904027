/** What the engine can say about a failure, and what it must know for that. */
import type { Prefix } from '../address.ts';
import type { Ban, PastBan } from '../ticket.ts';
import type { Seconds, Until } from '../time.ts';
import type { BantimeRules } from './bantime.ts';
import type { CountingRules } from './findtime.ts';
import type { Refusal } from './guard.ts';

/** One entry of ignoreip. A name is resolved by whoever hands the rules in: one entry for each of its addresses. */
export interface IgnoreEntry {
  readonly prefix: Prefix;
  readonly by: 'ip' | 'dns';
  /** As the operator wrote it. */
  readonly text: string;
}

export interface JailRules extends CountingRules, BantimeRules {
  readonly ignoreip: readonly IgnoreEntry[];
  readonly ignoreself: boolean;
  /** IPv6 addresses are counted and banned as prefixes of this length; 128 is each by itself. */
  readonly prefix6: number;
}

/** Not counted. `length`: the id is longer than is kept. (ignorecommand is asked by the host, before the engine.) */
export type Ignored =
  | { readonly kind: 'ignored'; readonly by: 'ip' | 'dns' | 'self' | 'length'; readonly entry: string }
  | ({ readonly kind: 'ignored'; readonly by: 'guard' } & Refusal);

/** Set where the id was banned before and increments are on: `count` bans, for which a failure weighs `weight`. */
export interface KnownBad {
  readonly count: number;
  readonly weight: number;
}

export type Found = {
  readonly kind: 'found';
  readonly count: number;
  readonly maxretry: number;
  readonly bad: KnownBad | null;
};

/** The outcome of an id that has reached maxretry, or of an operator's ban. */
export type Verdict =
  /** `base`: the jail's bantime, from which `ban.bantime` may have grown. */
  | { readonly kind: 'ban'; readonly ban: Ban; readonly base: Seconds; readonly bad: KnownBad | null }
  /** `ban` is the one that was held already. */
  | { readonly kind: 'already'; readonly ban: Ban }
  /** `ban` takes the place of the one held, which ended at `was`. */
  | { readonly kind: 'prolong'; readonly ban: Ban; readonly was: Until }
  /** The ban would have ended at `until`, which is not after now. */
  | { readonly kind: 'expired'; readonly id: string; readonly until: Until }
  | ({ readonly kind: 'refused'; readonly id: string } & Refusal);

export type Decision = Ignored | Found | Verdict;

/** What the engine asks about bans; the store answers. A ban that is decided must be there before the next question. */
export interface History {
  /** The ban of `id` in force (one that has just ended may still be answered). */
  held(jail: string, id: string): Ban | null;
  /** All bans in force of a jail. */
  heldIn(jail: string): Iterable<Ban>;
  /** The earlier bans of `id` in one jail, or in all (null): their counts summed, the newest time. */
  past(jail: string | null, id: string): PastBan | null;
}
