/** The KV snapshot: what the edge is to refuse, as sorted, disjoint binary ranges, looked up by binary search without parsing. */
import { formatPrefix, lastOf, type Prefix, parsePrefix, width } from '../shared/address.ts';
import type { UnixTime, Until } from '../shared/time.ts';

/*
 * Big-endian: magic `EBL2`, u32 IPv4 ranges, u32 IPv6 ranges, u32 zero, f64 revision, f64 written at; then per family
 * four columns: first addresses, last addresses (4 or 16 bytes each), ends of blocks, ends of challenges (u32 seconds,
 * rounded up; 0: none). A block goes before a challenge, which may outlast it.
 */
const magic = 0x45424c32;
const header_bytes = 32;
const never = 0xffffffff;
const bytesOf = { 4: 4, 6: 16 } as const;
const rowBytesOf = { 4: 2 * bytesOf[4] + 8, 6: 2 * bytesOf[6] + 8 } as const;

/** One action on an address or network; an address may have both, each with its end. */
export interface ListedBan {
  /** Canonical address or CIDR. */
  readonly address: string;
  readonly action: 'block' | 'challenge';
  readonly until: Until;
}

/** What is done to an address now. */
export type Sentence = Omit<ListedBan, 'address'>;

interface BanRange {
  readonly first: bigint;
  readonly last: bigint;
  /** In seconds, as they are written. */
  readonly block: number;
  readonly challenge: number;
}

/** `revision` is the ledger's count of changes; 16 bytes for an IPv4 ban, 40 for an IPv6 one. */
export function encodeBanList(bans: readonly ListedBan[], revision: number, writtenAt: UnixTime): Uint8Array {
  const ranges4 = rangesOf(bans, 4);
  const ranges6 = rangesOf(bans, 6);
  const bytes = new Uint8Array(header_bytes + ranges4.length * rowBytesOf[4] + ranges6.length * rowBytesOf[6]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  view.setUint32(4, ranges4.length);
  view.setUint32(8, ranges6.length);
  view.setFloat64(16, revision);
  view.setFloat64(24, writtenAt);
  writeColumns(view, header_bytes, ranges4, 4);
  writeColumns(view, header_bytes + ranges4.length * rowBytesOf[4], ranges6, 6);
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

  /** What holds at `now` for this address or the whole of this network; null if nothing does. */
  lookup(address: Prefix, now: UnixTime): Sentence | null {
    const columns = this.#columns(address.family);
    const index = columns.indexOf(address.first);
    if (index < 0 || columns.last(index) < lastOf(address)) return null;
    return columns.sentence(index, now);
  }

  /** Up to `count` bans that last beyond `now`, IPv4 first, by address; a network around a longer ban comes in pieces. */
  bans(now: UnixTime, count: number): ListedBan[] {
    return [...this.#bansOf(4, now, count), ...this.#bansOf(6, now, count)].slice(0, count);
  }

  #bansOf(family: 4 | 6, now: UnixTime, count: number): ListedBan[] {
    const columns = this.#columns(family);
    const bans: ListedBan[] = [];
    for (let index = 0; index < columns.count && bans.length < count; index++) {
      const sentence = columns.sentence(index, now);
      if (sentence === null) continue;
      const prefixes = prefixesOf(family, columns.first(index), columns.last(index));
      bans.push(...prefixes.map((prefix) => ({ address: formatPrefix(prefix), ...sentence })));
    }
    return bans;
  }

  get #bytes(): number {
    return header_bytes + this.#count4 * rowBytesOf[4] + this.#count6 * rowBytesOf[6];
  }

  #columns(family: 4 | 6): Columns {
    if (family === 4) return new Columns(this.#view, header_bytes, this.#count4, 4);
    return new Columns(this.#view, header_bytes + this.#count4 * rowBytesOf[4], this.#count6, 6);
  }
}

/** The four columns of one family in place. */
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

  sentence(index: number, now: UnixTime): Sentence | null {
    const block = this.#end(0, index);
    if (block > now) return { action: 'block', until: untilOf(block) };
    const challenge = this.#end(1, index);
    return challenge > now ? { action: 'challenge', until: untilOf(challenge) } : null;
  }

  #end(column: 0 | 1, index: number): number {
    const start = this.#start + this.count * (2 * bytesOf[this.#family] + column * 4);
    return this.#view.getUint32(start + index * 4);
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

/** Disjoint ranges in order; where bans nest, each piece has the latest ends of those around it. */
function rangesOf(bans: readonly ListedBan[], family: 4 | 6): BanRange[] {
  const ranges: BanRange[] = [];
  const open: BanRange[] = [];
  let at = 0n;
  const emit = (last: bigint, { block, challenge }: BanRange) => {
    if (at <= last) ranges.push({ first: at, last, block, challenge });
    at = last + 1n;
  };
  const closeBelow = (address: bigint | null) => {
    for (let top = open.at(-1); top !== undefined && (address === null || top.last < address); top = open.at(-1)) {
      emit(top.last, top);
      open.pop();
    }
  };
  for (const ban of sorted(bans, family)) {
    closeBelow(ban.first);
    const around = open.at(-1);
    if (around !== undefined) {
      if (around.block >= ban.block && around.challenge >= ban.challenge) continue;
      emit(ban.first - 1n, around);
    }
    at = ban.first;
    open.push(around === undefined ? ban : joined(ban, around));
  }
  closeBelow(null);
  return ranges;
}

function joined(ban: BanRange, around: BanRange): BanRange {
  const block = Math.max(ban.block, around.block);
  return { ...ban, block, challenge: Math.max(ban.challenge, around.challenge) };
}

/** Wider networks before what they hold. */
function sorted(bans: readonly ListedBan[], family: 4 | 6): BanRange[] {
  const ranges: BanRange[] = [];
  for (const { address, action, until } of bans) {
    const prefix = parsePrefix(address);
    if (prefix?.family !== family) continue;
    const ends = { block: 0, challenge: 0, [action]: secondsOf(until) };
    ranges.push({ first: prefix.first, last: lastOf(prefix), ...ends });
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
    view.setUint32(start + ranges.length * 2 * size + index * 4, range.block);
    view.setUint32(start + ranges.length * (2 * size + 4) + index * 4, range.challenge);
  }
}

function untilOf(seconds: number): Until {
  return seconds === never ? null : seconds;
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
