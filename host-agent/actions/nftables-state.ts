/** Reads what `nft -j list` prints: what stands in a table, and which addresses a set holds until when. */
import * as z from 'zod/mini';
import { canonical } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Block } from './action.ts';
import type { NftSession } from './nft.ts';
import { NftRefusal } from './nft-process.ts';
import type { SetRef } from './nft-script.ts';

/** Some versions of nft write a single flag without brackets. */
const oneFlag = z.pipe(
  z.string(),
  z.transform((flag: string) => [flag]),
);
const flagsShape = z._default(z.union([oneFlag, z.array(z.string())]), []);
const setShape = z.object({ name: z.string(), type: z.unknown(), flags: flagsShape });
const chainShape = z.object({ name: z.string() });
const ruleShape = z.object({
  chain: z.string(),
  handle: z.int(),
  comment: z._default(z.string(), ''),
  expr: z._default(z.array(z.unknown()), []),
});

export type FoundSet = z.infer<typeof setShape>;
export type FoundRule = z.infer<typeof ruleShape>;

export interface FoundTable {
  readonly sets: readonly FoundSet[];
  readonly chains: readonly string[];
  readonly rules: readonly FoundRule[];
  /** Are there maps, counters and the like, too? None of them is ours. */
  readonly hasMore: boolean;
}

/** Null if there is no such table. */
export async function readTable(session: NftSession, family: string, table: string): Promise<FoundTable | null> {
  return tableIn(await session.ruleset(family), family, table);
}

/** Null if there is no such table among these objects of a listing. */
export function tableIn(objects: readonly unknown[], family: string, table: string): FoundTable | null {
  const its = objects.filter((object) => placeOf(object) === `${family} ${table}`);
  return its.length === 0 ? null : tableOf(its);
}

/** All tables with names that edgeban's could have, by `FAMILY NAME`. */
export async function readTables(session: NftSession): Promise<ReadonlyMap<string, FoundTable>> {
  const objects = await session.ruleset();
  const places = [...Map.groupBy(objects, placeOf)].filter(([place]) => /^(inet|ip|ip6) [A-Za-z][\w.-]*$/.test(place));
  return new Map(places.map(([place, its]) => [place, tableOf(its)]));
}

function tableOf(objects: readonly unknown[]): FoundTable {
  const known = ['metainfo', 'table', 'set', 'chain', 'rule'];
  return {
    sets: objectsUnder('set', setShape, objects),
    chains: objectsUnder('chain', chainShape, objects).map((chain) => chain.name),
    rules: objectsUnder('rule', ruleShape, objects),
    hasMore: objects.some((object) => known.every((key) => property(object, key) === undefined)),
  };
}

/** Of an object in a listing; empty for what belongs to no table. */
function placeOf(object: unknown): string {
  const [key, value] = typeof object === 'object' && object !== null ? (Object.entries(object)[0] ?? []) : [];
  const table = property(value, key === 'table' ? 'name' : 'table');
  return typeof table === 'string' ? `${property(value, 'family')} ${table}` : '';
}

/** Does a rule have anything to do with a set? */
export function mentions(rule: FoundRule, set: string): boolean {
  return JSON.stringify(rule.expr).includes(JSON.stringify(`@${set}`));
}

/** The sets by whose addresses a rule of ours takes its packets. */
export function setsMatched(rule: FoundRule): string[] {
  return rule.expr.flatMap((expression) => {
    const match = property(expression, 'match');
    const right = property(match, 'right');
    const isSource = property(property(property(match, 'left'), 'payload'), 'field') === 'saddr';
    const isIn = isSource && property(match, 'op') === '==';
    return isIn && typeof right === 'string' && right.startsWith('@') ? [right.slice(1)] : [];
  });
}

/** The blocks of a set, none if there is no such set. `now` turns nft's time left (whole seconds) into an end. */
export async function readBlocks(session: NftSession, set: SetRef, now: () => UnixTime): Promise<Iterable<Block>> {
  // Before: the kernel answers at once, and nft may then print for seconds.
  const at = now();
  return blocksOf((await listOrNull(session, ['list', 'set', set.family, set.table, set.set])) ?? [], at);
}

function* blocksOf(objects: readonly unknown[], at: UnixTime): Generator<Block> {
  for (const object of objects) {
    for (const element of elementsOf(property(object, 'set'))) {
      const block = blockOf(element, at);
      if (block !== null) yield block;
    }
  }
}

async function listOrNull(session: NftSession, args: readonly string[]): Promise<readonly unknown[] | null> {
  try {
    return await session.list(args);
  } catch (error) {
    if (error instanceof NftRefusal && error.reason === 'gone') return null;
    throw error;
  }
}

function objectsUnder<T>(key: string, shape: z.ZodMiniType<T>, objects: readonly unknown[]): T[] {
  const found = objects.map((object) => property(object, key)).filter((value) => value !== undefined);
  const read = z.array(shape).safeParse(found);
  if (read.success) return read.data;
  throw new EdgebanError('ERR_NFT_OUTPUT', `nft lists a ${key} in an unknown form`, { cause: read.error });
}

function elementsOf(set: unknown): readonly unknown[] {
  const elements = property(set, 'elem');
  return Array.isArray(elements) ? elements : [];
}

/** `"1.2.3.4"`, `{prefix: {addr, len}}`, or either under `{elem: {val, timeout, expires}}`; null for what is not ours (ranges). */
function blockOf(element: unknown, at: UnixTime): Block | null {
  const timed = property(element, 'elem');
  const address = addressOf(timed === undefined ? element : property(timed, 'val'));
  if (address === null) return null;
  const left = property(timed, 'expires');
  return { address, until: typeof left === 'number' ? at + left : null };
}

function addressOf(value: unknown): string | null {
  // nft writes IPv4 addresses as we do; there may be many.
  if (typeof value === 'string') return value.includes(':') ? canonical(value) : value;
  const prefix = property(value, 'prefix');
  const address = property(prefix, 'addr');
  const length = property(prefix, 'len');
  return typeof address === 'string' && typeof length === 'number' ? canonical(`${address}/${length}`) : null;
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
