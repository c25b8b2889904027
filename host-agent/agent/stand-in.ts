/** Puts into force what the fallback says: jails that leave their bans to the edge take up their actions, or give them up. */
import type { Turns } from '../../shared/turns.ts';
import { Fallback } from './fallback.ts';
import type { Core, EdgeLink } from './parts.ts';
import type { JailPlan } from './plan.ts';
import type { Roster } from './roster.ts';

export interface StandInParts extends Core {
  readonly roster: Roster;
  readonly turns: Turns;
  /** After jails have other actions than before. */
  settle(): Promise<void>;
}

export class StandIn {
  readonly #parts: StandInParts;
  /** Null: this host is not enrolled. */
  readonly #fallback: Fallback | null;

  constructor(parts: StandInParts) {
    const { host, store, log } = parts.parts;
    this.#parts = parts;
    this.#fallback = host === null ? null : new Fallback({ meta: store.meta, log: log.logger('edge') });
  }

  /** The plans with the actions that their jails are to have now. */
  fitted(plans: readonly JailPlan[]): readonly JailPlan[] {
    const fallback = this.#fallback;
    return fallback === null ? plans : plans.map((plan) => fallback.fitted(plan));
  }

  /** Asks nobody where no jail leaves its bans to the edge alone. */
  async look(link: EdgeLink | null): Promise<void> {
    const { roster, parts, turns } = this.#parts;
    const isLeft = roster.names.some((name) => (roster.get(name)?.plan.spareActions.length ?? 0) > 0);
    if (this.#fallback === null || link === null || !isLeft) return;
    if (await this.#fallback.look(link, parts.now())) await turns.take(() => this.#refit());
  }

  async #refit(): Promise<void> {
    const { roster, settle } = this.#parts;
    for (const name of roster.names) {
      const jail = roster.get(name);
      const [plan] = jail === undefined ? [] : this.fitted([jail.plan]);
      if (jail === undefined || plan === undefined || plan.actions.length === jail.plan.actions.length) continue;
      await roster.alterActions(jail, plan.actions);
    }
    await settle();
  }
}
