/** What the page is shown of: names and events with nothing in them, with little, and with as much and as unkind as hosts, attackers and time can make it. */
import { type Act, type LiveEvent, Session } from '../../shared/view.ts';

export const fills = ['none', 'little', 'much'] as const;
export type Fill = (typeof fills)[number];
export type Serves = Session['serves'];

/** Unix seconds: the clock that pages are given stands here. */
export const now = 1_795_000_000;
export const [hour, day] = [3_600, 86_400];

/** Names that a host may choose, and text that an attacker may write into a log. */
export const hostile = {
  html: '<img src=x onerror=alert(1)><b>bold</b>',
  arabic: 'مرحبا بالعالم',
  turned: '\u202egnp.exe\u2066',
  long: `web-${'a'.repeat(60)}`,
} as const;
export const jails: Record<Fill, readonly string[]> = {
  none: [],
  little: ['sshd', 'nginx-botsearch'],
  much: [
    'sshd',
    'nginx-botsearch',
    hostile.html,
    hostile.arabic,
    hostile.turned,
    hostile.long,
    'postfix-sasl',
    'recidive',
  ],
};
export const hosts: Record<Fill, readonly string[]> = {
  none: [],
  little: ['web1', 'web2'],
  much: [
    'web-fra-1.example.net',
    hostile.html,
    hostile.arabic,
    hostile.long,
    ...Array.from({ length: 12 }, (_, n) => `edge-${n + 1}`),
  ],
};
export const bans: Record<Fill, number> = { none: 0, little: 3, much: 100_000 };
export const at = <T>(list: readonly T[], n: number, other: T): T =>
  list.length === 0 ? other : (list[n % list.length] ?? other);

/** Of any row: IPv4, IPv6 and networks of both. */
export function addressOf(n: number): string {
  const v4 = `${45 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  const forms = [
    `${v4}.7`,
    `2001:db8:${(n % 65_536).toString(16)}:ffff:abcd:1234:5678:9abc`,
    `${v4}.0/24`,
    `2001:db8:${(n % 65_536).toString(16)}::/48`,
  ];
  return forms[n % 4] ?? v4;
}

export const addressOfStory: Record<Fill, string> = {
  none: '198.51.100.9',
  little: '203.0.113.7',
  much: '2001:db8:1:ffff:abcd:1234:5678:9abc',
};

function act(n: number, what: string, about: string, who = 'operator anna'): Act {
  return { n, at: now - n * 7, who, place: n % 3 === 0 ? null : '2001:db8:0:ffff:abcd:1234:5678:9abc', what, about };
}

export function actsOf(fill: Fill): Act[] {
  if (fill === 'none') return [];
  const few = [act(3, 'login', ''), act(2, 'ban', '203.0.113.7 for 86400 s'), act(1, 'panic', 'a trial')];
  if (fill === 'little') return few;
  const who = `operator ${'Maximiliane von Hohenstein-Überlingen'.slice(0, 40)}`;
  return Array.from({ length: 20 }, (_, n) =>
    act(
      n + 1,
      at(['allow', 'lift', 'brake', 'revoked', 'enroll-token'], n, ''),
      at([addressOf(n), hostile.html, hostile.arabic, hostile.long.repeat(4)], n, ''),
      who,
    ),
  );
}

export function sessionOf(fill: Fill, serves: Serves): Session {
  const acts = ['ban', 'unban', 'allow', 'disallow', 'panic', 'resume', 'brake', 'release'] as const;
  return Session.parse({
    ...{
      who: fill === 'much' ? actsOf('much')[0]?.who : 'operator anna',
      expires_at: now + day,
      csrf: 'secret',
      serves,
      version: '0.1.0',
    },
    ...{
      name: fill === 'much' ? `edgeban.${'a'.repeat(50)}.workers.dev` : 'edgeban.example.workers.dev',
      live: 'websocket',
    },
    acts: serves === 'fleet' ? acts : acts.slice(0, 4),
    jails: serves === 'host' ? jails[fill] : null,
  });
}

/** What comes on the line while the page is looked at. */
export function eventsOf(fill: Fill): LiveEvent[] {
  if (fill === 'none') return [];
  const ban = (n: number): LiveEvent => ({
    kind: 'ban',
    at: now - 20 + n,
    address: addressOf(n),
    host: at(hosts[fill], n, ''),
    jail: at(jails[fill], n, ''),
    until: null,
  });
  if (fill === 'little') return [ban(0)];
  const acts = actsOf(fill)
    .slice(0, 2)
    .map((each): LiveEvent => ({ kind: 'act', act: each }));
  return [...Array.from({ length: 6 }, (_, n) => ban(n)), ...acts, { kind: 'more', at: now, changes: 1_234 }];
}
