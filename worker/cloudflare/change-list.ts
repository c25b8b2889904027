/** Starting the next append or removal: which, how much of it, and whether the budgets have it. */
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { Action } from './contract.ts';
import { type Addition, type Difference, differ } from './difference.ts';
import { hasId } from './memory.ts';
import { begin } from './operation.ts';
import { isShort, listsOf, look, lookedAt, nextIds, readItems } from './read-list.ts';
import { type Run, require, spend } from './run.ts';
import type { ItemMemory, State } from './schema.ts';

/**
 * Before an append the last look at a long list may be so old: it takes over an item that somebody else has added since. A
 * short one is read each time, in one call.
 */
const look_before_append_s_max: Seconds = 60;
/** Between the beginnings of two operations, unless the next one is full: what comes meanwhile goes together. */
const gather_s: Seconds = 5;
/** From so many items on an operation is paid by its changes alone: to what they cost the ledger it adds little. */
const bulk_items_min = 100;
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
  if (run.changed && isShort(run)) await look(run);
  if (!isReady(run)) return;
  const age_max = isShort(run) ? 0 : look_before_append_s_max;
  if (difference(run).append.length > 0 && now - lookedAt(state) > age_max) await look(run);
  const removal = ofOneList(state, await removals(run));
  const added = ofOneList(state, additions(run, difference(run)));
  if (added.length > 0 && (removal.length === 0 || state.lastKind === 'remove')) return append(run, added);
  if (removal.length > 0) return remove(run, removal);
  // the last of its kind for now: what it was to do is looked up
  if (run.changed) await look(run);
}

function priceOf(changes: number): number {
  return changes < bulk_items_min ? 1 : 0;
}

/** When the next operation may begin, if it is not full. */
export function gatheredAt({ beganAt }: State): UnixTime {
  return beganAt + gather_s;
}

/** Is there enough to be sent, or has it waited long enough? */
function isReady(run: Run): boolean {
  const { state, now } = run;
  const { append, remove } = difference(run);
  const most = Math.max(append.length, remove.length);
  if (most === 0 || most >= state.batch) return true;
  require(state, 'operations', priceOf(most), now);
  if (now >= gatheredAt(state)) return true;
  run.later = gatheredAt(state);
  return false;
}

/** What is removed next; where no id is known of any, they are asked for. */
async function removals(run: Run): Promise<readonly ItemMemory[]> {
  const { now } = run;
  const known = () => difference(run).remove.filter(hasId);
  if (known().length > 0 || difference(run).remove.length === 0) return known();
  if (nextIds(run) <= now) await readItems(run);
  else run.later = nextIds(run);
  return known();
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
  const what = { kind: 'append', action, items: items.length, alone, added: items, removed: [] } as const;
  await begin(run, what, () => run.lists.append(list, items));
}

async function remove(run: Run, items: readonly ItemMemory[]): Promise<void> {
  const { list, action } = placeOf(run, items);
  pay(run, items.length);
  run.state.lastAction = action;
  const ids = items.map(({ id }) => id);
  const what = { kind: 'remove', action, items: items.length, alone: null, added: [], removed: ids } as const;
  await begin(run, what, () => run.lists.remove(list, ids));
}

function placeOf({ state }: Run, [first]: readonly { readonly action: Action }[]): { list: string; action: Action } {
  const place = listsOf(state).find(({ action }) => action === first?.action);
  if (place === undefined) throw new Error('a change in a list that there is not');
  return { list: place.id, action: place.action };
}

/** Paid before it is asked for, so that a crash can only make us too careful. */
function pay(run: Run, changes: number): void {
  run.reserve(1);
  require(run.state, 'operations', priceOf(changes), run.now);
  require(run.state, 'changes', changes, run.now);
  spend(run.state, 'operations', priceOf(changes));
  spend(run.state, 'changes', changes);
}
