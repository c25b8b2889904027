/** The bans in force as the dashboard looks at them: filtered, sorted, page by page; and how they are spread. */
import { formatPrefix, overlaps, type Prefix, parsePrefix, widened } from './address.ts';
import { type EdgeState, edgeStateOf } from './store/edge-state.ts';
import { laterOf, type UnixTime, type Until } from './time.ts';
import { type BanRow, type BanRows, type BansQuery, type Summary, type Top, viewLimits } from './view.ts';

/** One who holds an address banned. */
export interface BanEntry extends EdgeState {
  readonly host: string;
  readonly jail: string;
  readonly at: UnixTime;
}

/** Who is banned; `version` changes with it. */
export interface BanRoll {
  readonly version: number;
  /** By address, and what tells its holders apart. */
  all(): Iterable<readonly [string, ReadonlyMap<string, BanEntry>]>;
}

/** One banned address with what lists are sorted by. */
interface Banned {
  readonly address: string;
  readonly holders: ReadonlyMap<string, BanEntry>;
  readonly at: UnixTime;
  readonly until: Until;
  /** Found out when first needed: with 100,000 bans that takes a while. */
  prefix: Prefix | null;
}

type Names = (host: string) => string;

/** Over a roll that has followed; what is worked out is kept until the roll changes. */
export class Overview {
  readonly #roll: BanRoll;
  #version = -1;
  #all: readonly Banned[] = [];
  #sorted = new Map<string, readonly Banned[]>();
  #top: Top | null = null;

  constructor(roll: BanRoll) {
    this.#roll = roll;
  }

  bans(query: BansQuery, nameOf: Names): Omit<BanRows, 'revision'> {
    this.#refresh();
    const found = this.#inOrder(query.sort).filter(filterOf(query));
    const rows = found.slice(query.offset, query.offset + query.limit).map((banned) => rowOf(banned, nameOf));
    return { offset: query.offset, total: found.length, rows };
  }

  /** How many of them each jail and each host holds. */
  shares(nameOf: Names): Pick<Summary, 'banned' | 'families' | 'jails'> & { readonly hosts: Summary['jails'] } {
    this.#refresh();
    const [jails, hosts] = [new Map<string, number>(), new Map<string, number>()];
    let v6 = 0;
    for (const { address, holders } of this.#all) {
      if (address.includes(':')) v6 += 1;
      for (const jail of new Set(valuesOf(holders, 'jail'))) jails.set(jail, (jails.get(jail) ?? 0) + 1);
      for (const host of new Set(valuesOf(holders, 'host'))) hosts.set(host, (hosts.get(host) ?? 0) + 1);
    }
    const banned = this.#all.length;
    const shared = { jails: sharesOf(jails, (key) => key), hosts: sharesOf(hosts, nameOf) };
    return { banned, families: { v4: banned - v6, v6 }, ...shared };
  }

  top(): Top {
    this.#refresh();
    this.#top ??= { networks: topNetworks(this.#all), addresses: topAddresses(this.#all) };
    return this.#top;
  }

  #refresh(): void {
    if (this.#version === this.#roll.version) return;
    this.#version = this.#roll.version;
    this.#all = [...this.#roll.all()].map(([address, holders]) => bannedOf(address, holders));
    this.#sorted = new Map();
    this.#top = null;
  }

  #inOrder(sort: BansQuery['sort']): readonly Banned[] {
    const known = this.#sorted.get(sort) ?? this.#all.toSorted(orders[sort]);
    this.#sorted.set(sort, known);
    return known;
  }
}

function bannedOf(address: string, holders: ReadonlyMap<string, BanEntry>): Banned {
  const entries = [...holders.values()];
  const at = entries.reduce((newest, entry) => Math.max(newest, entry.at), 0);
  const until = entries.map((entry) => entry.until).reduce(laterOf, 0);
  return { address, holders, at, until, prefix: null };
}

function prefixOf(banned: Banned): Prefix | null {
  banned.prefix ??= parsePrefix(banned.address);
  return banned.prefix;
}

