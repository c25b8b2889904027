/** What the dashboard asks for and gets, of the Worker or of one host's agent: shapes (zod) and limits. Times are in Unix seconds. */
import { z } from 'zod';
import { Story } from './story.ts';
import { edgeActions } from './ticket.ts';
import { EdgeStory } from './wire.ts';

/**
 * Both serve one HTML page at `/` and these paths, which all answer JSON, and problem JSON (wire.ts) where they fail:
 *
 * | path | answer |
 * |---|---|
 * | `POST /v1/session` (SessionRequest), `GET /v1/session` | Session; sets the cookie |
 * | `DELETE /v1/session` | 204; the cookie is worth nothing from then on |
 * | `GET /v1/view/summary` | Summary |
 * | `GET /v1/view/series?hours=24&by=jail` | Series |
 * | `GET /v1/view/top` | Top |
 * | `GET /v1/view/bans?offset=0&limit=100&q=&jail=&host=&family=4&sort=newest` (BansQuery) | BanRows |
 * | `GET /v1/view/story/{address}` | AddressStory |
 * | `GET /v1/view/hosts` | Hosts |
 * | `GET /v1/view/enforcement` | Enforcement |
 * | `GET /v1/view/allowed` | AllowedRows |
 * | `GET /v1/view/acts?before=N&limit=100` | Acts, newest first |
 * | `GET /v1/view/live` | LiveEvent by LiveEvent: messages of a WebSocket, or `data:` of an event stream (Session.live) |
 *
 * A WebSocket is sent the text `ping` every half minute, and answers `pong`; an event stream tells `here` as often.
 *
 * What it does goes by the paths that the operator's program uses, too: `POST /v1/bans` {address, bantime, jail?},
 * `DELETE /v1/bans/{address}`, `POST /v1/allow` {address, note}, `DELETE /v1/allow/{address}`, `POST /v1/panic` {reason},
 * `POST /v1/resume`, `POST` and `DELETE /v1/brake`. Each of these with a cookie must carry the header `edgeban-csrf` with
 * Session.csrf. What one who serves does not have is null, not in Session.acts, or not found (404), and the page leaves it out.
 */
export const viewLimits = {
  /** Rows on a page of bans and of acts. */
  rows_max: 200,
  /** Hours that a series may go back: 35 days. */
  hours_max: 840,
  /** Jails or hosts that a series tells apart; the others are summed up as `other`. */
  keys_max: 12,
  top_max: 20,
  /** Jails and hosts that a row names; it counts all. */
  names_max: 6,
  /** Jails and hosts that the summary tells, the largest first. */
  shares_max: 200,
  /** Events told at once; of the others how many they were. */
  live_events_max: 100,
} as const;

const time = z.number();
const until = time.nullable();
const count = z.number().int().min(0);
const fault = z.object({ code: z.string(), message: z.string(), since: time.nullable() });

export const viewActs = ['ban', 'unban', 'allow', 'disallow', 'panic', 'resume', 'brake', 'release'] as const;

/** `name`: who logs in, for the record of acts. */
export const SessionRequest = z.strictObject({
  token: z.string().min(1).max(512),
  name: z
    .string()
    .trim()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,39}$|^$/u)
    .default(''),
});
export type SessionRequest = z.infer<typeof SessionRequest>;

export const Session = z.object({
  /** As the record of acts names this person. */
  who: z.string(),
  expires_at: time,
  /** To be sent back as the header `edgeban-csrf` with whatever changes something. */
  csrf: z.string(),
  /** `fleet`: the Worker answers, for all hosts; `host`: one agent, for itself. */
  serves: z.enum(['fleet', 'host']),
  /** What the fleet or the host is called. */
  name: z.string(),
  version: z.string(),
  live: z.enum(['websocket', 'events']),
  acts: z.array(z.enum(viewActs)),
  /** Jails that a ban by hand may go to; null: it needs none. */
  jails: z.array(z.string()).nullable(),
});
export type Session = z.infer<typeof Session>;

