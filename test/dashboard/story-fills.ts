/** The story of an address, for the page: unknown, short, and with all that an attacker can write into a log. */
import type { Story } from '../../shared/story.ts';
import type { AddressStory } from '../../shared/view.ts';
import { actsOf, at, type Fill, hostile, hosts, jails, now, type Serves } from './fills.ts';

const lines = [
  'Nov 18 11:06:31 web1 sshd[812]: Failed password for invalid user admin from 203.0.113.7 port 50022 ssh2',
  `Nov 18 11:06:35 web1 sshd[812]: Failed password for invalid user ${hostile.html} from 203.0.113.7 port 50022 ssh2`,
  `Nov 18 11:06:40 web1 sshd[812]: Failed password for invalid user ${hostile.arabic} from 203.0.113.7 port 50022 ssh2`,
  `Nov 18 11:06:44 web1 sshd[812]: Failed password for invalid user ${hostile.turned}${'x'.repeat(400)} from 203.0.113.7 port 50022 ssh2`,
];

function hostStory(fill: Fill, id: string): Story {
  const jailOf = (jail: string) => ({
    ...{
      jail,
      leftOut: false,
      maxretry: 5,
      findtime: 600,
      bantime: 3_600,
      spared: null,
      counter: null,
      past: { count: 3, at: now - 100 },
    },
    lines: lines.slice(0, fill === 'much' ? 4 : 1).map((line, n) => {
      const from = line.indexOf('203.0.113.7');
      return {
        line,
        time: now - 110 + n,
        regex: { index: 2, text: '^Failed \\w+ for .* from <HOST>' },
        marks: [[from, from + 11] as [number, number]],
        count: n + 1,
      };
    }),
    ban: { at: now - 100, until: now + 3_500, bantime: 3_600, count: 3, failures: 5 },
    actions: [
      { action: 'nftables', state: 'blocked' as const },
      ...(fill === 'much' ? [{ action: 'mail', state: 'failed' as const }] : []),
    ],
    history: [],
  });
  const known = fill === 'none' ? [] : jails[fill].slice(0, fill === 'much' ? 4 : 1);
  return {
    id,
    now,
    guard: null,
    jails: known.map(jailOf),
    strangers: ['dovecot', 'apache-auth'],
    holders: [],
    edge: null,
    edgeTrouble: null,
  };
}

export function storyOf(fill: Fill, serves: Serves, address: string): AddressStory {
  const held = jails[fill].flatMap((jail, n) => [
    {
      address: n % 3 === 2 ? '2001:db8:1::/48' : address,
      host: at(hosts[fill], n, 'web1'),
      jail,
      leftOut: false,
      at: now - 100 - n * 7_000,
      until: n % 4 === 1 ? null : now + 3_500 - n * 3_000,
      state: at(['held', 'ended', 'lifted'] as const, n, 'held'),
    },
  ]);
  const banned = fill === 'none' ? null : { action: 'block' as const, until: now + 3_500 };
  const items = [
    {
      where: 'list edgeban',
      said: `item 2c0fc9fa937b11eaa1b71c4d701ab86e: edgeban sshd@${hostile.long}`.slice(0, 400),
    },
  ];
  const rules = [
    {
      where: 'zone fedcba9876543210fedcba9876543210',
      said: 'block, rule 2f2feab2026849078ba485f918791bdc',
      inForce: fill !== 'much',
    },
  ];
  const edge = {
    ...{
      address,
      mode: 'list',
      ledger: banned === null ? null : { address, ...banned, holders: [] },
      kv: { revision: 7, written_at: now - 61, ban: banned },
    },
    cloudflare: { asked: true, found: banned === null ? [] : items, rules, error: null },
  };
  return {
    ...{
      address,
      now,
      guard:
        fill === 'none'
          ? { code: 'ERR_GUARD_CLOUDFLARE', message: `${address} is one of Cloudflare's own addresses` }
          : null,
    },
    ...{
      held,
      edge: serves === 'fleet' ? edge : null,
      edge_trouble: null,
      host: serves === 'host' ? hostStory(fill, address) : null,
    },
    acts: actsOf(fill).slice(0, 8),
  };
}
