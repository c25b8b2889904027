/** Which addresses are never banned, whatever a log line, a host or an operator says. */
import { carried, formatPrefix, type Prefix, parsePrefix } from '../address.ts';
import type { ErrorCode } from '../errors.ts';
import { PrefixSet } from './prefix-set.ts';

/** Why an address is not banned. */
export interface Refusal {
  readonly code: Extract<ErrorCode, `ERR_GUARD_${string}`>;
  readonly message: string;
}

export interface GuardSettings {
  /** The addresses of the host itself. */
  readonly own?: readonly Prefix[];
  /** Addresses of the other hosts that are enrolled. */
  readonly hosts?: readonly Prefix[];
  /** The operator's allow list. */
  readonly allowed?: readonly Prefix[];
  /** Cloudflare's ranges as of today (`GET /ips`), in addition to the ones known here. */
  readonly cloudflare?: readonly Prefix[];
  /** The shortest prefix length that may be banned; 16 and 48 unless told otherwise. */
  readonly prefix4?: number;
  readonly prefix6?: number;
  /** May private addresses be banned? For a host that serves a LAN; never at the edge. */
  readonly private?: boolean;
  /** Whom the host spares at this moment: who is logged in, its way out. */
  readonly spared?: (prefix: Prefix) => Refusal | null;
}

/** Cloudflare's ranges (https://www.cloudflare.com/ips), and 2a06:98c0::/29, from which every Worker fetches. */
export const cloudflareRanges: readonly string[] = [
  ...['173.245.48.0/20', '103.21.244.0/22', '103.22.200.0/22', '103.31.4.0/22', '141.101.64.0/18', '108.162.192.0/18'],
  ...['190.93.240.0/20', '188.114.96.0/20', '197.234.240.0/22', '198.41.128.0/17', '162.158.0.0/15', '104.16.0.0/13'],
  ...['104.24.0.0/14', '172.64.0.0/13', '131.0.72.0/22', '2400:cb00::/32', '2606:4700::/32', '2803:f800::/32'],
  ...['2405:b500::/32', '2405:8100::/32', '2a06:98c0::/29', '2c0f:f248::/32'],
];

/** RFC 1918, shared address space (RFC 6598), link-local, unique local. */
const privateRanges = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'].concat([
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
]);

/**
 * Addresses that no peer has: this network, loopback, protocol assignments, multicast, reserved (Cloudflare's pseudo
 * IPv4 addresses are from 240/4); of IPv6 also the IPv4-compatible and -mapped ones (::/80). The documentation ranges
 * are left out: the tests ban them.
 */
const impossibleRanges = ['0.0.0.0/8', '127.0.0.0/8', '192.0.0.0/24', '224.0.0.0/4', '240.0.0.0/4'].concat([
  '::/80',
  'ff00::/8',
]);

type Named = readonly [Prefix, string];

interface Check {
  readonly code: Refusal['code'];
  readonly whose: string;
  readonly set: PrefixSet<string>;
}

export class Guard {
  readonly #widest: { readonly 4: number; readonly 6: number };
  readonly #own: PrefixSet<string>;
  readonly #spared: NonNullable<GuardSettings['spared']>;
  readonly #checks: readonly Check[];
  /** What any of them guards: most prefixes are in none. */
  readonly #any: PrefixSet<null>;

  constructor(settings: GuardSettings = {}) {
    this.#widest = { 4: settings.prefix4 ?? 16, 6: settings.prefix6 ?? 48 };
    this.#spared = settings.spared ?? (() => null);
    const cloudflare = [...written(cloudflareRanges), ...named(settings.cloudflare ?? [])];
    const reserved = written(settings.private === true ? impossibleRanges : [...impossibleRanges, ...privateRanges]);
    const own = named(settings.own ?? []);
    const hosts = named(settings.hosts ?? []);
    const allowed = named(settings.allowed ?? []);
    this.#own = new PrefixSet(own);
    this.#checks = [
      { code: 'ERR_GUARD_CLOUDFLARE', whose: "Cloudflare's", set: new PrefixSet(cloudflare) },
      { code: 'ERR_GUARD_OWN', whose: 'the host itself,', set: this.#own },
      { code: 'ERR_GUARD_HOST', whose: 'of an enrolled host,', set: new PrefixSet(hosts) },
      { code: 'ERR_GUARD_ALLOWED', whose: 'on the allow list,', set: new PrefixSet(allowed) },
      { code: 'ERR_GUARD_RESERVED', whose: 'private, local or reserved,', set: new PrefixSet(reserved) },
    ];
    const all = [cloudflare, own, hosts, allowed, reserved].flat();
    this.#any = new PrefixSet(all.map(([prefix]) => [prefix, null]));
  }

  /**
   * Null if `prefix` may be banned. A network is refused if it has one address in common with what is guarded, and an
   * IPv6 one also if the IPv4 address that it stands for is (6to4, NAT64).
   */
  check(prefix: Prefix): Refusal | null {
    const widest = this.#widest[prefix.family];
    if (prefix.bits < widest)
      return {
        code: 'ERR_GUARD_WIDE',
        message: `${formatPrefix(prefix)} is wider than /${widest}, the widest to be banned`,
      };
    const inner = carried(prefix);
    return this.#guarded(prefix, prefix) ?? (inner === null ? null : this.#guarded(inner, prefix));
  }

  /** `told`: as which it is refused. */
  #guarded(prefix: Prefix, told: Prefix): Refusal | null {
    const refusal = this.#any.overlapping(prefix) === undefined ? null : this.#always(prefix, told);
    return refusal ?? this.#spared(prefix);
  }

  /** What guards it whoever is logged in. */
  #always(prefix: Prefix, told: Prefix): Refusal | null {
    for (const { code, whose, set } of this.#checks) {
      const range = set.overlapping(prefix);
      if (range !== undefined) return { code, message: `${formatPrefix(told)} is ${whose} ${range}` };
    }
    return null;
  }

  /** Is it an address of the host itself (or a network that has one)? */
  isOwn(prefix: Prefix): boolean {
    return this.#own.overlapping(prefix) !== undefined;
  }
}

function named(prefixes: readonly Prefix[]): Named[] {
  return prefixes.map((prefix) => [prefix, formatPrefix(prefix)]);
}

function written(texts: readonly string[]): Named[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text);
    if (prefix === null) throw new Error(`not a network: ${text}`);
    return [prefix, text];
  });
}
