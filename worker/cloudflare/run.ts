/** One step's means: the clients, how many calls it may still make, and the budgets that each call is paid from. */
import type { UnixTime } from '../../shared/time.ts';
import { type BucketLimit, budgetLimits, readyAt, refill } from './budget.ts';
import { type Client, createClient } from './client.ts';
import type { EnforcementParts, ListSettings, Wanted } from './contract.ts';
import type { Difference } from './difference.ts';
import { createLists, type Lists } from './lists.ts';
import type { Memory } from './memory.ts';
import type { State } from './schema.ts';

/** A Worker on the free plan may make 50 requests in one invocation, and some are the ledger's. */
export const calls_per_step_max = 40;
export const timeout_ms_usual = 15_000;

export interface Run {
  readonly parts: EnforcementParts<ListSettings>;
  readonly memory: Memory;
  readonly state: State;
  readonly client: Client;
  readonly lists: Lists;
  readonly wanted: readonly Wanted[];
  readonly now: UnixTime;
  /** The difference as last worked out; null after a new reading. At 10,000 items it is most of a step's work. */
  found: Difference | null;
  /** An operation has just succeeded: nobody has looked at the list since. */
  changed: boolean;
  /** When more can be changed, though nothing else happens. */
  later: UnixTime;
  /** Stops the step unless it may make this many more calls now. */
  reserve(calls: number): void;
}

/** Thrown to end a step without a fault: the rest has to wait until then. */
export class Pause extends Error {
  readonly until: UnixTime;
  constructor(until: UnixTime) {
    super('paused');
    this.until = until;
  }
}

export function createRun(
  parts: EnforcementParts<ListSettings>,
  memory: Memory,
  wanted: readonly Wanted[],
  now: UnixTime,
): Run {
  const { state } = memory;
  const { settings, fetch, timeout_ms = timeout_ms_usual } = parts;
  let made = 0;

  function reserve(calls: number): void {
    if (made + calls > calls_per_step_max) throw new Pause(now);
    require(state, 'calls', calls, now);
  }

  function beforeCall(): void {
    reserve(1);
    made += 1;
    spend(state, 'calls', 1);
  }

  const client = createClient({ base: settings.apiBase, token: settings.token, fetch, timeout_ms, beforeCall });
  const lists = createLists(client, settings.accountId);
  return {
    parts,
    memory,
    state,
    client,
    lists,
    wanted,
    now,
    found: null,
    changed: false,
    later: Number.POSITIVE_INFINITY,
    reserve,
  };
}

type BudgetName = 'calls' | 'operations' | 'changes';

/** Throws Pause until the budget has so much. */
export function require(state: State, name: BudgetName, amount: number, now: UnixTime): void {
  const limit: BucketLimit = budgetLimits[name];
  const bucket = refill(state.budgets[name], limit, now);
  state.budgets[name] = bucket;
  const ready = readyAt(bucket, limit, amount);
  if (ready > now) throw new Pause(ready);
}

export function spend(state: State, name: BudgetName, amount: number): void {
  const bucket = state.budgets[name];
  state.budgets[name] = { ...bucket, left: bucket.left - amount };
}
