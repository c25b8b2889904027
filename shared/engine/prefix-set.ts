/** A set of addresses and networks that tells in logarithmic time whether a given one has an address in common with it. */
import { type Family, isSingle, lastOf, type Prefix } from '../address.ts';

/** Of IPv4 in plain numbers: each failure is looked up in several sets, and those are compared many times faster. */
interface Range<T> {
  readonly first: bigint | number;
  readonly last: bigint | number;
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
    if (ranges.length === 0) return undefined;
    const first = comparable(prefix.family, prefix.first);
    const last = isSingle(prefix) ? first : comparable(prefix.family, lastOf(prefix));
    const range = ranges[lowestEndingAtOrAfter(ranges, first)];
    return range !== undefined && range.first <= last ? range.entry : undefined;
  }
}

/** The ranges of one family in order, without those inside another: two prefixes either nest or are apart. */
function apart<T>(entries: readonly (readonly [Prefix, T])[], family: Family): Range<T>[] {
  const ranges = entries
    .filter(([prefix]) => prefix.family === family)
    .map(([prefix, entry]) => ({
      first: comparable(family, prefix.first),
      last: comparable(family, lastOf(prefix)),
      entry,
    }))
    .sort((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  const kept: Range<T>[] = [];
  for (const range of ranges) {
    const before = kept.at(-1);
    if (before === undefined || before.last < range.first) kept.push(range);
  }
  return kept;
}

function comparable(family: Family, address: bigint): bigint | number {
  return family === 4 ? Number(address) : address;
}

function compare(a: bigint | number, b: bigint | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lowestEndingAtOrAfter<T>(ranges: readonly Range<T>[], address: bigint | number): number {
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
