/** What the edge is to do to an address that several hold: the strongest of their actions, until the last of those ends. */
import type { EdgeAction } from '../ticket.ts';
import { laterOf, type Until } from '../time.ts';

/** What one holder asks for, and what all of them come to. */
export interface EdgeState<Action extends EdgeAction = EdgeAction> {
  readonly edge: Action;
  readonly until: Until;
}

/** Of live holders; null if there is none. */
export function edgeStateOf(holders: readonly EdgeState[]): EdgeState | null {
  const [strongest] = edgeStatesOf(holders);
  if (strongest !== undefined) return strongest;
  const until = lastEnd(holders, 'off');
  return until === undefined ? null : { edge: 'off', until };
}

/** The same with what comes after: a challenge that outlasts the block. `off` is no state: nothing is done. */
export function edgeStatesOf(holders: readonly EdgeState[]): EdgeState<'block' | 'challenge'>[] {
  const blocked = lastEnd(holders, 'block');
  const challenged = lastEnd(holders, 'challenge');
  const block = blocked === undefined ? [] : [{ edge: 'block', until: blocked } as const];
  const outlasts = challenged !== undefined && (blocked === undefined || laterOf(blocked, challenged) !== blocked);
  return outlasts ? [...block, { edge: 'challenge', until: challenged }] : block;
}

/** Of those who ask for the action; undefined if nobody does. */
function lastEnd(holders: readonly EdgeState[], action: EdgeAction): Until | undefined {
  const ends = holders.filter(({ edge }) => edge === action).map(({ until }) => until);
  return ends.length === 0 ? undefined : ends.reduce(laterOf);
}
