/** What is to be appended and removed so that the list holds what is wanted, and what cannot be helped: pure. */
import { parsePrefix } from '../../shared/address.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import type { Wanted } from './contract.ts';
import { listLimits, type NewItem } from './lists.ts';
import { commentFor, endMark, markOf } from './mark.ts';
import type { ItemMemory } from './schema.ts';

/** Lists take IPv4 from /8 and IPv6 from /12 on. */
const bits_min = { 4: 8, 6: 12 } as const;

export interface Holding {
  readonly items: Iterable<ItemMemory>;
  /** Items in the account's other lists. */
  readonly elsewhere: number;
  readonly instance: string;
  readonly setAside: Readonly<Record<string, UnixTime>>;
}

export interface Difference {
  readonly append: readonly NewItem[];
  /** Ours and still wanted, but their comment tells an old end: worth a change only when something is sent anyway. */
  readonly stale: readonly NewItem[];
  readonly remove: readonly ItemMemory[];
  readonly leftOut: readonly string[];
  readonly foreign: readonly string[];
  readonly refused: readonly string[];
  readonly unfit: readonly string[];
  readonly wanted: number;
  readonly ours: number;
  readonly others: number;
  /** Items that the account still has room for, before anything is removed. */
  readonly free: number;
}

export function differ(wanted: readonly Wanted[], holding: Holding, now: UnixTime): Difference {
  const { ours, others, extra } = sortItems(holding);
  const sorted = sortWanted(wanted, { ours, others, extra }, holding.setAside, now);
  const room = Math.max(0, listLimits.items_max - holding.elsewhere - others.count);
  const kept = new Map([...sorted.possible].slice(0, room));
  const leftOut = [...sorted.possible.keys()].slice(room);
  const toItem = (each: Wanted) => ({
    ip: each.address,
    comment: commentFor(holding.instance, each.until, each.comment),
  });
  const mark = markOf(holding.instance);
  const tellsOldEnd = ({ address, until }: Wanted) =>
    ours.get(address)?.comment.concat(' ').startsWith(endMark(mark, until)) === false;
  return {
    append: [...kept.values()].filter((each) => !ours.has(each.address)).map(toItem),
    stale: [...kept.values()].filter(tellsOldEnd).map(toItem),
    remove: [...extra, ...[...ours].filter(([address]) => !kept.has(address)).map(([, item]) => item)],
    leftOut,
    foreign: sorted.foreign,
    refused: sorted.refused,
    unfit: sorted.unfit,
    wanted: sorted.wanted,
    ours: ours.size + extra.length,
    others: others.count,
    free: Math.max(0, room - ours.size - extra.length),
  };
}

interface SortedItems {
  readonly ours: ReadonlyMap<string, ItemMemory>;
  readonly others: { readonly addresses: ReadonlySet<string>; readonly count: number };
  /** Ours, but a second one for an address, or one that a foreign item covers too. */
  readonly extra: readonly ItemMemory[];
}

function sortItems(holding: Holding): SortedItems {
  const mark = markOf(holding.instance);
  const all = [...holding.items];
  const foreign = all.filter((item) => !item.comment.startsWith(mark));
  const addresses = new Set(foreign.map((item) => item.address));
  const ours = new Map<string, ItemMemory>();
  const extra: ItemMemory[] = [];
  for (const item of all) {
    if (!item.comment.startsWith(mark)) continue;
    const address = item.address;
    if (ours.has(address) || addresses.has(address)) extra.push(item);
    else ours.set(address, item);
  }
  return { ours, others: { addresses, count: foreign.length }, extra };
}

function sortWanted(wanted: readonly Wanted[], items: SortedItems, setAside: Holding['setAside'], now: UnixTime) {
  const possible = new Map<string, Wanted>();
  const foreign: string[] = [];
  const refused: string[] = [];
  const unfit: string[] = [];
  let count = 0;
  for (const each of wanted) {
    if (isOver(each.until, now)) continue;
    count += 1;
    if (items.others.addresses.has(each.address)) foreign.push(each.address);
    // what is in the list is known to be taken
    else if (items.ours.has(each.address)) possible.set(each.address, each);
    else if (!isListable(each.address)) unfit.push(each.address);
    else if ((setAside[each.address] ?? 0) > now) refused.push(each.address);
    else possible.set(each.address, each);
  }
  return { possible, foreign, refused, unfit, wanted: count };
}

function isListable(address: string): boolean {
  const prefix = parsePrefix(address);
  return prefix !== null && prefix.bits >= bits_min[prefix.family];
}