const endOf = ({ until }: Banned) => until ?? Number.POSITIVE_INFINITY;

/** Where two are alike, the address decides: a page that is asked for again has the same rows. */
const orders: Record<BansQuery['sort'], (one: Banned, other: Banned) => number> = {
  newest: (one, other) => other.at - one.at || byText(one, other),
  oldest: (one, other) => one.at - other.at || byText(one, other),
  ending: (one, other) => (endOf(one) === endOf(other) ? byText(one, other) : endOf(one) - endOf(other)),
  address: byAddress,
};

function byText(one: Banned, other: Banned): number {
  return one.address < other.address ? -1 : 1;
}

function byAddress(one: Banned, other: Banned): number {
  const [a, b] = [prefixOf(one), prefixOf(other)];
  if (a === null || b === null || a.family !== b.family) return (a?.family ?? 0) - (b?.family ?? 0);
  return a.first === b.first ? a.bits - b.bits : a.first < b.first ? -1 : 1;
}

function filterOf({ q, jail, host, family }: BansQuery): (banned: Banned) => boolean {
  const isFound = searchOf(q.trim().toLowerCase());
  return (banned) =>
    (family === '' || banned.address.includes(':') === (family === '6')) &&
    (jail === '' || valuesOf(banned.holders, 'jail').includes(jail)) &&
    (host === '' || valuesOf(banned.holders, 'host').includes(host)) &&
    isFound(banned);
}

/** An address or network finds what it has an address in common with; other text finds what contains it. */
function searchOf(q: string): (banned: Banned) => boolean {
  if (q === '') return () => true;
  const asked = parsePrefix(q);
  if (asked === null) return ({ address }) => address.includes(q);
  return (banned) => {
    const prefix = prefixOf(banned);
    return prefix !== null && overlaps(asked, prefix);
  };
}

function valuesOf(holders: ReadonlyMap<string, BanEntry>, name: 'jail' | 'host'): string[] {
  return [...holders.values()].map((entry) => entry[name]);
}

function rowOf({ address, holders, at, until }: Banned, nameOf: Names): BanRow {
  const distinct = (values: readonly string[]) => [...new Set(values)].toSorted().slice(0, viewLimits.names_max);
  return {
    address,
    at,
    until,
    action: edgeStateOf([...holders.values()])?.edge ?? 'off',
    holders: holders.size,
    jails: distinct(valuesOf(holders, 'jail')),
    hosts: distinct(valuesOf(holders, 'host').map(nameOf)),
  };
}

function sharesOf(counts: ReadonlyMap<string, number>, nameOf: Names): Summary['jails'] {
  const shares = [...counts].map(([key, bans]) => ({ key, name: nameOf(key), bans }));
  return shares.toSorted((one, other) => other.bans - one.bans).slice(0, viewLimits.shares_max);
}

/** Only those in which there are several: one address is no network. */
function topNetworks(all: readonly Banned[]): Top['networks'] {
  const counts = new Map<string, number>();
  for (const banned of all) {
    const network = networkOf(banned);
    if (network !== null) counts.set(network, (counts.get(network) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, bans]) => bans > 1)
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, viewLimits.top_max)
    .map(([network, bans]) => ({ network, bans }));
}

function networkOf(banned: Banned): string | null {
  const { address } = banned;
  if (!address.includes(':'))
    return address.includes('/') ? null : `${address.slice(0, address.lastIndexOf('.'))}.0/24`;
  const prefix = prefixOf(banned);
  return prefix === null || prefix.bits < 48 ? null : formatPrefix(widened(prefix, 48));
}

function topAddresses(all: readonly Banned[]): Top['addresses'] {
  return all
    .filter(({ holders }) => holders.size > 1)
    .toSorted((one, other) => other.holders.size - one.holders.size || other.at - one.at)
    .slice(0, viewLimits.top_max)
    .map(({ address, holders }) => ({
      address,
      holders: holders.size,
      jails: [...new Set(valuesOf(holders, 'jail'))].toSorted().slice(0, viewLimits.names_max),
    }));
}
