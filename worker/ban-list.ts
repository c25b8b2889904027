/** The KV snapshot: every effective ban as sorted, disjoint binary ranges, looked up by binary search without parsing. */
import { formatPrefix, lastOf, type Prefix, parsePrefix, width } from '../shared/address.ts';
import { isOver, laterOf, type UnixTime, type Until } from '../shared/time.ts';

/*
 * Big-endian: magic `EBL1`, u32 IPv4 ranges, u32 IPv6 ranges, u32 zero, f64 revision, f64 written at; then per family
 * three columns: first addresses, last addresses (4 or 16 bytes each), ends of bans (u32 seconds, rounded up).
 */
const magic = 0x45424c31;
const header_bytes = 32;
const never = 0xffffffff;
const bytesOf = { 4: 4, 6: 16 } as const;

export interface ListedBan {
  /** Canonical address or CIDR. */
  readonly address: string;
  readonly until: Until;
}

interface BanRange {
  readonly first: bigint;
  readonly last: bigint;
  readonly until: Until;
}

/** `revision` is the ledger's count of changes; 12 bytes for an IPv4 ban, 36 for an IPv6 one. */
export function encodeBanList(bans: readonly ListedBan[], revision: number, writtenAt: UnixTime): Uint8Array {
  const ranges4 = rangesOf(bans, 4);
  const ranges6 = rangesOf(bans, 6);
  const bytes = new Uint8Array(header_bytes + ranges4.length * 12 + ranges6.length * 36);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  view.setUint32(4, ranges4.length);
  view.setUint32(8, ranges6.length);
  view.setFloat64(16, revision);
  view.setFloat64(24, writtenAt);
  writeColumns(view, header_bytes, ranges4, 4);
  writeColumns(view, header_bytes + ranges4.length * 12, ranges6, 6);
  return bytes;
}

/** A read-only view of an encoded list; null if the bytes are not one. */
export class BanList {
  readonly revision: number;
  readonly writtenAt: UnixTime;
  readonly #view: DataView;
  readonly #count4: number;
  readonly #count6: number;

  private constructor(view: DataView) {
    this.#view = view;
    this.#count4 = view.getUint32(4);
    this.#count6 = view.getUint32(8);
    this.revision = view.getFloat64(16);
    this.writtenAt = view.getFloat64(24);
  }

  static open(bytes: ArrayBuffer): BanList | null {
    if (bytes.byteLength < header_bytes) return null;
    const list = new BanList(new DataView(bytes));
    return list.#view.getUint32(0) === magic && bytes.byteLength === list.#bytes ? list : null;
  }

  get count(): number {
    return this.#count4 + this.#count6;
  }

  /** The end of the ban that covers this address or the whole of this network; undefined if there is none at `now`. */
  lookup(address: Prefix, now: UnixTime): Until | undefined {
    const columns = this.#columns(address.family);
    const index = columns.indexOf(address.first);
    if (index < 0 || columns.last(index) < lastOf(address)) return undefined;
    const until = columns.until(index);
    return isOver(until, now) ? undefined : until;
  }

  /** Up to `count` bans that last beyond `now`, IPv4 first, by address; a network around a longer ban comes in pieces. */
  bans(now: UnixTime, count: number): ListedBan[] {
    return [...this.#bansOf(4, now, count), ...this.#bansOf(6, now, count)].slice(0, count);
  }

  #bansOf(family: 4 | 6, now: UnixTime, count: number): ListedBan[] {
    const columns = this.#columns(family);
    const bans: ListedBan[] = [];
    for (let index = 0; index < columns.count && bans.length < count; index++) {
      const until = columns.until(index);
      if (isOver(until, now)) continue;
      const prefixes = prefixesOf(family, columns.first(index), columns.last(index));
      bans.push(...prefixes.map((prefix) => ({ address: formatPrefix(prefix), until })));
    }
    return bans;
  }

  get #bytes(): number {
    return header_bytes + this.#count4 * 12 + this.#count6 * 36;
  }

  #columns(family: 4 | 6): Columns {
    if (family === 4) return new Columns(this.#view, header_bytes, this.#count4, 4);
    return new Columns(this.#view, header_bytes + this.#count4 * 12, this.#count6, 6);
  }
}

