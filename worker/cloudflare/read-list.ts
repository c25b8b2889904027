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
export const reconcile_s: Seconds = 600;
const description = 'Addresses banned by edgeban; items of others are left alone';

/** Adopts the lists of our names or makes them. The outcome need not be known: the next step looks by name again. */
export async function findList(run: Run): Promise<void> {
  const { state, lists, now, parts } = run;
  const { challenge } = state;
  const isFound = state.list !== null && (challenge === null || challenge.id !== null || challenge.error !== null);
  if (isFound && !isOld(state, now)) return;
  const all = await lists.all();
  state.list = (await take(run, all, parts.settings.listName, state.list)).id;
  if (challenge !== null) await findChallengeList(run, all, challenge);
  const its = listsOf(state).map(({ id }) => id);
  state.elsewhere = all.reduce((sum, each) => sum + (its.includes(each.id) ? 0 : each.num_items), 0);
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
