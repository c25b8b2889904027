/**
 * What hosts and the Worker say to each other: shapes (zod), limits, and the text that a host signs. Each side passes over
 * fields that it does not know, for the other one may be newer: a fleet is not brought up to date in one moment.
 */
import { z } from 'zod';
import { edgeActions } from './ticket.ts';

export const wireLimits = {
  /** A request body, in bytes. */
  body_bytes_max: 64 * 1024,
  batch_events_max: 200,
  /** Failures that one event tells. */
  failure_count_max: 1_000,
  feed_changes_max: 500,
  /** How far a signed request's clock may be off, in seconds. */
  clock_skew_max: 120,
} as const;

const time = z.number().min(0).max(1e11);
const until = time.nullable();
/** Nothing that a terminal would obey or that could not be written down: it is shown to people and put into comments. */
const jail = z
  .string()
  .max(64)
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]+$/u);
const address = z.string().min(2).max(49);
const cursor = z.number().int().min(0);

/**
 * What a host tells the Worker. `address` is an address or CIDR; the ledger judges it again (guards). `edge`: what the
 * edge is to do to it. `hosts`: do other hosts enforce it in their kernels, too?
 */
export const HostEvent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('ban'),
    jail,
    address,
    at: time,
    until,
    failures: z.number().int().min(0),
    count: z.number().int().min(1),
    edge: z.enum(edgeActions).default('block'),
    hosts: z.boolean().default(true),
  }),
  z.object({ kind: z.literal('unban'), jail, address, at: time }),
  /** `count` failures in a jail that has `fleet = true`, the newest at `at`: the ledger counts them over all hosts. */
  z.object({
    kind: z.literal('failure'),
    jail,
    address,
    at: time,
    count: z.number().int().min(1).max(wireLimits.failure_count_max),
  }),
]);
export type HostEvent = z.infer<typeof HostEvent>;
/** An event as a host writes it: what it leaves out is as usual. */
export type ToldEvent = z.input<typeof HostEvent>;

/**
 * Events in the order in which they happened. Event i has the number `first + i`; numbers start at 1 in each `stream`
 * (a new one begins when a host has lost its database). The events are judged one by one (HostEvent), so that one that
 * is refused does not hold up the others.
 */
export const EventBatch = z.object({
  stream: z.uuid(),
  first: z.number().int().min(1),
  events: z.array(z.unknown()).min(1).max(wireLimits.batch_events_max),
});
export type EventBatch = z.infer<typeof EventBatch>;

/** `acked`: the highest number taken in; what is at or below it need not be sent again. */
export const EventReceipt = z.object({
  stream: z.uuid(),
  acked: z.number().int().min(0),
  refused: z.array(z.object({ seq: z.number().int(), code: z.string(), message: z.string() })),
});
export type EventReceipt = z.infer<typeof EventReceipt>;

/**
 * The newest state of one holder of an address, if hosts are to know of it: `lifted` ends it before `until`. `hosts`
 * false: it goes on at the edge alone, and is lifted for the other hosts.
 */
export const FeedChange = z.object({
  cursor,
  address,
  /** The host id that holds the ban; `operator` for the operator's own. */
  host: z.string(),
  jail: z.string(),
  at: time,
  until,
  lifted: z.boolean(),
  hosts: z.literal(false).optional(),
});
export type FeedChange = z.infer<typeof FeedChange>;

/**
 * A page of changes after a cursor, in cursor order. `reset`: the cursor given was of another ledger or too old, the
 * pages start from nothing, and a holder that they do not name is gone. `more`: ask again at once with `cursor`.
 * The same shape is each message of the live feed.
 */
export const FeedPage = z.object({
  ledger: z.uuid(),
  cursor,
  reset: z.boolean(),
  more: z.boolean(),
  changes: z.array(FeedChange).max(wireLimits.feed_changes_max),
});
export type FeedPage = z.infer<typeof FeedPage>;

