/** The answers of a server to each view of the page, by how much there is. */
import {
  Acts,
  AddressStory,
  AllowedRows,
  type BanRow,
  BanRows,
  Enforcement,
  Hosts,
  Series,
  Summary,
  Top,
} from '../../shared/view.ts';
import { actsOf, addressOf, at, bans, day, type Fill, hostile, hosts, hour, jails, now, type Serves } from './fills.ts';
import { storyOf } from './story-fills.ts';

function rowOf(fill: Fill, serves: Serves, n: number): BanRow {
  const its = jails[fill].slice(0, fill === 'much' ? (n % 6) + 1 : 1);
  const names = hosts[fill].slice(0, fill === 'much' ? (n % 4) + 1 : 1);
  return {
    address: addressOf(n),
    action: n % 7 === 3 ? 'challenge' : 'block',
    at: now - n * 11,
    holders: its.length,
    ...{
      until: n % 9 === 5 ? null : now + 600 + ((n * 7_919) % (30 * day)),
      jails: its,
      hosts: serves === 'fleet' ? names : null,
    },
  };
}

function seriesOf(fill: Fill, hours: number, by: string): Series {
  const names = (by === 'host' ? hosts : jails)[fill].slice(0, 12);
  const step = hours > 200 ? day : hour;
  const steps = Math.ceil((hours * hour) / step);
  const wave = (key: number, n: number) =>
    Math.max(0, Math.round(((fill === 'much' ? 900 : 4) * (Math.sin(n / 3 + key) + 0.7)) / (key + 1)));
  return {
    from: now - steps * step,
    step,
    keys: [...names],
    counts: names.map((_, key) => Array.from({ length: steps }, (_step, n) => wave(key, n))),
  };
}

const shares = (names: readonly string[], total: number) =>
  names.map((name, n) => ({ key: name, name, bans: Math.floor(total / (n + 2)) }));

function summaryOf(fill: Fill, serves: Serves): Summary {
  const banned = bans[fill];
  const troubles = [
    { level: 'error' as const, text: `All enforcement at the edge is lifted: nobody is refused there` },
    { level: 'error' as const, text: `Cloudflare refuses the API token (ERR_CLOUDFLARE_AUTH): ${hostile.html}` },
    { level: 'warning' as const, text: `${hostile.long} has not been heard of for 3 d 4 h` },
  ];
  const isGrave = fill === 'much' && serves === 'fleet';
  return {
    now,
    revision: '1',
    banned,
    families: { v4: Math.ceil(banned * 0.6), v6: Math.floor(banned * 0.4) },
    last_hour: Math.floor(banned / 40),
    last_day: Math.floor(banned / 2),
    jails: shares(jails[fill], banned),
    hosts: serves === 'host' ? null : shares(hosts[fill], banned),
    panic: isGrave ? { since: now - 4_000, by: 'operator anna', reason: hostile.arabic } : null,
    brake: isGrave ? { since: now - 300, by: 'the ledger' } : null,
    troubles: isGrave ? troubles : [],
  };
}

function topOf(fill: Fill): Top {
  const many = fill === 'much' ? 20 : fill === 'little' ? 1 : 0;
  return {
    networks: Array.from({ length: many }, (_, n) => ({
      network: addressOf(4 * n + (n % 2 === 0 ? 2 : 3)),
      bans: 256 - n * 9,
    })),
    addresses: Array.from({ length: many }, (_, n) => ({
      address: addressOf(4 * n + (n % 2)),
      holders: 40 - n,
      jails: [...jails[fill]].slice(0, 6),
    })),
  };
}

function hostsOf(fill: Fill): Hosts {
  const named = hosts[fill].map((name, n) => ({
    ...{
      id: `0000-${n}`,
      name,
      enrolled_at: now - 90 * day,
      seen_at: now - (n % 5 === 3 ? 9_000 : 4),
      live: n % 5 < 3,
    },
    revoked_at: fill === 'much' && n % 11 === 10 ? now - day : null,
    share: { held: n * 113, held_max: 5_000, bans_left: 1_999 - n },
    ...{
      version: n % 4 === 1 ? '0.0.9' : '0.1.0',
      lag: n % 3 === 0 ? 0.2 : n % 3 === 1 ? 75 : null,
      behind: n % 5 === 3 ? null : n * n,
      bans: n * 97,
    },
  }));
  return { hosts: named };
}

