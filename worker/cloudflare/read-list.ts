/** Finding or making the list, and reading it whole: what we know of it is what it held when last read. */
import { canonical } from '../../shared/address.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { CloudflareFailure } from './failure.ts';
import { listLimits } from './lists.ts';
import type { Run } from './run.ts';
import type { State } from './schema.ts';
import { lookAgain } from './setback.ts';

/** How old a reading may become before all is looked at again. */
export const reconcile_s: Seconds = 600;
const description = 'Addresses banned by edgeban; items of others are left alone';

/** Adopts the list of our name or makes it. Its outcome need not be known: the next step looks by name again. */
export async function findList(run: Run): Promise<void> {
  const { state, lists, now, parts } = run;
  if (state.list !== null && !isOld(state, now)) return;
  const { listName } = parts.settings;
  const all = await lists.all();
  const list = all.find((each) => each.name === listName) ?? (await lists.create(listName, description));
  if (list.kind !== 'ip') {
    const facts = { outcome: 'refused', retryAfter: null } as const;
    throw new CloudflareFailure('ERR_CLOUDFLARE_LIST', `the list ${listName} is not a list of addresses`, facts);
  }
  if (list.id !== state.list) parts.log(`Cloudflare: the list ${listName} is ${list.id}, ${list.num_items} items`);
  if (list.id !== state.list) lookAgain(state, now);
  state.list = list.id;
  state.elsewhere = all.reduce((sum, each) => sum + (each.id === list.id ? 0 : each.num_items), 0);
}

export async function readList(run: Run): Promise<void> {
  const { state, now } = run;
  if (state.operation === null && nextReading(state, now) <= now) await readItems(run);
}

/** Reads now, whether it is due or not. */
export async function readItems(run: Run): Promise<void> {
  const { state, now, memory, lists } = run;
  if (state.list === null) return;
  run.reserve(1 + Math.ceil((memory.items().size + 1) / listLimits.page_items));
  const items = await lists.items(state.list);
  state.readAt = now;
  run.found = null;
  state.doubts = state.doubts.filter((at) => at > now);
  memory.replaceItems(
    items.map(({ id, ip, comment }) => ({ id, address: canonical(ip) ?? ip, comment: comment ?? '' })),
  );
}

export function nextReading(state: State, now: UnixTime): UnixTime {
  if (state.readAt === null) return now;
  return Math.min(state.readAt + reconcile_s, state.doubts[0] ?? Number.POSITIVE_INFINITY);
}

function isOld(state: State, now: UnixTime): boolean {
  return state.operation === null && (state.readAt === null || state.readAt + reconcile_s <= now);
}
