/** How long a ban lasts: bantime, its increments for ids that were banned before, and what a restart leaves of it. */
import type { Ban, PastBan } from '../ticket.ts';
import { isOver, type Seconds, type UnixTime, type Until, untilOf } from '../time.ts';

/** fail2ban's `bantime.*` options. Seconds and numbers only: who reads the configuration evaluates the expressions. */
export interface Increment {
  readonly factor: number;
  /** If there are any, they take the place of the formula; the last one serves for all further bans. */
  readonly multipliers: readonly number[];
  /** `bantime.formula`, given the jail's bantime, how many bans there were, and the factor; null is fail2ban's default. */
  readonly formula: ((bantime: Seconds, count: number, factor: number) => number) | null;
  readonly maxtime: Seconds | null;
  readonly rndtime: Seconds | null;
  /** Do the bans of all jails count? */
  readonly overalljails: boolean;
}

export interface BantimeRules {
  /** FOREVER never ends (and never increments). */
  readonly bantime: Seconds;
  /** Null where `bantime.increment` is off. */
  readonly increment: Increment | null;
}

/** fail2ban looks at no more than 20 earlier bans. */
const doublings_max = 20;

/** The bantime of an id with these earlier bans. `random`: in [0, 1), spread over rndtime. */
export function bantimeOf(rules: BantimeRules, past: PastBan | null, random: () => number): Seconds {
  const { bantime, increment } = rules;
  if (increment === null || past === null || past.count <= 0 || bantime <= 0) return bantime;
  const grown = grow(bantime, increment, past.count);
  // a formula that goes wrong must not make a ban permanent or void: fail2ban falls back on the bantime, too
  if (!Number.isFinite(grown) || grown < 0) return bantime;
  const bounded = increment.maxtime === null ? grown : Math.min(grown, increment.maxtime);
  return increment.rndtime === null ? bounded : bounded + random() * increment.rndtime;
}

function grow(bantime: Seconds, increment: Increment, count: number): number {
  const { factor, multipliers, formula } = increment;
  const multiplier = multipliers[Math.min(count, multipliers.length - 1)];
  if (multiplier !== undefined) return bantime * factor * multiplier;
  const grown =
    formula === null ? bantime * 2 ** Math.min(count, doublings_max) * factor : formula(bantime, count, factor);
  return Math.max(bantime, grown);
}

/** What one failure of an id with `count` earlier bans weighs: 2, 3, 5, 9 … where increments are on, never above maxretry. */
export function weightOf(count: number, maxretry: number): number {
  return count <= 0 ? 1 : Math.min(2 ** Math.min(count, doublings_max) / 2 + 1, maxretry);
}

/**
 * The ban as it stands after a restart under today's rules, as fail2ban restores it: a bantime above today's longest is
 * cut to that; null if it is over by now. (Unlike fail2ban's, a restored ban is not counted once more.)
 */
export function restoredBan(ban: Ban, rules: BantimeRules, now: UnixTime): Ban | null {
  const longest = rules.increment === null ? rules.bantime : (rules.increment.maxtime ?? -1);
  const cut = longest >= 0 && (ban.bantime < 0 || ban.bantime > longest);
  const until: Until = cut ? untilOf(ban.at, longest) : ban.until;
  if (isOver(until, now)) return null;
  return cut ? { ...ban, bantime: longest, until } : ban;
}
