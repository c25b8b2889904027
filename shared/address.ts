/** Addresses and networks of both families: reading, writing, comparing. */

export type Family = 4 | 6;

/** An address (`bits` is the whole width) or a network; `first` is its lowest address as an unsigned number. */
export interface Prefix {
  readonly family: Family;
  readonly bits: number;
  readonly first: bigint;
}

const widths = { 4: 32, 6: 128 } as const;

export function width(family: Family): 32 | 128 {
  return widths[family];
}

/**
 * Reads `1.2.3.4`, `2001:db8::1`, `[2001:db8::1]`, either with `/bits`, and IPv4 with `/255.255.0.0`.
 * Host bits are cleared; an IPv4-mapped IPv6 address becomes the IPv4 one. Null for anything else.
 */
export function parsePrefix(text: string): Prefix | null {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const v4 = parseIPv4(address);
  if (v4 !== null) return withBits(4, v4, slash < 0 ? 32 : maskBits4(text.slice(slash + 1)));
  const v6 = parseIPv6(address);
  if (v6 === null) return null;
  const bits = slash < 0 ? 128 : decimal(text.slice(slash + 1), 128);
  if (v6 >> 32n === 0xffffn) return withBits(4, v6 & 0xffffffffn, bits === null || bits < 96 ? null : bits - 96);
  return withBits(6, v6, bits);
}

/** A single address only; null where parsePrefix says null or a network. */
export function parseAddress(text: string): Prefix | null {
  if (text.includes('/')) return null;
  return parsePrefix(text);
}

/** The one spelling by which an address or network is known everywhere (RFC 5952; no `/32`, `/128`). */
export function formatPrefix(prefix: Prefix): string {
  const address = prefix.family === 4 ? formatIPv4(prefix.first) : formatIPv6(prefix.first);
  return isSingle(prefix) ? address : `${address}/${prefix.bits}`;
}

/** parsePrefix and formatPrefix in one: null if `text` is no address. */
export function canonical(text: string): string | null {
  const prefix = parsePrefix(text);
  return prefix === null ? null : formatPrefix(prefix);
}

export function isSingle(prefix: Prefix): boolean {
  return prefix.bits === widths[prefix.family];
}

/** The highest address of the network. */
export function lastOf(prefix: Prefix): bigint {
  if (isSingle(prefix)) return prefix.first;
  return prefix.first | ((1n << BigInt(widths[prefix.family] - prefix.bits)) - 1n);
}

/** The prefix of `bits` around an IPv6 prefix; others, and what is as wide already, stay as they are. */
export function widened(prefix: Prefix, bits: number): Prefix {
  return prefix.family === 6 && prefix.bits > bits
    ? { ...prefix, bits, first: cleared(6, prefix.first, bits) }
    : prefix;
}

/**
 * The IPv6 forms that carry an IPv4 address: 6to4 (RFC 3056), NAT64 (RFC 6052) and its local prefix (RFC 8215, with the
 * address at the end), IPv4-translated (RFC 2765). IPv4-mapped ones are IPv4 already when they have been read.
 */
const carriers = [
  { first: 0x2002n << 112n, bits: 16 },
  { first: 0x64_ff9bn << 96n, bits: 96 },
  { first: 0x64_ff9b_0001n << 80n, bits: 96 },
  { first: 0xffff_0000n << 32n, bits: 96 },
] as const;

/** The IPv4 address or network that an IPv6 one stands for, in any of its forms; null if it stands for none. */
export function carried(prefix: Prefix): Prefix | null {
  if (prefix.family === 4) return null;
  for (const { first, bits } of carriers) {
    if (!overlaps({ family: 6, bits, first }, prefix)) continue;
    if (prefix.bits <= bits) return { family: 4, bits: 0, first: 0n };
    const inside = (prefix.first >> BigInt(128 - bits - 32)) & 0xffffffffn;
    return withBits(4, inside, Math.min(32, prefix.bits - bits));
  }
  return null;
}

/** Is every address of `inner` in `outer`? */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return outer.family === inner.family && outer.first <= inner.first && lastOf(inner) <= lastOf(outer);
}

/** Have the two an address in common? (Two prefixes either nest or are apart.) */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

function withBits(family: Family, address: bigint, bits: number | null): Prefix | null {
  if (bits === null) return null;
  return { family, bits, first: cleared(family, address, bits) };
}

/** Without its host bits. */
function cleared(family: Family, address: bigint, bits: number): bigint {
  if (bits === widths[family]) return address;
  const shift = BigInt(widths[family] - bits);
  return (address >> shift) << shift;
}

/** Without leading zeros: some programs would read those as octal. */
function decimal(text: string, max: number): number | null {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return null;
  const value = Number(text);
  return value <= max ? value : null;
}

/** `24` or `255.255.255.0`: fail2ban takes both. */
function maskBits4(text: string): number | null {
  const mask = parseIPv4(text);
  if (mask === null) return decimal(text, 32);
  const host = mask ^ 0xffffffffn;
  return (host & (host + 1n)) === 0n ? 32 - host.toString(2).replace(/^0$/, '').length : null;
}

function parseIPv4(text: string): bigint | null {
  const value = numberOfIPv4(text);
  return value === null ? null : BigInt(value);
}

/** The one spelling of IPv4. */
export function isIPv4(text: string): boolean {
  return numberOfIPv4(text) !== null;
}

/** By character, for there are many: `1.2.3.4` without leading zeros, which some programs would read as octal. */
function numberOfIPv4(text: string): number | null {
  if (text.length < 7 || text.length > 15) return null;
  let value = 0;
  let byte = -1;
  let dots = 0;
  for (let i = 0; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - 48;
    if (digit === -2) {
      if (byte < 0) return null;
      value = value * 256 + byte;
      byte = -1;
      dots += 1;
    } else {
      if (digit < 0 || digit > 9 || byte === 0) return null;
      byte = byte < 0 ? digit : byte * 10 + digit;
      if (byte > 255) return null;
    }
  }
  return dots === 3 && byte >= 0 ? value * 256 + byte : null;
}

function parseIPv6(text: string): bigint | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (bare.length > 45 || !bare.includes(':')) return null;
  const halves = bare.split('::');
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0] ?? '', halves.length === 1);
  const tail = groupsOf(halves[1] ?? '', true);
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  return [...head, ...Array<number>(missing).fill(0), ...tail].reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

/** The 16-bit groups of one side of `::`; the last one may be a dotted IPv4 address where `dotted` allows it. */
function groupsOf(text: string, dotted: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = dotted && index === parts.length - 1 ? parseIPv4(part) : null;
    if (v4 !== null) groups.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

function formatIPv4(address: bigint): string {
  const number = Number(address);
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

function formatIPv6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((address >> BigInt(112 - 16 * i)) & 0xffffn));
  const zeros = longestZeros(groups);
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}
