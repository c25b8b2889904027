/** Starting the next append or removal: which, how much of it, and whether the budgets have it. */
import type { Seconds } from '../../shared/time.ts';
import type { Action } from './contract.ts';
import { type Addition, type Difference, differ } from './difference.ts';
import { begin } from './operation.ts';
import { listsOf, readItems } from './read-list.ts';
import { type Run, require, spend } from './run.ts';
import type { ItemMemory, State } from './schema.ts';

/** Before an append the reading may be so old: an append would take over an item that somebody else has added since. */
const reading_before_append_s_max: Seconds = 30;
/** Comments that tell an old end are written anew together with an append, or by themselves so often. */
const refresh_s: Seconds = 3600;

export function difference(run: Run): Difference {
  const { state, memory, wanted, now, parts } = run;
  const instance = parts.settings.instance ?? 'main';
  const { elsewhere, setAside } = state;
  const challenges = (state.challenge?.id ?? null) !== null;
  run.found ??= differ(wanted, { items: memory.items().values(), elsewhere, instance, setAside, challenges }, now);
  return run.found;
}

export async function changeList(run: Run): Promise<void> {
  const { state, now } = run;
  if (state.operation !== null || state.list === null || state.readAt === null) return;
  let found = difference(run);
  if (found.append.length > 0 && now - state.readAt > reading_before_append_s_max) {
    await readItems(run);
    found = difference(run);
  }
  const added = ofOneList(state, additions(run, found));
  const removal = ofOneList(state, found.remove);
  if (added.length > 0 && (removal.length === 0 || state.lastKind === 'remove')) return append(run, added);
  if (removal.length > 0) return remove(run, removal);
}

/** New items as far as there is room, and old ends if something is sent anyway or it is time; one that was refused goes alone. */
function additions(run: Run, found: Difference): readonly Addition[] {
  const { state, now } = run;
  const unsuspected = found.append.filter(({ item }) => state.setAside[item.ip] === undefined);
  if (unsuspected.length === 0 && found.append.length > 0) return found.append.slice(0, Math.min(1, found.free));
  const fresh = unsuspected.slice(0, found.free);
  const refreshing = fresh.length > 0 || now - state.refreshedAt >= refresh_s;
  return refreshing ? [...fresh, ...found.stale] : [];
}

/** An operation is on one list. Where both have something to do, they take turns. */
function ofOneList<T extends { readonly action: Action }>(state: State, all: readonly T[]): readonly T[] {
  const other = state.lastAction === 'block' ? 'challenge' : 'block';
  const next = all.some(({ action }) => action === other) ? other : state.lastAction;
  return all.filter(({ action }) => action === next).slice(0, state.batch);
}

async function append(run: Run, added: readonly Addition[]): Promise<void> {
  const { list, action } = placeOf(run, added);
  pay(run, added.length);
  run.state.refreshedAt = run.now;
  run.state.lastAction = action;
  const items = added.map(({ item }) => item);
  const alone = items.length === 1 ? (items[0]?.ip ?? null) : null;
  await begin(run, { kind: 'append', items: items.length, alone }, () => run.lists.append(list, items));
}

async function remove(run: Run, items: readonly ItemMemory[]): Promise<void> {
  const { list, action } = placeOf(run, items);
  pay(run, items.length);
  run.state.lastAction = action;
  const ids = items.map(({ id }) => id);
  await begin(run, { kind: 'remove', items: items.length, alone: null }, () => run.lists.remove(list, ids));
}

function placeOf({ state }: Run, [first]: readonly { readonly action: Action }[]): { list: string; action: Action } {
  const place = listsOf(state).find(({ action }) => action === first?.action);
  if (place === undefined) throw new Error('a change in a list that there is not');
  return { list: place.id, action: place.action };
}

/** Paid before it is asked for, so that a crash can only make us too careful. */
function pay(run: Run, changes: number): void {
  run.reserve(1);
  require(run.state, 'operations', 1, run.now);
  require(run.state, 'changes', changes, run.now);
  spend(run.state, 'operations', 1);
  spend(run.state, 'changes', changes);
}
