/** What the ledger sees to now and then, beside bans and their projections: each chore knows when it is due. */
import type { UnixTime } from '../../shared/time.ts';

export interface Chore {
  readonly name: string;
  /** Infinity: not before something happens. */
  due(): UnixTime;
  /** It makes as many requests as one invocation may: no step of enforcement comes after it. */
  readonly asksMuch?: true;
  run(now: UnixTime): void | Promise<void>;
}

export function nextChore(chores: readonly Chore[]): UnixTime {
  return Math.min(...chores.map((chore) => chore.due()), Number.POSITIVE_INFINITY);
}
