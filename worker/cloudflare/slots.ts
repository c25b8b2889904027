/** Where a rule of ours is to stand: one in each zone for each list that there is or may be. */
import type { Action, ListSettings } from './contract.ts';
import type { RuleMemory, State } from './schema.ts';

export interface Slot {
  readonly zone: string;
  readonly action: Action;
}

/**
 * Zone by zone, the rule that blocks first. Before anybody has looked for the second list its rule may be there, too: a
 * ledger that was lost has left it, and a panic or a resume must not pass it over. Where the list cannot be had, only
 * a rule that was seen counts.
 */
export function slotsOf({ zoneIds }: ListSettings, state: State): Slot[] {
  const { challenge, challengeRules } = state;
  const mayBeThere = challenge !== null && challenge.error === null;
  const isSeen = (zone: string) => (challengeRules[zone]?.rule ?? null) !== null;
  return zoneIds.flatMap((zone) => [
    { zone, action: 'block' as const },
    ...(mayBeThere || isSeen(zone) ? [{ zone, action: 'challenge' as const }] : []),
  ]);
}

/** Is the list that its rule names still looked for? No rule can be made before. */
export function awaitsList({ list, challenge }: State, { action }: Slot): boolean {
  return list === null || (action === 'challenge' && challenge?.id === null && challenge.error === null);
}

/** By zone. */
export function rulesFor(state: State, { action }: Pick<Slot, 'action'>): Record<string, RuleMemory> {
  return action === 'block' ? state.rules : state.challengeRules;
}
