/** What is to be appended and removed so that the list holds what is wanted, and what cannot be helped: pure. */
import { parsePrefix } from '../../shared/address.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import type { Action, Wanted } from './contract.ts';
import { listLimits, type NewItem } from './lists.ts';
import { commentFor, endMark, markOf } from './mark.ts';
import type { ItemMemory } from './schema.ts';
import { isSetAside, type SetAside } from './set-aside.ts';

/** Lists take IPv4 from /8 and IPv6 from /12 on. */
const bits_min = { 4: 8, 6: 12 } as const;

export interface Holding {
  readonly items: Iterable<ItemMemory>;
  /** Items in the account's other lists. */
  readonly elsewhere: number;
  readonly instance: string;
  readonly setAside: SetAside;
  /** Is there a list for challenges? */
  readonly challenges: boolean;
}

/** What is to be put into the list of an action. */
export interface Addition {
  readonly action: Action;
  readonly item: NewItem;
}

export interface Difference {
  readonly append: readonly Addition[];
  /** Ours and still wanted, but their comment tells an old end: worth a change only when something is sent anyway. */
  readonly stale: readonly Addition[];
  readonly remove: readonly ItemMemory[];
  readonly leftOut: readonly string[];
  readonly foreign: readonly string[];
  readonly refused: readonly string[];
  readonly unfit: readonly string[];
  /** To be challenged, and there is no list for that. */
  readonly challenged: readonly string[];
  readonly wanted: number;
  /** In each list. */
  readonly ours: Readonly<Record<Action, number>>;
  readonly others: Readonly<Record<Action, number>>;
  /** Items that the account still has room for, before anything is removed. */
  readonly free: number;
}

export function differ(wanted: readonly Wanted[], holding: Holding, now: UnixTime): Difference {
  const { ours, others, extra } = sortItems(holding);
  const sorted = sortWanted(wanted, { ours, others, extra }, holding, now);
  const room = Math.max(0, listLimits.items_max - holding.elsewhere - others.count.block - others.count.challenge);
  const kept = new Map([...sorted.possible].slice(0, room));
  const leftOut = [...sorted.possible.keys()].slice(room);
  const toAddition = (each: Wanted): Addition => {
    const comment = commentFor(holding.instance, each.until, each.comment);
    return { action: each.action, item: { ip: each.address, comment } };
  };
  const mark = markOf(holding.instance);
  const tellsOldEnd = (each: Wanted) =>
    ours.get(placeOf(each))?.comment.concat(' ').startsWith(endMark(mark, each.until)) === false;
  const free = Math.max(0, room - ours.size - extra.length);
  // what goes over to the other list stays until it is there, if there is room
  const isKept = (item: ItemMemory) => {
    const wish = kept.get(item.address);
    return wish !== undefined && (wish.action === item.action || (free > 0 && !ours.has(placeOf(wish))));
  };
  return {
    append: [...kept.values()].filter((each) => !ours.has(placeOf(each))).map(toAddition),
    stale: [...kept.values()].filter(tellsOldEnd).map(toAddition),
    remove: [...extra, ...[...ours.values()].filter((item) => !isKept(item))],
    leftOut,
    foreign: sorted.foreign,
    refused: sorted.refused,
    unfit: sorted.unfit,
    challenged: sorted.challenged,
    wanted: sorted.wanted,
    ours: countByAction([...ours.values(), ...extra]),
    others: others.count,
    free,
  };
}

/** An address may stand in both lists. */
function placeOf({ action, address }: { readonly action: Action; readonly address: string }): string {
  return `${action} ${address}`;
}

function countByAction(items: readonly ItemMemory[]): Record<Action, number> {
  const challenge = items.filter(({ action }) => action === 'challenge').length;
  return { block: items.length - challenge, challenge };
}

/** By place. */
interface SortedItems {
  readonly ours: ReadonlyMap<string, ItemMemory>;
  readonly others: { readonly places: ReadonlySet<string>; readonly count: Readonly<Record<Action, number>> };
  /** Ours, but a second one in a place, or one that a foreign item covers too. */
  readonly extra: readonly ItemMemory[];
}

function sortItems(holding: Holding): SortedItems {
  const mark = markOf(holding.instance);
  const all = [...holding.items];
  const foreign = all.filter((item) => !item.comment.startsWith(mark));
  const places = new Set(foreign.map(placeOf));
  const ours = new Map<string, ItemMemory>();
  const extra: ItemMemory[] = [];
  for (const item of all) {
    if (!item.comment.startsWith(mark)) continue;
    const place = placeOf(item);
    if (ours.has(place) || places.has(place)) extra.push(item);
    else ours.set(place, item);
  }
  return { ours, others: { places, count: countByAction(foreign) }, extra };
}

function sortWanted(wanted: readonly Wanted[], items: SortedItems, holding: Holding, now: UnixTime) {
  const possible = new Map<string, Wanted>();
  const foreign: string[] = [];
  const refused: string[] = [];
  const unfit: string[] = [];
  const challenged: string[] = [];
  let count = 0;
  for (const each of wanted) {
    if (isOver(each.until, now)) continue;
    if (each.action === 'challenge' && !holding.challenges) {
      challenged.push(each.address);
      continue;
    }
    count += 1;
    const place = placeOf(each);
    if (items.others.places.has(place)) foreign.push(each.address);
    // what is in the list is known to be taken
    else if (items.ours.has(place)) possible.set(each.address, each);
    else if (!isListable(each.address)) unfit.push(each.address);
    else if (isSetAside(holding.setAside, each.address, now)) refused.push(each.address);
    else possible.set(each.address, each);
  }
  return { possible, foreign, refused, unfit, challenged, wanted: count };
}

function isListable(address: string): boolean {
  const prefix = parsePrefix(address);
  return prefix !== null && prefix.bits >= bits_min[prefix.family];
}