/** The three columns of one family in place. */
class Columns {
  readonly count: number;
  readonly #view: DataView;
  readonly #start: number;
  readonly #family: 4 | 6;

  constructor(view: DataView, start: number, count: number, family: 4 | 6) {
    this.#view = view;
    this.#start = start;
    this.count = count;
    this.#family = family;
  }

  first(index: number): bigint {
    return readAddress(this.#view, this.#start + index * bytesOf[this.#family], this.#family);
  }

  last(index: number): bigint {
    return readAddress(this.#view, this.#start + (this.count + index) * bytesOf[this.#family], this.#family);
  }

  until(index: number): Until {
    const seconds = this.#view.getUint32(this.#start + this.count * 2 * bytesOf[this.#family] + index * 4);
    return seconds === never ? null : seconds;
  }

  /** The last range that starts at or below `address`; -1 if there is none. */
  indexOf(address: bigint): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.first(middle) <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Disjoint ranges in order; where bans nest, each piece has the latest end of those around it. */
function rangesOf(bans: readonly ListedBan[], family: 4 | 6): BanRange[] {
  const ranges: BanRange[] = [];
  const open: BanRange[] = [];
  let at = 0n;
  const emit = (last: bigint, until: Until) => {
    if (at <= last) ranges.push({ first: at, last, until });
    at = last + 1n;
  };
  const closeBelow = (address: bigint | null) => {
    for (let top = open.at(-1); top !== undefined && (address === null || top.last < address); top = open.at(-1)) {
      emit(top.last, top.until);
      open.pop();
    }
  };
  for (const ban of sorted(bans, family)) {
    closeBelow(ban.first);
    const around = open.at(-1);
    if (around !== undefined) {
      if (laterOf(around.until, ban.until) === around.until) continue;
      emit(ban.first - 1n, around.until);
    }
    at = ban.first;
    open.push(ban);
  }
  closeBelow(null);
  return ranges;
}

/** Wider networks before what they hold. */
function sorted(bans: readonly ListedBan[], family: 4 | 6): BanRange[] {
  const ranges: BanRange[] = [];
  for (const { address, until } of bans) {
    const prefix = parsePrefix(address);
    if (prefix?.family === family) ranges.push({ first: prefix.first, last: lastOf(prefix), until });
  }
  return ranges.sort((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function writeColumns(view: DataView, start: number, ranges: readonly BanRange[], family: 4 | 6): void {
  const size = bytesOf[family];
  for (const [index, range] of ranges.entries()) {
    writeAddress(view, start + index * size, range.first, family);
    writeAddress(view, start + (ranges.length + index) * size, range.last, family);
    view.setUint32(start + ranges.length * 2 * size + index * 4, secondsOf(range.until));
  }
}

function secondsOf(until: Until): number {
  return until === null ? never : Math.min(Math.ceil(until), never);
}

function readAddress(view: DataView, offset: number, family: 4 | 6): bigint {
  if (family === 4) return BigInt(view.getUint32(offset));
  return (view.getBigUint64(offset) << 64n) | view.getBigUint64(offset + 8);
}

function writeAddress(view: DataView, offset: number, address: bigint, family: 4 | 6): void {
  if (family === 4) view.setUint32(offset, Number(address));
  else {
    view.setBigUint64(offset, address >> 64n);
    view.setBigUint64(offset + 8, address & 0xffffffffffffffffn);
  }
}

/** The fewest networks that make up a range. */
function prefixesOf(family: 4 | 6, first: bigint, last: bigint): Prefix[] {
  const prefixes: Prefix[] = [];
  for (let at = first; at <= last; ) {
    let bits: number = width(family);
    let size = 1n;
    for (; bits > 0 && at % (size * 2n) === 0n && at + size * 2n - 1n <= last; size *= 2n) bits--;
    prefixes.push({ family, bits, first: at });
    at += size;
  }
  return prefixes;
}
