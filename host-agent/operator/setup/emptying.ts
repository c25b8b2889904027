/** Takes edgeban's own items out of a list, and its own access rules away; what others put there stays. */
import { z } from 'zod';
import { EdgebanError } from '../../../shared/errors.ts';
import { CloudflareRefusal, isGone } from '../cloudflare-refusal.ts';
import { patiently } from '../patience.ts';
import type { Thing } from './record.ts';
import type { Teardown } from './teardown.ts';

/** With which every comment and note of edgeban's begins (worker/cloudflare/mark.ts). */
export const mark = 'edgeban:main:';
const batch_max = 1000;
const poll_ms = 500;
const polls_max = 600;

const emptied_seconds_max = 60;
const emptied_wait_ms = 1000;

const Item = z.object({ id: z.string(), comment: z.string().nullish() });
type Item = z.infer<typeof Item>;
const List = z.object({ id: z.string(), name: z.string() });
const Started = z.object({ operation_id: z.string() });
const Operation = z.object({ status: z.string(), error: z.string().optional() });
const AccessRule = z.object({ id: z.string(), notes: z.string().default('') });

/** What it takes to look into a list, and to take it away. */
type Desk = Pick<Teardown, 'api' | 'record' | 'world'>;

export async function emptyList(work: Teardown, list: Thing): Promise<void> {
  const first = await openList(work, list);
  if (first === null) return work.say(`   the list ${list.name}: was gone already`);
  const { root, path, items } = first;
  let count = 0;
  for (let gone = batch_max; gone === batch_max; count += gone)
    gone = await patiently(work.world, true, () => removeSome(work, root, `${path}/items`));
  const others = items.filter((item) => !isOurs(item)).length;
  const { text } = await fateOf(work, path, list.made, others);
  work.say(`   the list ${list.name}: ${count} item(s) of edgeban's gone; ${text}`);
}

/** Waits a while until the Worker has taken its items and rules away; then the list goes. Null: it is not yet so far. */
export async function dropEmptied(desk: Desk, list: Thing): Promise<string | null> {
  for (const end = desk.world.now() + emptied_seconds_max; desk.world.now() < end; ) {
    const there = await openList(desk, list);
    if (there === null) return 'was gone already';
    if (!there.items.some(isOurs)) {
      const { isSettled, text } = await fateOf(desk, there.path, list.made, there.items.length);
      if (isSettled) return text;
    }
    await desk.world.sleep(emptied_wait_ms);
  }
  return null;
}

/** Null: it is gone. */
async function openList(desk: Desk, list: Thing): Promise<{ root: string; path: string; items: Item[] } | null> {
  const root = `/accounts/${desk.record.account}/rules/lists`;
  const id = list.id ?? (await desk.api.call({ path: root }, z.array(List))).find(({ name }) => name === list.name)?.id;
  if (id === undefined) return null;
  const path = `${root}/${id}`;
  const items = await itemsOf(desk, `${path}/items`);
  return items === null ? null : { root, path, items };
}

function isOurs({ comment }: Item): boolean {
  return comment?.startsWith(mark) === true;
}

async function itemsOf({ api }: Desk, path: string): Promise<Item[] | null> {
  try {
    return await api.all(`${path}?per_page=500`, Item);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** `isSettled`: false where a rule still names it, which may be one of ours. */
async function fateOf(
  { api }: Desk,
  path: string,
  made: boolean,
  others: number,
): Promise<{ isSettled: boolean; text: string }> {
  if (!made) return { isSettled: true, text: `the list was adopted, and stays with ${others} item(s) of others` };
  if (others > 0) return { isSettled: true, text: `the list stays: ${others} item(s) in it are of others` };
  try {
    await api.call({ method: 'DELETE', path }, z.unknown());
    return { isSettled: true, text: 'the list is gone' };
  } catch (error) {
    if (error instanceof CloudflareRefusal && error.code === 'ERR_CLOUDFLARE_REFUSED')
      return { isSettled: false, text: `the list stays: ${error.message}` };
    throw error;
  }
}

/** Reads the list first: an answer may have been lost to what was done. Returns how many are gone. */
async function removeSome(work: Teardown, root: string, path: string): Promise<number> {
  const ours = ((await itemsOf(work, path)) ?? []).filter(isOurs).slice(0, batch_max);
  if (ours.length === 0) return 0;
  const body = { items: ours.map(({ id }) => ({ id })) };
  const { operation_id } = await work.api.call({ method: 'DELETE', path, body, once: true }, Started);
  await settle(work, `${root}/bulk_operations/${operation_id}`);
  return ours.length;
}

async function settle({ api, world }: Teardown, path: string): Promise<void> {
  for (let poll = 0; poll < polls_max; poll++) {
    const { status, error } = await api.call({ path }, Operation);
    if (status === 'completed') return;
    if (status === 'failed') throw new EdgebanError('ERR_CLOUDFLARE_OPERATION', error ?? 'no reason given');
    await world.sleep(poll_ms);
  }
  throw new EdgebanError('ERR_CLOUDFLARE_OPERATION', 'the list operation does not end');
}

/** Where the record knows of none: a former mode may have left some. A token that may not look is not asked for more. */
export async function emptyForgottenRules(work: Teardown): Promise<void> {
  try {
    await emptyAccessRules(work);
  } catch (error) {
    if (!(error instanceof CloudflareRefusal) || !error.isForbidden) throw error;
    work.say(
      '   access rules: not looked for, the token may not (Account Firewall Access Rules); setup made none that is known',
    );
  }
}

/** One call each, a few a second: the account has 1,200 calls in five minutes for all its tools. */
export async function emptyAccessRules(work: Teardown): Promise<void> {
  const root = `/accounts/${work.record.account}/firewall/access_rules/rules`;
  const rules = await work.api.all(`${root}?per_page=1000&notes=${encodeURIComponent(mark)}`, AccessRule);
  const ours = rules.filter(({ notes }) => notes.startsWith(mark));
  for (const [at, { id }] of ours.entries()) {
    await work.api.call({ method: 'DELETE', path: `${root}/${id}` }, z.unknown()).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
    if (at > 300) await work.world.sleep(300);
  }
  work.say(`   ${ours.length} access rule(s) of edgeban's: gone; ${rules.length - ours.length} of others stay`);
}
