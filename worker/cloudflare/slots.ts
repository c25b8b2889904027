/** Where a rule of ours is to stand: one in each zone for each list that there is. */
import type { Action, ListSettings } from './contract.ts';
import { listsOf } from './read-list.ts';
import type { RuleMemory, State } from './schema.ts';

export interface Slot {
  readonly zone: string;
  readonly action: Action;
}

/** Zone by zone, the rule that blocks first. */
export function slotsOf({ zoneIds }: ListSettings, state: State): Slot[] {
  const challenges = listsOf(state).some(({ action }) => action === 'challenge');
  const isKnown = (zone: string) => challenges || state.challengeRules[zone] !== undefined;
  return zoneIds.flatMap((zone) => [
    { zone, action: 'block' as const },
    ...(isKnown(zone) ? [{ zone, action: 'challenge' as const }] : []),
  ]);
}

/** By zone. */
export function rulesFor(state: State, { action }: Pick<Slot, 'action'>): Record<string, RuleMemory> {
  return action === 'block' ? state.rules : state.challengeRules;
}
