/** Where a ban has to arrive, each asked for itself: ledger, KV, Cloudflare, this host's daemon, its kernel. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { canonical, parseAddress } from '../../../shared/address.ts';
import { EdgebanError } from '../../../shared/errors.ts';
import { isList } from '../../control/framing.ts';
import { EdgeRefusal } from '../../edge/refusal.ts';
import type { CloudflareApi } from '../cloudflare-api.ts';
import type { WorkerApi } from '../worker-api.ts';
import type { Access } from './cloudflare-checks.ts';
import { ask, type ThisHost } from './this-host.ts';

const execute = promisify(execFile);
const nft_seconds_max = 5;
const Item = z.object({ ip: z.string() });
const List = z.object({ id: z.string(), name: z.string() });
const AccessRule = z.object({ id: z.string() });
const Listing = z.object({
  nftables: z.array(
    z.object({
      set: z.object({ family: z.string(), table: z.string(), name: z.string(), type: z.unknown() }).optional(),
    }),
  ),
});

export interface Place {
  readonly name: string;
  /** Is the address banned there now? */
  has(address: string): Promise<boolean>;
  /** Between two looks. */
  readonly every_ms: number;
}

export function ledgerPlace(worker: WorkerApi): Place {
  return { name: 'ledger', every_ms: 20, has: async (address) => (await holdersOf(worker, address)) > 0 };
}

/** How many hold the address. */
export async function holdersOf(worker: WorkerApi, address: string): Promise<number> {
  try {
    return (await worker.holders(address)).holders.length;
  } catch (error) {
    if (error instanceof EdgeRefusal && error.problem === 'ERR_NOT_BANNED') return 0;
    throw error;
  }
}

export function snapshotPlace(worker: WorkerApi): Place {
  const has = async (address: string) =>
    (await worker.snapshot())?.bans.some((ban) => ban.address.replace(/\/(32|128)$/, '') === address) ?? false;
  return { name: 'KV snapshot', every_ms: 100, has };
}

/** The item of a list that a rule names, or an access rule. */
export function cloudflarePlace(api: CloudflareApi, access: Access): Place {
  if (access.mode === 'access-rules') {
    const root = `/accounts/${access.account}/firewall/access_rules/rules`;
    const query = (address: string) => `${root}?per_page=20&configuration.value=${encodeURIComponent(address)}`;
    const has = async (address: string) => (await api.call({ path: query(address) }, z.array(AccessRule))).length > 0;
    return { name: "Cloudflare's access rules", every_ms: 400, has };
  }
  const root = `/accounts/${access.account}/rules/lists`;
  let list: string | undefined;
  const has = async (address: string) => {
    list ??= (await api.call({ path: root }, z.array(List))).find(({ name }) => name === access.list)?.id;
    if (list === undefined) return false;
    // a search is a prefix of the text; Cloudflare may spell IPv6 in its own way
    const search = address.includes(':') ? address.split(':')[0] : address;
    const items = await api.all(`${root}/${list}/items?per_page=500&search=${encodeURIComponent(search ?? '')}`, Item);
    return items.some(({ ip }) => canonical(ip) === address);
  };
  return { name: "Cloudflare's list", every_ms: 400, has };
}

/** The daemon of this host and the sets of its kernel, where they answer. */
export async function hostPlaces({ id, socket }: ThisHost): Promise<Place[]> {
  if (id === null) return [];
  if ((await ask(socket, ['ping'])) === null) return [];
  const daemon: Place = { name: "this host's jails", every_ms: 20, has: (address) => isInJail(socket, address) };
  if ((await nft(['-t', '-j', 'list', 'sets'])) === null) return [daemon];
  return [daemon, { name: "this host's kernel", every_ms: 20, has: isInKernel }];
}

/** `banned ADDRESS` answers with the jails for each address. */
async function isInJail(socket: string, address: string): Promise<boolean> {
  const answer = await ask(socket, ['banned', address]);
  return isList(answer) && answer.some((jails) => isList(jails) && jails.length > 0);
}

async function isInKernel(address: string): Promise<boolean> {
  const listing = await nft(['-t', '-j', 'list', 'sets']);
  const type = parseAddress(address)?.family === 6 ? 'ipv6_addr' : 'ipv4_addr';
  const sets = listing === null ? [] : Listing.parse(JSON.parse(listing)).nftables.flatMap(({ set }) => set ?? []);
  for (const { family, table, name } of sets.filter((set) => set.type === type))
    if ((await nft(['get', 'element', family, table, name, '{', address, '}'])) !== null) return true;
  return false;
}

/** Null where nft is not there, may not be used, or says no. */
async function nft(words: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await execute('nft', [...words], {
      timeout: nft_seconds_max * 1000,
      maxBuffer: 8 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    if (error instanceof Error && !(error instanceof EdgebanError)) return null;
    throw error;
  }
}