function enforcementOf(fill: Fill): Enforcement {
  const isMuch = fill === 'much';
  const fault = {
    code: 'ERR_CLOUDFLARE_UNAVAILABLE',
    message: `Cloudflare answered 502: ${hostile.html}`,
    since: now - 900,
  };
  const zones = Array.from({ length: isMuch ? 12 : 1 }, (_, n) => ({
    ...{
      zone: `${n}edcba9876543210fedcba9876543210`.slice(0, 32),
      action: 'block' as const,
      there: n !== 4,
      enabled: n % 5 !== 3,
      first: n % 4 !== 1,
    },
    error: n === 4 ? fault : null,
  }));
  const budget = (name: string, left: number, max: number) => ({ name, left, max, refill_per_hour: max * 12 });
  return {
    ...{
      mode: fill === 'none' ? 'none' : 'list',
      current: !isMuch,
      reconciled_at: fill === 'none' ? null : now - 130,
      wait_until: isMuch ? now + 90 : null,
    },
    lists:
      fill === 'none' ? [] : [{ name: 'edgeban', action: 'block', ours: isMuch ? 9_876 : 3, foreign: 1, max: 10_000 }],
    operation: isMuch ? { kind: 'append', items: 1_000, since: now - 12 } : null,
    drift:
      fill === 'none'
        ? null
        : {
            missing: isMuch ? 90_123 : 0,
            surplus: isMuch ? 12 : 0,
            left_out: isMuch ? 90_000 : 0,
            refused: isMuch ? 3 : 0,
          },
    ...{
      error: isMuch ? fault : null,
      rules: fill === 'none' ? [] : zones,
      former: isMuch ? ['list old_list: 812 items are left'] : [],
    },
    snapshot: {
      current: !isMuch,
      written_at: fill === 'none' ? null : now - 61,
      error: isMuch ? 'KV answered 429' : null,
    },
    budgets: [
      budget('calls', isMuch ? 9 : 300, 300),
      budget('operations', 120, 300),
      budget('KV writes', isMuch ? 3 : 990, 1_000),
    ],
  };
}

function allowedOf(fill: Fill): AllowedRows {
  const rows = Array.from({ length: fill === 'much' ? 24 : fill === 'little' ? 2 : 0 }, (_, n) => ({
    address: addressOf(n),
    note: at(['the office', hostile.html, hostile.arabic, hostile.long], n, ''),
    ...(n % 2 === 0 ? { at: now - n * hour, source: 'ledger' as const } : { at: null, source: 'settings' as const }),
  }));
  return { allowed: rows };
}

/** The answer to a path below /v1/view/; as the server's own shapes have it. */
export function viewOf(fill: Fill, serves: Serves, path: string, query: URLSearchParams): unknown {
  const [view, rest = ''] = path.split('/');
  const [offset, limit] = [Number(query.get('offset') ?? 0), Number(query.get('limit') ?? 100)];
  const rows = Math.max(0, Math.min(limit, bans[fill] - offset));
  switch (view) {
    case 'summary':
      return Summary.parse(summaryOf(fill, serves));
    case 'series':
      return Series.parse(seriesOf(fill, Number(query.get('hours')), query.get('by') ?? 'jail'));
    case 'top':
      return Top.parse(topOf(fill));
    case 'bans':
      return BanRows.parse({
        revision: '1',
        offset,
        total: bans[fill],
        rows: Array.from({ length: rows }, (_, n) => rowOf(fill, serves, offset + n)),
      });
    case 'story':
      return AddressStory.parse(storyOf(fill, serves, decodeURIComponent(rest)));
    case 'hosts':
      return Hosts.parse(hostsOf(fill));
    case 'enforcement':
      return Enforcement.parse(enforcementOf(fill));
    case 'allowed':
      return AllowedRows.parse(allowedOf(fill));
    case 'acts':
      return Acts.parse({ acts: actsOf(fill), next: fill === 'much' ? 51 : null });
    default:
      throw new Error(`no view ${path}`);
  }
}
