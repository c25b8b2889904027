/** A jail out of its plan: its rules for the engine, its actions, itself. */
import type { IgnoreEntry } from '../../shared/engine/decision.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { Filter } from '../../shared/filter/filter.ts';
import { ignoreCommandOf } from './ignore-command.ts';
import { Jail } from './jail.ts';
import { ticketJail } from './jail-actions.ts';
import type { Core } from './parts.ts';
import type { JailPlan } from './plan.ts';

export interface JailNeeds {
  readonly plan: JailPlan;
  /** Null: it reads nothing (yet). */
  readonly filter: Filter | null;
  readonly idle: boolean;
  readonly ignoreip: readonly IgnoreEntry[];
}

/** Puts a jail among `jails`, in the place of the one of its name. Throws what is wrong with its actions. */
export function makeJail({ plan, filter, idle, ignoreip }: JailNeeds, core: Core, jails: Map<string, Jail>): void {
  const { parts, engine, court, desk } = core;
  const { store, log } = parts;
  const isKnown = () => !desk.isBroken;
  const ticket = ticketJail(plan.name, store, isKnown, figuresOf(plan.name, core, jails));
  const actions = plan.actions.map((action) => parts.createAction(action, ticket));
  const world = { store, engine, court, log, isKnown, jails: () => jails.size };
  engine.setRules(plan.name, { ...plan.rules, ignoreip });
  jails.set(plan.name, new Jail({ plan, filter, actions, ignoreCommand: ignoreCommandOf(plan, core), idle }, world));
}

function figuresOf(name: string, { engine }: Core, jails: ReadonlyMap<string, Jail>) {
  return {
    figures: () => {
      const jail = jails.get(name);
      return {
        banned_total: jail?.totalBanned ?? 0,
        found: engine.failing(name),
        found_total: jail?.totalFailed ?? 0,
      };
    },
    bantime: () => engine.rules(name).bantime,
  };
}

/** True if `make` has made the jail; else it is told what keeps it from running. */
export function admits(plan: JailPlan, core: Core, make: (plan: JailPlan) => void): boolean {
  try {
    make(plan);
    return true;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    const log = core.parts.log.logger('jail');
    log.error(`[${plan.name}] is left out: ${describeError(error)} (${error.code})`);
    return false;
  }
}
