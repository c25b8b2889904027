/** Finding or making the list, and reading it whole: what we know of it is what it held when last read. */
import { canonical } from '../../shared/address.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { Action } from './contract.ts';
import { CloudflareFailure } from './failure.ts';
import { type CustomList, listLimits } from './lists.ts';
import type { Run } from './run.ts';
import type { ItemMemory, State } from './schema.ts';
import { lookAgain } from './setback.ts';

/** How old a reading may become before all is looked at again. */
const reconcile_s: Seconds = 600;
const description = 'Addresses banned by edgeban; items of others are left alone';

/** A long list is read for the ids of new items at most so often: twenty calls of the 300 in five minutes. */
const ids_of_long_s: Seconds = 30;

/** Adopts the lists of our names or makes them. The outcome need not be known: the next step looks by name again. */
export async function findList(run: Run): Promise<void> {
  const { state, now } = run;
  const { list, challenge } = state;
  const isFound = list !== null && (challenge === null || challenge.id !== null || challenge.error !== null);
  if (!isFound || isOld(state, now)) await lookUp(run);
}

/** Returns how many items they have together. */
async function lookUp(run: Run): Promise<number> {
  const { state, lists, parts } = run;
  const { challenge } = state;
  const all = await lists.all();
  state.list = (await take(run, all, parts.settings.listName, state.list)).id;
  if (challenge !== null) await findChallengeList(run, all, challenge);
  const its = listsOf(state).map(({ id }) => id);
  const inIts = all.reduce((sum, each) => sum + (its.includes(each.id) ? each.num_items : 0), 0);
  state.elsewhere = all.reduce((sum, { num_items }) => sum + num_items, 0) - inIts;
  return inIts;
}

/** The lists that there are. */
export function listsOf({ list, challenge }: State): { readonly action: Action; readonly id: string }[] {
  const second = challenge?.id ?? null;
  return [
    ...(list === null ? [] : [{ action: 'block' as const, id: list }]),
    ...(second === null ? [] : [{ action: 'challenge' as const, id: second }]),
  ];
}

async function take(run: Run, all: readonly CustomList[], name: string, known: string | null): Promise<CustomList> {
  const { state, lists, now, parts } = run;
  const list = all.find((each) => each.name === name) ?? (await lists.create(name, description));
  if (list.kind !== 'ip') {
    const facts = { outcome: 'refused', retryAfter: null } as const;
    throw new CloudflareFailure('ERR_CLOUDFLARE_LIST', `the list ${name} is not a list of addresses`, facts);
  }
  if (list.id !== known) parts.log(`Cloudflare: the list ${name} is ${list.id}, ${list.num_items} items`);
  if (list.id !== known) lookAgain(state, now);
  return list;
}

const busy: readonly string[] = ['ERR_CLOUDFLARE_RATE', 'ERR_CLOUDFLARE_BUSY'];

/** A plan may have no room for a second list: what is to be blocked does not wait for it. Tried at each reading. */
async function findChallengeList(
  run: Run,
  all: readonly CustomList[],
  challenge: NonNullable<State['challenge']>,
): Promise<void> {
  try {
    challenge.id = (await take(run, all, challenge.name, challenge.id)).id;
    challenge.error = null;
  } catch (error) {
    if (!(error instanceof CloudflareFailure) || error.outcome === 'unknown' || busy.includes(error.code)) throw error;
    const { code, message } = error;
    if (challenge.id !== null) lookAgain(run.state, run.now);
    if (challenge.error === null) run.parts.log(`Cloudflare: no list for challenges: ${message}`);
    challenge.id = null;
    challenge.error = { code, message, since: challenge.error?.since ?? run.now };
  }
}

export async function readList(run: Run): Promise<void> {
  const { state, now } = run;
  if (state.operation === null && nextReading(state, now) <= now) await readItems(run);
}

/**
 * Has anybody else changed the list? A short one is read. A long one is only if it does not have as many items as we
 * know of: that takes one call instead of twenty, and what it does not show is found by the next reading.
 */
export async function look(run: Run): Promise<void> {
  const { state, now, memory } = run;
  if (isShort(run)) return await readItems(run);
  const items = await lookUp(run);
  if (items !== memory.items().size || nextReading(state, now) <= now) return await readItems(run);
  state.countedAt = now;
}

/** When somebody last looked. */
export function lookedAt({ readAt, countedAt }: State): UnixTime {
  return Math.max(readAt ?? 0, countedAt);
}

/** When the ids of items may be asked for that were added since the last reading. */
export function nextIds(run: Run): UnixTime {
  return isShort(run) ? 0 : (run.state.readAt ?? 0) + ids_of_long_s;
}

/** Is the list one page, read in one call? */
export function isShort({ memory }: Run): boolean {
  return memory.items().size <= listLimits.page_items;
}

/** Reads now, whether it is due or not. */
export async function readItems(run: Run): Promise<void> {
  const { state, now, memory, lists } = run;
  if (state.list === null) return;
  const places = listsOf(state);
  run.reserve(places.length + Math.ceil((memory.items().size + 1) / listLimits.page_items));
  const items: ItemMemory[] = [];
  for (const { action, id: list } of places)
    for (const { id, ip, comment } of await lists.items(list))
      items.push({ id, address: canonical(ip) ?? ip, comment: comment ?? '', action });
  state.readAt = now;
  run.found = null;
  run.changed = false;
  state.doubts = state.doubts.filter((at) => at > now);
  memory.replaceItems(items);
}

export function nextReading(state: State, now: UnixTime): UnixTime {
  if (state.readAt === null) return now;
  return Math.min(state.readAt + reconcile_s, state.doubts[0] ?? Number.POSITIVE_INFINITY);
}

function isOld(state: State, now: UnixTime): boolean {
  return state.operation === null && (state.readAt === null || state.readAt + reconcile_s <= now);
}
