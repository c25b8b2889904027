/** The state of enforcement in memory and in SQLite at once: changed here, saved before Cloudflare is asked anything. */
import { z } from 'zod';
import type { Sql } from '../../shared/store/sql.ts';
import { type Bucket, budgetLimits } from './budget.ts';
import type { ListSettings } from './contract.ts';
import { createPages, Pages } from './pages.ts';
import { createTables, ItemMemory, loadState, type OperationMemory, type State, saveState } from './schema.ts';

export interface Memory {
  readonly state: State;
  /** The list as last read and changed since, by item id; those that we have added since have none yet (hasId). */
  readonly items: () => ReadonlyMap<string, ItemMemory>;
  save(): void;
  /** Takes in what an operation has done. */
  change(operation: Pick<OperationMemory, 'action' | 'added' | 'removed'>): void;
  /** Takes in a reading of the whole list; save() writes it together with the state that says when it was read. */
  replaceItems(next: readonly ItemMemory[]): void;
}

export const batch_items_max = 1000;

/** Cloudflare does not tell the ids of what was appended: they are learnt when the list is read again. */
export function hasId({ id }: ItemMemory): boolean {
  return !id.startsWith(unread);
}
/** No id of Cloudflare's begins so. */
const unread = '?';

/** `calls`: the budget of calls, if a mode of before has spent of it. */
export function openMemory(sql: Sql, settings: ListSettings, calls?: Bucket | null): Memory {
  createTables(sql);
  const of = [settings.accountId, settings.listName, settings.instance ?? 'main'].join('/');
  const stored = loadState(sql);
  const state = stored?.of === of ? stored : freshState(of, stored);
  state.budgets.calls = calls ?? state.budgets.calls;
  const before = state.challenge;
  state.zones = settings.zoneIds;
  if (createPages(sql, 'cf_item') || !sameChallenge(state, settings)) state.readAt = null;
  // loaded when first needed and kept
  const items = new Pages(sql, 'listed', z.array(ItemMemory), { pages: 4, keyOf: ({ address }) => address });
  let saved = JSON.stringify(stored);

  function save(): void {
    const text = JSON.stringify(state);
    sql.transaction(() => {
      items.save();
      if (text !== saved) saveState(sql, state);
    });
    saved = text;
  }

  function change({ action, added, removed }: Pick<OperationMemory, 'action' | 'added' | 'removed'>): void {
    for (const id of removed) items.delete(id);
    if (added.length === 0) return;
    const there = [...items.all.values()].filter((item) => item.action === action);
    const ids = new Map(there.map(({ address, id }) => [address, id]));
    for (const { ip, comment } of added)
      items.set({ id: ids.get(ip) ?? `${unread}${action} ${ip}`, address: ip, comment, action });
  }

  if (state !== stored || state.challenge !== before) items.clear();
  save();
  return { state, items: () => items.all, save, change, replaceItems: (next) => items.replace(next) };
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
    zones: [],
    list: null,
    challenge: null,
    elsewhere: 0,
    readAt: null,
    countedAt: 0,
    doubts: [],
    operation: null,
    refreshedAt: 0,
    lastKind: 'remove',
    lastAction: 'challenge',
    beganAt: 0,
    operation_s: 0.5,
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