/** `key`: what further requests name it by. */
const Share = z.object({ key: z.string(), name: z.string(), bans: count });

export const Summary = z.object({
  now: time,
  /** Changes whenever a ban does: what was asked for earlier is old then. */
  revision: z.string(),
  /** Addresses and networks that are banned. */
  banned: count,
  families: z.object({ v4: count, v6: count }),
  /** New bans in the hour and the day before now. */
  last_hour: count,
  last_day: count,
  jails: z.array(Share),
  hosts: z.array(Share).nullable(),
  panic: z.object({ since: time, by: z.string(), reason: z.string() }).nullable(),
  brake: z.object({ since: time, by: z.string() }).nullable(),
  /** What is wrong now, worst first, as far as it can be seen from here. */
  troubles: z.array(z.object({ level: z.enum(['error', 'warning']), text: z.string() })),
});
export type Summary = z.infer<typeof Summary>;

export const SeriesQuery = z.object({
  hours: z.coerce.number().int().min(1).max(viewLimits.hours_max).default(24),
  by: z.enum(['jail', 'host']).default('jail'),
});

/** New bans: counts[key][step], the first step begins at `from`, each lasts `step` seconds. The largest keys first. */
export const Series = z.object({
  from: time,
  step: z.number().int().positive(),
  keys: z.array(z.string()).max(viewLimits.keys_max + 1),
  counts: z.array(z.array(count)),
});
export type Series = z.infer<typeof Series>;

/** Of what is banned now: networks (IPv4: /24, IPv6: /48) with most addresses, addresses that most jails and hosts hold. */
export const Top = z.object({
  networks: z.array(z.object({ network: z.string(), bans: count })),
  addresses: z.array(z.object({ address: z.string(), holders: count, jails: z.array(z.string()) })),
});
export type Top = z.infer<typeof Top>;

export const BansQuery = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(viewLimits.rows_max).default(100),
  /** An address or network (all that has an address in common with it), or a part of one as text. */
  q: z.string().max(64).default(''),
  /** Keys of Summary.jails and Summary.hosts; '': all. */
  jail: z.string().max(64).default(''),
  host: z.string().max(64).default(''),
  family: z.enum(['', '4', '6']).default(''),
  sort: z.enum(['newest', 'oldest', 'ending', 'address']).default('newest'),
});
export type BansQuery = z.infer<typeof BansQuery>;

export const BanRow = z.object({
  address: z.string(),
  /** What the edge does; on a single host `off`. */
  action: z.enum(edgeActions),
  /** The newest ban's. */
  at: time,
  until,
  /** How many bans: one for each jail and host. */
  holders: count,
  jails: z.array(z.string()).max(viewLimits.names_max),
  hosts: z.array(z.string()).max(viewLimits.names_max).nullable(),
});
export type BanRow = z.infer<typeof BanRow>;

export const BanRows = z.object({
  /** Of Summary. */
  revision: z.string(),
  offset: count,
  /** How many there are by this query. */
  total: count,
  rows: z.array(BanRow).max(viewLimits.rows_max),
});
export type BanRows = z.infer<typeof BanRows>;

export const Act = z.object({
  n: z.number().int(),
  at: time,
  who: z.string(),
  /** The address from which it was asked. */
  place: z.string().nullable(),
  what: z.string(),
  about: z.string(),
});
export type Act = z.infer<typeof Act>;

/** Newest first; ask again with `before` = `next` until that is null. */
export const Acts = z.object({ acts: z.array(Act), next: z.number().int().nullable() });
export type Acts = z.infer<typeof Acts>;

/** One who holds or has held the address. */
const Held = z.object({
  /** It, or a network around it. */
  address: z.string(),
  host: z.string(),
  jail: z.string(),
  at: time,
  until,
  /** `lifted`: by hand or by its host, before `until`. */
  state: z.enum(['held', 'ended', 'lifted']),
});

