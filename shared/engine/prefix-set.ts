/** A set of addresses and networks that tells in logarithmic time whether a given one has an address in common with it. */
import { type Family, lastOf, type Prefix } from '../address.ts';

interface Range<T> {
  readonly first: bigint;
  readonly last: bigint;
  readonly entry: T;
}

/** `entry` is what is to be answered for a hit. Of entries that nest, the widest answers. */
export class PrefixSet<T> {
  readonly #ranges: Record<Family, Range<T>[]>;

  constructor(entries: Iterable<readonly [Prefix, T]>) {
    const all = [...entries];
    this.#ranges = { 4: apart(all, 4), 6: apart(all, 6) };
  }

  /** The entry that has an address in common with `prefix`, lowest first; undefined if none has. */
  overlapping(prefix: Prefix): T | undefined {
    const ranges = this.#ranges[prefix.family];
    const range = ranges[lowestEndingAtOrAfter(ranges, prefix.first)];
    return range !== undefined && range.first <= lastOf(prefix) ? range.entry : undefined;
  }
}

/** The ranges of one family in order, without those inside another: two prefixes either nest or are apart. */
function apart<T>(entries: readonly (readonly [Prefix, T])[], family: Family): Range<T>[] {
  const ranges = entries
    .filter(([prefix]) => prefix.family === family)
    .map(([prefix, entry]) => ({ first: prefix.first, last: lastOf(prefix), entry }))
    .sort((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  const kept: Range<T>[] = [];
  for (const range of ranges) {
    const before = kept.at(-1);
    if (before === undefined || before.last < range.first) kept.push(range);
  }
  return kept;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lowestEndingAtOrAfter<T>(ranges: readonly Range<T>[], address: bigint): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range !== undefined && range.last < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
