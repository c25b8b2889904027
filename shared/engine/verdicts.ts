/** Verdicts that need no more than a comparison, and what bans are made of. */
import { canonical } from '../address.ts';
import type { Ban } from '../ticket.ts';
import { laterOf, type UnixTime } from '../time.ts';
import type { Found, KnownBad, Verdict } from './decision.ts';

/** What a ban is made of, besides the rules. */
export type Seed = Pick<Ban, 'id' | 'ip' | 'at' | 'failures' | 'matches' | 'forced'>;

/** Of an id that a client names. */
export function seedOf(text: string, at: UnixTime, matches: readonly string[]): Seed {
  const address = canonical(text);
  return { id: address ?? text, ip: address, at, failures: 0, matches };
}

export function found(count: number, maxretry: number, bad: KnownBad | null): Found {
  return { kind: 'found', count, maxretry, bad };
}

/** A failure while banned prolongs the ban if it would end later; it never ends sooner. */
export function already(held: Ban, longer: Pick<Ban, 'at' | 'bantime' | 'until'>): Verdict {
  if (laterOf(held.until, longer.until) === held.until) return { kind: 'already', ban: held };
  return { kind: 'prolong', ban: { ...held, ...longer }, was: held.until };
}
