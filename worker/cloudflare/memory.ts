/** The state of enforcement in memory and in SQLite at once: changed here, saved before Cloudflare is asked anything. */
import { z } from 'zod';
import type { Sql } from '../../shared/store/sql.ts';
import { type Bucket, budgetLimits } from './budget.ts';
import type { ListSettings } from './contract.ts';
import { createPages, Pages } from './pages.ts';
import { createTables, ItemMemory, loadState, type State, saveState } from './schema.ts';

export interface Memory {
  readonly state: State;
  /** The list as last read, by item id. */
  readonly items: () => ReadonlyMap<string, ItemMemory>;
  save(): void;
  /** Takes in a reading of the whole list; save() writes it together with the state that says when it was read. */
  replaceItems(next: readonly ItemMemory[]): void;
}

export const batch_items_max = 1000;

/** `calls`: the budget of calls, if a mode of before has spent of it. */
export function openMemory(sql: Sql, settings: ListSettings, calls?: Bucket | null): Memory {
  createTables(sql);
  const of = [settings.accountId, settings.listName, settings.instance ?? 'main'].join('/');
  const stored = loadState(sql);
  const state = stored?.of === of ? stored : freshState(of, stored);
  state.budgets.calls = calls ?? state.budgets.calls;
  const before = state.challenge;
  if (createPages(sql, 'cf_item') || !sameChallenge(state, settings)) state.readAt = null;
  // loaded when first needed and kept
  const items = new Pages(sql, 'items', z.array(ItemMemory));
  let saved = JSON.stringify(stored);

  function save(): void {
    const text = JSON.stringify(state);
    sql.transaction(() => {
      items.save();
      if (text !== saved) saveState(sql, state);
    });
    saved = text;
  }

  if (state !== stored || state.challenge !== before) {
    items.clear();
    save();
  }
  return { state, items: () => items.all, save, replaceItems: (next) => items.replace(next) };
}

/** False if settings name another second list than before, or none any more: all is read anew. */
function sameChallenge(state: State, { challengeListName: name = null }: ListSettings): boolean {
  if ((state.challenge?.name ?? null) === name) return true;
  state.challenge = name === null ? null : { name, id: null, error: null };
  if (name === null) state.challengeRules = {};
  for (const rule of Object.values(state.challengeRules)) rule.due = 0;
  return false;
}

const none = { count: 0, addresses: [] };

/** Budgets outlive a change of list: Cloudflare counts on. They start full; the time is set at the first step. */
function freshState(of: string, before: State | null): State {
  const full = (left: number): Bucket => ({ left, at: 0 });
  return {
    of,
    list: null,
    challenge: null,
    elsewhere: 0,
    readAt: null,
    doubts: [],
    operation: null,
    refreshedAt: 0,
    lastKind: 'remove',
    lastAction: 'challenge',
    batch: batch_items_max,
    setAside: {},
    challenged: none,
    waitUntil: null,
    failures: 0,
    error: null,
    rules: {},
    challengeRules: {},
    budgets: before?.budgets ?? {
      calls: full(budgetLimits.calls.burst),
      operations: full(budgetLimits.operations.burst),
      changes: full(budgetLimits.changes.burst),
    },
    summary: {
      wanted: 0,
      missing: 0,
      surplus: 0,
      ours: 0,
      others: 0,
      challengeOurs: 0,
      challengeOthers: 0,
      leftOut: none,
      foreign: none,
      refused: none,
      unfit: none,
    },
  };
}
