/** What an id, and the address behind it, stand for in prefixes. */
import { contains, formatPrefix, type Prefix, parsePrefix, widened } from '../address.ts';

/** A failure, a ban, or what becomes one. */
export interface Identified {
  readonly id: string;
  readonly ip: string | null;
}

/** What is banned may be told by the id, by the address behind it, or both: neither may be a guarded one. */
export function prefixesOf({ id, ip }: Identified): Prefix[] {
  const prefixes: Prefix[] = [];
  const first = parsePrefix(id);
  if (first !== null) prefixes.push(first);
  const second = ip === null || ip === id ? null : parsePrefix(ip);
  if (second !== null) prefixes.push(second);
  return prefixes;
}

/** Is the id an address or network inside of `network`? */
export function isInside(network: Prefix, id: string): boolean {
  const prefix = parsePrefix(id);
  return prefix !== null && contains(network, prefix);
}

/** The one whose id is the narrowest network around an address; none if there is no such. */
export function narrowestAround<T extends Identified>(address: Prefix, all: Iterable<T>): T[] {
  let [narrowest, bits]: [T[], number] = [[], -1];
  for (const one of all) {
    const prefix = parsePrefix(one.id);
    if (prefix !== null && prefix.bits > bits && contains(prefix, address)) [narrowest, bits] = [[one], prefix.bits];
  }
  return narrowest;
}

/** With prefixes of `bits` in the places of IPv6 addresses. */
export function widenedIds<T extends Identified>(of: T, bits: number): T {
  return { ...of, id: widenedText(of.id, bits), ip: of.ip === null ? null : widenedText(of.ip, bits) };
}

/** The prefix of `bits` around an IPv6 address; any other text as it is. */
export function widenedText(text: string, bits: number): string {
  const prefix = parsePrefix(text);
  return prefix?.family === 6 ? formatPrefix(widened(prefix, bits)) : text;
}
