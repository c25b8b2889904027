/** Whether the visitor of a request is banned, by the headers that Cloudflare sets. */
import { formatPrefix, parsePrefix } from '../../shared/address.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { BanList, Sentence } from '../ban-list.ts';

/** Who is refused, and for what. */
export interface Refused extends Sentence {
  /** Canonical. */
  readonly address: string;
}

export function refusedBy(list: BanList, headers: Headers, now: UnixTime): Refused | null {
  const prefix = parsePrefix(visitorOf(headers) ?? '');
  const sentence = prefix === null ? null : list.lookup(prefix, now);
  return sentence === null || prefix === null ? null : { ...sentence, address: formatPrefix(prefix) };
}

/** With "Pseudo IPv4" the address of an IPv6 visitor is one of 240.0.0.0/4, and the real one stands beside it. */
function visitorOf(headers: Headers): string | null {
  const address = headers.get('cf-connecting-ip');
  const isPseudo = address !== null && /^2[45]\d\./.test(address);
  return isPseudo ? (headers.get('cf-connecting-ipv6') ?? address) : address;
}
