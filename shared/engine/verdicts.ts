/** Verdicts that need no more than a comparison. */
import type { Ban } from '../ticket.ts';
import { laterOf } from '../time.ts';
import type { Found, KnownBad, Verdict } from './decision.ts';

export function found(count: number, maxretry: number, bad: KnownBad | null): Found {
  return { kind: 'found', count, maxretry, bad };
}

/** A failure while banned prolongs the ban if it would end later; it never ends sooner. */
export function already(held: Ban, longer: Ban): Verdict {
  if (laterOf(held.until, longer.until) === held.until) return { kind: 'already', ban: held };
  return { kind: 'prolong', ban: longer, was: held.until };
}
