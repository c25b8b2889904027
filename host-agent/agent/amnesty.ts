/** Lifts all bans of jails, some at a time: there may be very many, and lines go on coming. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Ban } from '../../shared/ticket.ts';
import type { Core } from './parts.ts';

/** So many in one transaction. */
const lifted_together_max = 2_000;

/** Resolves to how many there were, when the firewall has been told. */
export async function amnesty({ parts, court, desk }: Core, jails: readonly string[]): Promise<number> {
  const told: Promise<void>[] = [];
  let lifted = 0;
  for (const jail of jails) {
    for (let last = lifted_together_max; last === lifted_together_max; lifted += last) {
      const { result, settled } = desk.transact((effects, now) => {
        const bans = firstOf(parts.store.bans.heldIn(jail), lifted_together_max);
        for (const ban of bans) court.pardon(ban, now, effects);
        return bans.length;
      });
      told.push(settled);
      last = result;
      await turn();
    }
  }
  await Promise.all(told);
  return lifted;
}

function firstOf(bans: Iterable<Ban>, count: number): Ban[] {
  const first: Ban[] = [];
  for (const ban of bans) {
    first.push(ban);
    if (first.length === count) break;
  }
  return first;
}