/** `key`: the host's Ed25519 public key, 32 bytes in base64url. `token`: one-time, from the operator. */
export const EnrollRequest = z.object({
  token: z.string().min(20).max(200),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/),
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});
export type EnrollRequest = z.infer<typeof EnrollRequest>;

export const EnrollReply = z.object({ host: z.string(), ledger: z.uuid() });
export type EnrollReply = z.infer<typeof EnrollReply>;

/**
 * Signed with the host's key; `key` is its new public key, in the place of the old one from the answer on. Where the
 * answer was lost, one of the two keys holds: the same request signed with the new one is answered as before, and
 * refused (ERR_AUTH_SIGNATURE) if the ledger has not heard of it.
 */
export const RotateRequest = z.object({ key: EnrollRequest.shape.key });
export type RotateRequest = z.infer<typeof RotateRequest>;

export const RotateReply = z.object({ host: z.string(), key: z.string() });
export type RotateReply = z.infer<typeof RotateReply>;

/**
 * What the edge is able to do now, for hosts that leave bans to it alone. A panic does not count: there the operator wants
 * that nobody is kept out. `why`: in words, where it is not able to do one of the two.
 */
export const EdgeAbility = z.object({
  block: z.boolean(),
  challenge: z.boolean(),
  why: z.string().nullable(),
});
export type EdgeAbility = z.infer<typeof EdgeAbility>;

/** Where an address stands at the edge at this moment; each place was asked. */
export const EdgeStory = z.object({
  address,
  /** How the edge enforces: ENFORCEMENT. */
  mode: z.string(),
  /** Null: nobody holds it, nor a network around it. */
  ledger: z
    .object({
      /** Itself, or the network around it. */
      address,
      action: z.enum(edgeActions),
      until,
      holders: z.array(z.object({ host: z.string(), name: z.string(), jail: z.string(), at: time, until })),
    })
    .nullable(),
  /** Null: there is no snapshot. `ban`: what it says of the address. */
  kv: z
    .object({
      revision: z.number(),
      written_at: time,
      ban: z.object({ action: z.enum(edgeActions), until }).nullable(),
    })
    .nullable(),
  /** `asked`: false where nothing is enforced through Cloudflare's API. */
  cloudflare: z.object({
    asked: z.boolean(),
    found: z.array(z.object({ where: z.string(), said: z.string() })),
    /** What gives a list its effect, in each zone; empty in the other modes. */
    rules: z.array(z.object({ where: z.string(), said: z.string(), inForce: z.boolean() })),
    /** How many zones were not asked: one invocation has no calls for them. Left away where all were, as hosts of before know it. */
    unasked: z.int().positive().exactOptional(),
    error: z.string().nullable(),
  }),
});
export type EdgeStory = z.infer<typeof EdgeStory>;

/** RFC 9457 problem JSON; `code` is one of ours (errors.ts). */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
});
export type Problem = z.infer<typeof Problem>;

/** Headers of a signed request. */
export const signedHeaders = {
  host: 'edgeban-host',
  time: 'edgeban-time',
  nonce: 'edgeban-nonce',
  signature: 'edgeban-signature',
} as const;

/** The header in which a host says which edgeban it runs; not signed, for display only. */
export const versionHeader = 'edgeban-version';

/** What a host signs. */
export interface SignedParts {
  readonly method: string;
  /** Path with query, as sent. */
  readonly path: string;
  readonly host: string;
  /** Unix seconds, whole. */
  readonly time: number;
  /** 128 random bits in base64url. */
  readonly nonce: string;
  /** SHA-256 of the body (of nothing, if there is none), hex. */
  readonly bodyHash: string;
}

/** The text under the Ed25519 signature: one part a line, with a version first so that it can change. */
export function signedText(parts: SignedParts): string {
  const { method, path, host, time: at, nonce, bodyHash } = parts;
  return ['edgeban-v1', method.toUpperCase(), path, host, String(at), nonce, bodyHash].join('\n');
}
