/** Whom a failure is about: an id, an address, a network, or a name that has to be resolved. */
import { canonical, formatPrefix, parseAddress, parsePrefix, width } from '../address.ts';
import type { Groups, GroupValue } from './failregex.ts';
import { addresses_per_name_max } from './limits.ts';

/** fail2ban's option: resolve names (`yes`, `warn`), ignore them (`no`), or take every id as a text (`raw`). */
export type UseDns = 'yes' | 'warn' | 'no' | 'raw';

export type FailureId =
  | { readonly kind: 'id'; readonly id: string; readonly ip: string | null }
  | { readonly kind: 'name'; readonly name: string }
  /** The session's id is not known yet. */
  | { readonly kind: 'none' };

/** fail2ban's order: what `<F-ID>` caught, then the addresses, then a name. */
export function failureId(groups: Groups, usedns: UseDns): FailureId {
  const fid = groups['fid'] ?? null;
  const raw = usedns === 'raw';
  const ip = addressGroup(groups);
  if (ip !== null) {
    const address = addressOf(ip, groups['cidr'] ?? null);
    const id = fid === null || fid === ip ? (address ?? ip) : idOf(fid, raw);
    return { kind: 'id', id, ip: address };
  }
  const dns = groups['dns'] ?? null;
  if (typeof dns === 'string' && !raw) return { kind: 'name', name: dns };
  const id = fid ?? dns;
  if (id === null) return { kind: 'none' };
  return { kind: 'id', id: idOf(id, raw), ip: raw || typeof id !== 'string' ? null : addressOf(id, null) };
}

function addressGroup(groups: Groups): string | null {
  for (const value of [groups['ip4'], groups['ip6']]) if (typeof value === 'string') return value;
  return null;
}

/** An id that reads as an address is known by the address's one spelling, unless it is raw. */
function idOf(value: NonNullable<GroupValue>, raw: boolean): string {
  if (typeof value !== 'string') return textOfValue(value);
  return raw ? value : (addressOf(value, null) ?? value);
}

/** The canonical address or network, null where the text is none. A prefix length wider than the family is ignored. */
function addressOf(text: string, cidr: GroupValue): string | null {
  if (typeof cidr !== 'string' && isPlainIPv4(text)) return text;
  if (hasOctalLook(text)) return null;
  if (typeof cidr !== 'string') return canonical(text);
  const address = parseAddress(text);
  if (address === null) return null;
  const bits = Math.min(Number(cidr), width(address.family));
  const network = parsePrefix(`${formatPrefix(address)}/${bits}`);
  return network === null ? null : formatPrefix(network);
}

/** Most addresses are in their one spelling as they stand. */
function isPlainIPv4(text: string): boolean {
  let octets = 0;
  let octet = -1;
  for (let at = 0; at <= text.length; at += 1) {
    const digit = at === text.length ? -2 : text.charCodeAt(at) - 48;
    if (digit === -2) {
      if (octet < 0) return false;
      octets += 1;
      octet = -1;
    } else if (digit < 0 || digit > 9 || octet === 0) return false;
    else octet = octet < 0 ? digit : 10 * octet + digit;
    if (octet > 255) return false;
  }
  return octets === 4;
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

/** A group's value as a text: a tuple as Python prints it. */
export function textOfValue(value: NonNullable<GroupValue>): string {
  if (typeof value === 'string') return value;
  return `(${value.map((part) => (part === null ? 'None' : pythonQuoted(part))).join(', ')})`;
}

function pythonQuoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}
