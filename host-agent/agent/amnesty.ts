/** Lifts bans by hand: some ids, also of jails that do not run, or all, some at a time: there may be very many. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Ban } from '../../shared/ticket.ts';
import type { BanId } from '../control/agent-control.ts';
import type { Done } from './desk.ts';
import type { Core } from './parts.ts';

/** So many in one transaction. */
const lifted_together_max = 2_000;

export interface Pardoned {
  readonly bans: readonly Ban[];
  /** Those that named no ban in force. */
  readonly absent: readonly BanId[];
}

/** Lifts what each id names in one jail, in one transaction. */
export function pardon(
  { engine, court, desk }: Pick<Core, 'engine' | 'court' | 'desk'>,
  jail: string,
  ids: readonly BanId[],
): Done<Pardoned> {
  return desk.transact((effects, now) => {
    const absent: BanId[] = [];
    const lifted: Ban[] = [];
    for (const id of ids) {
      const bans = engine.heldBy(jail, id);
      if (bans.length === 0) absent.push(id);
      for (const ban of bans) court.pardon(ban, now, effects);
      lifted.push(...bans);
    }
    return { bans: lifted, absent };
  });
}

/** Lifts what each id names in the jails that run and in those that do not; resolves to how many, when the firewall has been told. */
export async function pardonEverywhere(core: Core, running: readonly string[], ids: readonly BanId[]): Promise<number> {
  let count = 0;
  for (const jail of new Set([...running, ...core.parts.store.bans.jails()])) {
    const { result, settled } = pardon(core, jail, ids);
    await settled;
    count += result.bans.length;
  }
  return count;
}

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
