/** What actions have done for jails that do not run (any more): undone by the commands that were written down when it was done. */
import type { ActionConf } from '../../shared/config/action-conf.ts';
import type { Ban } from '../../shared/ticket.ts';
import { Turns } from '../../shared/turns.ts';
import type { Steps, TicketJail, TicketWorld } from './ticket-action.ts';
import { ownOf } from './ticket-marks.ts';
import { TicketWork, taskOf } from './ticket-work.ts';

/** Nobody waits longer for all bans of an action to be lifted; what is left then goes with the next sweep. */
const withdrawal_ms_max = 60_000;

export class TicketOrphans {
  readonly #world: TicketWorld;
  readonly #stepsOf: (conf: ActionConf, jail: TicketJail) => Steps;
  readonly #turns = new Turns();

  constructor(world: TicketWorld, stepsOf: (conf: ActionConf, jail: TicketJail) => Steps) {
    this.#world = world;
    this.#stepsOf = stepsOf;
  }

  /** Carries out actionunban for these bans of a jail, where its actions have banned them. What fails is told. */
  lift(jail: string, bans: readonly Ban[]): Promise<void> {
    return this.#turns.take(async () => {
      for (const { action } of this.#owners().filter((owner) => owner.jail === jail)) {
        const work = this.#take(jail, action);
        if (work === null) continue;
        for (const ban of bans) await work.carryOut(taskOf({ kind: 'unban', ban }));
      }
    });
  }

  /** Lifts all bans of those actions that are not `kept`, and stops these. Returns the jails that it was of. */
  sweep(kept: (jail: string, action: string) => boolean): Promise<readonly string[]> {
    return this.#turns.take(async () => {
      const swept = new Set<string>();
      for (const { jail, action } of this.#owners().filter((owner) => !kept(owner.jail, owner.action))) {
        const work = this.#take(jail, action);
        await work?.dismantle(withdrawal_ms_max);
        if (work !== null) swept.add(jail);
      }
      return [...swept];
    });
  }

  #owners() {
    return this.#world.ledger.owners();
  }

  /** Null: nobody knows by which commands. */
  #take(jail: string, action: string): TicketWork | null {
    const conf = ownOf(this.#world.ledger, jail, action)?.conf ?? null;
    if (conf === null) return null;
    const its = strangersJail(jail);
    const work = new TicketWork({ conf, steps: this.#stepsOf(conf, its), jail: its, world: this.#world });
    const left = work.marks.load();
    if (left !== null) work.lifecycle.resume(left.stages);
    return work;
  }
}

/** Of a jail that does not run only what its actions have noted is known. */
function strangersJail(name: string): TicketJail {
  return {
    name,
    held: () => null,
    ban: () => null,
    history: () => [],
    figures: () => ({ banned: 0, banned_total: 0, found: 0, found_total: 0 }),
    bantime: () => 0,
  };
}