export const AddressStory = z.object({
  address: z.string(),
  now: time,
  /** What forbids a ban of it; null: nothing. */
  guard: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Newest first, of all hosts as far as is known here. */
  held: z.array(Held),
  /** Where it stands at the edge, just asked; null: there is none, or `edge_trouble` says why it did not answer. */
  edge: EdgeStory.nullable(),
  edge_trouble: z.string().nullable(),
  /** What the agent of the host that serves knows; null: a Worker serves. */
  host: Story.nullable(),
  /** What was done to it by hand, newest first. */
  acts: z.array(Act),
});
export type AddressStory = z.infer<typeof AddressStory>;

const HostRow = z.object({
  id: z.string(),
  name: z.string(),
  enrolled_at: time,
  seen_at: time,
  revoked_at: time.nullable(),
  /** Listens to the feed at this moment. */
  live: z.boolean(),
  bans: count,
  /** By weight (a /16 counts 256): what it holds, may hold, may newly ban now. */
  share: z.object({ held: z.number(), held_max: z.number(), bans_left: z.number() }),
  version: z.string().nullable(),
  /** Seconds from its newest event until it was taken in; null: not known. */
  lag: z.number().nullable(),
  /** Changes that it has not been told; null: it does not listen. */
  behind: count.nullable(),
});

export const Hosts = z.object({ hosts: z.array(HostRow) });
export type Hosts = z.infer<typeof Hosts>;

export const Enforcement = z.object({
  mode: z.enum(['list', 'access-rules', 'gate', 'none']),
  /** All that is wanted is there, as far as is known. */
  current: z.boolean(),
  /** Cloudflare's lists that follow the ledger: `max` is the cap of all lists of the account together. */
  lists: z.array(z.object({ name: z.string(), action: z.enum(edgeActions), ours: count, foreign: count, max: count })),
  operation: z.object({ kind: z.string(), items: count, since: time }).nullable(),
  /** Wanted and not there, there and not wanted: what the next steps change. */
  drift: z.object({ missing: count, surplus: count, left_out: count, refused: count }).nullable(),
  reconciled_at: time.nullable(),
  wait_until: time.nullable(),
  error: fault.nullable(),
  rules: z.array(
    z.object({
      zone: z.string(),
      action: z.enum(edgeActions),
      there: z.boolean(),
      enabled: z.boolean(),
      first: z.boolean(),
      error: fault.nullable(),
    }),
  ),
  snapshot: z.object({ current: z.boolean(), written_at: time.nullable(), error: z.string().nullable() }),
  /** What may be spent now, of how much: calls, operations, item changes, KV writes. */
  budgets: z.array(z.object({ name: z.string(), left: z.number(), max: z.number(), refill_per_hour: z.number() })),
  /** What former settings have left at Cloudflare. */
  former: z.array(z.string()),
});
export type Enforcement = z.infer<typeof Enforcement>;

/** `source`: `settings` are changed there, not here. */
const AllowedRow = z.object({
  address: z.string(),
  note: z.string(),
  at: time.nullable(),
  source: z.enum(['settings', 'ledger']),
});
export const AllowedRows = z.object({ allowed: z.array(AllowedRow) });
export type AllowedRows = z.infer<typeof AllowedRows>;

/** A ban that ends by itself is not told: whoever knows of it knows its end. */
export const LiveEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ban'), at: time, address: z.string(), host: z.string(), jail: z.string(), until }),
  z.object({ kind: z.literal('unban'), at: time, address: z.string(), host: z.string(), jail: z.string() }),
  z.object({ kind: z.literal('act'), act: Act }),
  /** So many bans and unbans were too many to be told one by one. */
  z.object({ kind: z.literal('more'), at: time, changes: count }),
  /** At the beginning. */
  z.object({ kind: z.literal('here'), at: time }),
]);
export type LiveEvent = z.infer<typeof LiveEvent>;
