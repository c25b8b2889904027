/** Whether ledger, KV snapshot and Cloudflare's list say the same, compared item by item and not by counts. */
import { z } from 'zod';
import { canonical, contains, type Prefix, parsePrefix } from '../../../shared/address.ts';
import type { CloudflareApi } from '../cloudflare-api.ts';
import { mark } from '../setup/emptying.ts';
import type { ListedBan, Status, WorkerApi } from '../worker-api.ts';
import type { Access } from './cloudflare-checks.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

const pages_max = 20;
const named_max = 3;
/** The Worker shows so many of a snapshot. */
const snapshot_shown = 10_000;
const settle_ms = 4000;

const Item = z.object({ ip: z.string(), comment: z.string().nullish() });
const List = z.object({ id: z.string(), name: z.string() });

interface Parts {
  readonly worker: WorkerApi;
  readonly api: CloudflareApi | null;
  readonly access: Access | null;
  readonly sleep: (ms: number) => Promise<void>;
  readonly now: () => number;
}

/** A difference counts if it is there twice: bans come and go while one looks. */
export async function driftFindings(parts: Parts, status: Status): Promise<Finding[]> {
  const first = await differences(parts);
  if (first.every(({ lacking, extra }) => lacking.length + extra.length === 0)) return first.map(findingOf(status));
  await parts.sleep(settle_ms);
  const second = await differences(parts);
  return second.map((difference, at) => findingOf(status)(lasting(difference, first[at])));
}

interface Difference {
  readonly where: string;
  readonly count: number;
  readonly lacking: readonly string[];
  readonly extra: readonly string[];
}

function lasting(difference: Difference, before: Difference | undefined): Difference {
  const also = (name: 'lacking' | 'extra') => difference[name].filter((address) => before?.[name].includes(address));
  return { ...difference, lacking: also('lacking'), extra: also('extra') };
}

async function differences(parts: Parts): Promise<Difference[]> {
  const bans = await ledgerBans(parts.worker);
  if (bans === null) return [];
  // what hosts enforce alone is in neither place
  const wanted = bans.flatMap(({ address, action }) => (action === 'off' ? [] : [address]));
  const list = await listItems(parts);
  const snapshot = await snapshotBans(parts);
  return [
    ...(snapshot === null ? [] : [{ where: 'KV', count: snapshot.length, ...compare(wanted, snapshot) }]),
    ...(list === null ? [] : [{ where: "Cloudflare's list", count: list.length, ...compare(wanted, list) }]),
  ];
}

/** Null: too many to be compared in one go. */
async function ledgerBans(worker: WorkerApi): Promise<ListedBan[] | null> {
  const found: ListedBan[] = [];
  let after = '';
  for (let page = 0; page < pages_max; page++) {
    const { bans, next } = await worker.bansPage(after);
    found.push(...bans);
    if (next === null) return found;
    after = next;
  }
  return null;
}

async function snapshotBans({ worker, now }: Parts): Promise<string[] | null> {
  const snapshot = await worker.snapshot();
  if (snapshot === null || snapshot.count > snapshot_shown) return null;
  return snapshot.bans.filter(({ until }) => until === null || until > now()).map(({ address }) => address);
}

async function listItems({ api, access }: Parts): Promise<string[] | null> {
  if (api === null || access === null || access.list === '') return null;
  const root = `/accounts/${access.account}/rules/lists`;
  const names = [access.list, access.challenge_list];
  const lists = (await api.call({ path: root }, z.array(List))).filter(({ name }) => names.includes(name));
  if (lists.length === 0) return null;
  const items: z.infer<typeof Item>[] = [];
  for (const { id } of lists) items.push(...(await api.all(`${root}/${id}/items?per_page=500`, Item)));
  return items.filter(({ comment }) => comment?.startsWith(mark)).map(({ ip }) => canonical(ip) ?? ip);
}

/** An address may be covered by a network. */
function compare(wanted: readonly string[], found: readonly string[]): Pick<Difference, 'lacking' | 'extra'> {
  return { lacking: uncovered(wanted, found), extra: uncovered(found, wanted) };
}

function uncovered(some: readonly string[], others: readonly string[]): string[] {
  const exact = new Set(others);
  const networks = others.filter((text) => text.includes('/')).flatMap((text) => parsePrefix(text) ?? []);
  return some.filter((text) => !exact.has(text) && !isCovered(text, networks));
}

function isCovered(text: string, networks: readonly Prefix[]): boolean {
  const address = parsePrefix(text);
  return address !== null && networks.some((network) => contains(network, address));
}

function findingOf(status: Status): (difference: Difference) => Finding {
  return ({ where, count, lacking, extra }) => {
    const about = `drift ${where}`;
    if (lacking.length + extra.length === 0) return ok(about, `none: ${count} there, as in the ledger`);
    const text = `${lacking.length} lacking (${some(lacking)}), ${extra.length} too many (${some(extra)})`;
    const isTold = !status.enforcement.current || !status.snapshot.current;
    if (isTold) return warning(about, `${text}; the Worker knows, and is at it`, 'wait, and look again');
    const { leftOut, foreign, refused, unfit, challenged } = status.enforcement.detail ?? {};
    const known = where === 'KV' ? [] : [leftOut, foreign, refused, unfit, challenged];
    const excused = known.reduce((sum, named) => sum + (named?.count ?? 0), 0);
    if (extra.length === 0 && lacking.length <= excused)
      return ok(about, `none but what is told above: ${count} there`);
    return broken(
      about,
      text,
      'the Worker reads all again within ten minutes; if it lasts, see its log (wrangler tail)',
    );
  };
}

function some(addresses: readonly string[]): string {
  return [...addresses.slice(0, named_max), ...(addresses.length > named_max ? ['…'] : [])].join(', ') || 'none';
}
