/** What an agent's pieces share, put together: who judges, who writes, who carries out. */
import { usualPlanes } from '../../shared/config/planes.ts';
import { Engine } from '../../shared/engine/engine.ts';
import type { Guard } from '../../shared/engine/guard.ts';
import { Court } from './court.ts';
import { Desk } from './desk.ts';
import type { Jail } from './jail.ts';
import { liftOutside } from './outside.ts';
import type { AgentParts, Core } from './parts.ts';
import type { Recent } from './recent.ts';

export interface CoreNeeds {
  readonly guard: Guard;
  readonly recent: Recent;
  /** The jail of a name that has actions now, whether it runs or is left out. */
  jail(name: string): Jail | undefined;
  /** Something waits in the outbox. */
  wake(): void;
}

export function coreOf(parts: AgentParts, { guard, recent, jail, wake }: CoreNeeds): Core {
  const { store, log } = parts;
  const engine = new Engine({ guard, history: store.bans, random: () => parts.random() });
  const planesOf = (name: string) => jail(name)?.plan.planes ?? usualPlanes;
  const isFleet = (name: string) => jail(name)?.plan.fleet ?? false;
  const court = new Court({ store, engine, log, recent, isEnrolled: () => parts.host !== null, planesOf, isFleet });
  const desk = new Desk({
    store,
    engine,
    log: log.logger('database'),
    now: () => parts.now(),
    project: (name, changes, orders) => jail(name)?.project(changes, orders) ?? liftOutside(parts, name, orders),
    together: (body) => log.together(body),
    wake,
  });
  return { parts, engine, court, desk };
}
