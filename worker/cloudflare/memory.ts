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
  if (createPages(sql, 'cf_item')) state.readAt = null;
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

  if (state !== stored) {
    items.clear();
    save();
  }
  return { state, items: () => items.all, save, replaceItems: (next) => items.replace(next) };
}

const none = { count: 0, addresses: [] };

/** Budgets outlive a change of list: Cloudflare counts on. They start full; the time is set at the first step. */
function freshState(of: string, before: State | null): State {
  const full = (left: number): Bucket => ({ left, at: 0 });
  return {
    of,
    list: null,
    elsewhere: 0,
    readAt: null,
    doubts: [],
    operation: null,
    refreshedAt: 0,
    lastKind: 'remove',
    batch: batch_items_max,
    setAside: {},
    challenged: none,
    waitUntil: null,
    failures: 0,
    error: null,
    rules: {},
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
      leftOut: none,
      foreign: none,
      refused: none,
      unfit: none,
    },
  };
}
