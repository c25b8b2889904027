/** Whom a failure is about: an id, an address, a network, or a name that has to be resolved. */
import { canonical, formatPrefix, isIPv4, parseAddress, parsePrefix, width } from '../address.ts';
import { isPlainIPv6 } from '../plain-address.ts';
import { type Caught, type GroupValue, slot, textOfValue } from './groups.ts';
import { addresses_per_name_max } from './limits.ts';

/** fail2ban's option: resolve names (`yes`, `warn`), ignore them (`no`), or take every id as a text (`raw`). */
export type UseDns = 'yes' | 'warn' | 'no' | 'raw';

export type FailureId =
  | { readonly kind: 'id'; readonly id: string; readonly ip: string | null }
  | { readonly kind: 'name'; readonly name: string }
  /** The session's id is not known yet. */
  | { readonly kind: 'none' };

/** fail2ban's order: what `<F-ID>` caught, then the addresses, then a name. */
export function failureId(groups: Caught, usedns: UseDns): FailureId {
  const fid = groups[slot.fid] ?? null;
  const raw = usedns === 'raw';
  const ip = addressGroup(groups);
  if (ip !== null) {
    const address = addressOf(ip, groups[slot.cidr] ?? null);
    const id = fid === null || fid === ip ? (address ?? ip) : idOf(fid, raw);
    return { kind: 'id', id, ip: address };
  }
  const dns = groups[slot.dns] ?? null;
  if (typeof dns === 'string' && !raw) return { kind: 'name', name: dns };
  const id = fid ?? dns;
  if (id === null) return { kind: 'none' };
  return { kind: 'id', id: idOf(id, raw), ip: raw || typeof id !== 'string' ? null : addressOf(id, null) };
}

function addressGroup(groups: Caught): string | null {
  for (const value of [groups[slot.ip4], groups[slot.ip6]]) if (typeof value === 'string') return value;
  return null;
}

/** An id that reads as an address is known by the address's one spelling, unless it is raw. */
function idOf(value: NonNullable<GroupValue>, raw: boolean): string {
  if (typeof value !== 'string') return textOfValue(value);
  return raw ? value : (addressOf(value, null) ?? value);
}

/** The canonical address or network, null where the text is none. A prefix length wider than the family is ignored. */
function addressOf(text: string, cidr: GroupValue): string | null {
  if (typeof cidr !== 'string' && (isIPv4(text) || isPlainIPv6(text))) return text;
  if (hasOctalLook(text)) return null;
  if (typeof cidr !== 'string') return canonical(text);
  const address = parseAddress(text);
  if (address === null) return null;
  const bits = Math.min(Number(cidr), width(address.family));
  const network = parsePrefix(`${formatPrefix(address)}/${bits}`);
  return network === null ? null : formatPrefix(network);
}

/** `010.1.1.1`: the C library refuses leading zeros, and so does fail2ban, which keeps such an id as a text. */
function hasOctalLook(text: string): boolean {
  const dotted = /(?:\d+\.){3}\d+/.exec(text)?.[0];
  return dotted?.split('.').some((octet) => octet.length > 1 && octet.startsWith('0')) ?? false;
}

/** The addresses that a name stands for, in one spelling and without repetition; what is no address is left out. */
export function addressesOf(texts: readonly string[]): string[] {
  const found = texts.flatMap((text) => addressOf(text, null) ?? []);
  return [...new Set(found)].slice(0, addresses_per_name_max);
}

/** A name that is an address after all. */
export function addressInName(name: string): string | null {
  return parseAddress(name) === null ? null : addressOf(name, null);
}
