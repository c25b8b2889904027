/** Taking away what we made for a list that settings no longer name: first the zones' rules, then our items. */
import { canonical } from '../../../shared/address.ts';
import type { UnixTime } from '../../../shared/time.ts';
import { budgetLimits, readyAt, refill } from '../budget.ts';
import { type Client, createClient } from '../client.ts';
import type { EnforcementParts, Wanted } from '../contract.ts';
import { CloudflareFailure } from '../failure.ts';
import { createLists, listLimits } from '../lists.ts';
import { markedOnes, markOf } from '../mark.ts';
import { calls_per_step_max, Pause, timeout_ms_usual } from '../run.ts';
import { delayAfter } from '../setback.ts';
import { challengeRefOf, dropRule, ruleRefOf } from '../waf-rule.ts';
import { type FormerRecord, forgetFormer, saveFormer } from './record.ts';

const batch_items_max = 1_000;
/** An operation needs a while; then the list is read again. */
const between_removals_s = 5;
/** An operation of the former mode may end long after it was given up: what it has put there then is found so. */
const looks_after = [60, 600, 3_600, 6 * 3_600, 24 * 3_600];

type Parts = Pick<EnforcementParts, 'sql' | 'settings' | 'fetch' | 'log' | 'timeout_ms'>;

/** Goes a bounded way; what was done is known by reading, so that a crash costs nothing. Forgets the record at the end. */
export async function clearFormerList(parts: Parts, record: FormerRecord, now: UnixTime): Promise<void> {
  const client = clientFor(parts, record, now);
  try {
    const done = (await dropRules(client, record)) && (await removeItems(client, record));
    record.failures = 0;
    record.error = null;
    settle(parts, record, done, now);
  } catch (error) {
    setBack(parts, record, error, now);
    saveFormer(parts.sql, record);
  }
}

function settle({ sql, log }: Parts, record: FormerRecord, done: boolean, now: UnixTime): void {
  const look = record.items ? looks_after[record.looks] : undefined;
  if (!done) record.looks = 0;
  else if (record.looks === 0) log(`Cloudflare: nothing of ours is left of the former list ${record.list}`);
  if (done && look === undefined) forgetFormer(sql, record);
  else {
    record.waitUntil = now + (done && look !== undefined ? look : between_removals_s);
    record.looks += done ? 1 : 0;
    saveFormer(sql, record);
  }
}

async function dropRules(client: Client, record: FormerRecord): Promise<boolean> {
  for (const zone of [...record.zones]) {
    if (await dropped(client, zone, record)) record.zones = record.zones.filter((each) => each !== zone);
  }
  return record.zones.length === 0;
}

/** A zone that is in the account no more has taken its rule with it. */
async function dropped(client: Client, zone: string, { action, instance, list }: FormerRecord): Promise<boolean> {
  const ref = action === 'block' ? ruleRefOf(instance) : challengeRefOf(instance);
  try {
    return await dropRule(client, zone, ref, list);
  } catch (error) {
    if (error instanceof CloudflareFailure && error.code === 'ERR_CLOUDFLARE_GONE') return true;
    throw error;
  }
}

/** True if none is left. The list itself stays: others may use it, and a free plan has a single one. */
async function removeItems(client: Client, record: FormerRecord): Promise<boolean> {
  if (!record.items) return true;
  const lists = createLists(client, record.account);
  const { list, ours } = await ourItems(lists, record);
  if (list === null) return true;
  record.left = ours.length;
  if (ours.length === 0) return true;
  await lists.remove(
    list,
    ours.slice(0, batch_items_max).map(({ id }) => id),
  );
  return false;
}

async function ourItems(lists: ReturnType<typeof createLists>, record: FormerRecord) {
  const list = (await lists.all()).find(({ name }) => name === record.list);
  if (list === undefined) return { list: null, ours: [] };
  const mark = markOf(record.instance);
  const ours = (await lists.items(list.id)).filter(({ comment }) => comment?.startsWith(mark) === true);
  return { list: list.id, ours };
}

/** Whom the list has of ours, for a ledger that was lost. Null: it cannot be read now; the record says until when to wait. */
export async function readFormerList(parts: Parts, record: FormerRecord, now: UnixTime): Promise<Wanted[] | null> {
  const client = clientFor(parts, record, now);
  try {
    const { ours } = await ourItems(createLists(client, record.account), record);
    const items = ours.map(({ ip, comment }) => ({ address: canonical(ip) ?? '', comment: comment ?? '' }));
    return markedOnes(items, record.instance, record.action);
  } catch (error) {
    setBack(parts, record, error, now);
    return record.error?.code === 'ERR_CLOUDFLARE_AUTH' ? [] : null;
  } finally {
    saveFormer(parts.sql, record);
  }
}

function setBack(parts: Parts, record: FormerRecord, error: unknown, now: UnixTime): void {
  if (error instanceof Pause) {
    record.waitUntil = error.until;
    return;
  }
  if (!(error instanceof CloudflareFailure)) throw error;
  const { code, message } = error;
  record.failures += 1;
  record.waitUntil = now + delayAfter(error, record.failures);
  if (record.error?.code !== code) parts.log(`Cloudflare: the former list ${record.list}: ${message}`);
  record.error = { code, message, since: record.error?.code === code ? record.error.since : now };
}

/** Enough calls for a whole reading and a removal must be there, or the step would never get to the end. */
function clientFor(parts: Parts, record: FormerRecord, now: UnixTime): Client {
  const { settings, fetch, timeout_ms = timeout_ms_usual } = parts;
  const limit = budgetLimits.formerCalls;
  let made = 0;
  const beforeCall = () => {
    if (made >= calls_per_step_max) throw new Pause(now);
    const bucket = refill(record.calls, limit, now);
    const needed = made === 0 ? listLimits.pages_max + 4 : 1;
    const ready = readyAt(bucket, limit, needed);
    if (ready > now) throw new Pause(ready);
    made += 1;
    record.calls = { ...bucket, left: bucket.left - 1 };
  };
  return createClient({ base: settings.apiBase, token: settings.token, fetch, timeout_ms, beforeCall });
}
