/** What a ban weighs in its host's share: a network more than an address, or one key could ban the world by networks. */
import { type Prefix, parsePrefix, width } from '../../shared/address.ts';

/**
 * 1 for an address (IPv6: a /64), doubled by every two bits that a network is wider: 16 for a /24 (/56), 256 for a /16
 * (/48), the widest that the guards let through.
 */
export function weightOf(address: string): number {
  if (!address.includes('/')) return 1;
  const prefix = parsePrefix(address);
  return prefix === null ? 1 : 2 ** Math.ceil(widerBy(prefix) / 2);
}

function widerBy({ family, bits }: Prefix): number {
  return family === 4 ? width(family) - bits : Math.max(0, 64 - bits);
}
