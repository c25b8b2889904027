/** What the operator and the Worker say to each other, beside shared/wire.ts (what hosts say). */
import { z } from '@hono/zod-openapi';
import { edgeActions } from '../shared/ticket.ts';

const time = z.number().meta({ description: 'Unix time in seconds' });
const until = time.nullable().meta({ description: 'Unix time in seconds; null: never ends' });
const action = z.enum(edgeActions).meta({ description: 'what the edge does; off: nothing, hosts enforce it alone' });

export const OpenToken = z.strictObject({ token: z.string(), expires_at: time });
export type OpenToken = z.infer<typeof OpenToken>;

/** `bantime` in seconds, negative: never ends (as fail2ban counts). */
export const OperatorBan = z.strictObject({
  address: z.string().min(2).max(49),
  bantime: z.number().min(-1).max(1e10),
});
export type OperatorBan = z.infer<typeof OperatorBan>;

/** One who holds an address banned: a jail of a host, or `operator`. `seq`: the feed's cursor at its last change. */
const HolderView = z.strictObject({
  host: z.string(),
  name: z.string(),
  jail: z.string(),
  at: time,
  until,
  edge: action,
  hosts: z.boolean().meta({ description: 'do other hosts enforce it, too?' }),
  seq: z.number().int(),
});

/** `action`: the strongest that a holder asks for; `until`: the last end of those who do. */
export const BanView = z.strictObject({ address: z.string(), action, until, holders: z.array(HolderView) });
export type BanView = z.infer<typeof BanView>;

/** In the order of the addresses' text; ask again with `after` = `next` until that is null. */
export const BansPage = z.strictObject({
  bans: z.array(z.strictObject({ address: z.string(), action, until })),
  next: z.string().nullable(),
});
export type BansPage = z.infer<typeof BansPage>;

export const Lifted = z.strictObject({ address: z.string(), lifted: z.number().int() });
export type Lifted = z.infer<typeof Lifted>;

/** One act: `place` is the address from which the request came. */
const ActView = z.strictObject({
  n: z.number().int(),
  at: time,
  who: z.string().meta({ description: '`operator`, the id of a host, or `ledger` for its own decisions' }),
  place: z.string().nullable(),
  what: z.string(),
  about: z.string(),
});

/** Oldest first; ask again with `after` = `next` until that is null. */
export const ActsPage = z.strictObject({ acts: z.array(ActView), next: z.number().int().nullable() });
export type ActsPage = z.infer<typeof ActsPage>;

export const AllowRequest = z.strictObject({
  address: z.string().min(2).max(49),
  note: z.string().max(200).default(''),
});
export type AllowRequest = z.infer<typeof AllowRequest>;

export const AllowedView = z.strictObject({
  address: z.string(),
  note: z.string(),
  at: time.nullable(),
  source: z.enum(['ALLOW', 'ledger']),
});
export type AllowedView = z.infer<typeof AllowedView>;

/** `lifted`: how many bans had an address in common with it. */
export const Allowed = z.strictObject({ address: z.string(), note: z.string(), lifted: z.number().int() });
export type Allowed = z.infer<typeof Allowed>;

export const Panic = z.strictObject({ since: time, by: z.string(), reason: z.string() });
export type Panic = z.infer<typeof Panic>;

/** Blocks are challenges since then; `rate`: new bans, by weight, in the minute that set it off, `usual`: the mean of the hour before. */
export const Brake = z.strictObject({
  since: time,
  by: z.string().meta({ description: '`ledger`, or who has set it by hand' }),
  rate: z.number(),
  usual: z.number(),
});
export type Brake = z.infer<typeof Brake>;

/** Cloudflare's own ranges: how many are guarded, when they were last told, and why the newest answer does not count. */
export const RangesView = z.strictObject({
  known: z.number().int(),
  at: time.nullable(),
  error: z.string().nullable(),
});
export type RangesView = z.infer<typeof RangesView>;

export const PanicRequest = z.strictObject({ reason: z.string().max(200).default('') });

export const HostView = z.strictObject({
  id: z.string(),
  name: z.string(),
  enrolled_at: time,
  seen_at: time,
  revoked_at: time.nullable(),
  live: z.boolean().meta({ description: 'listens to the feed over a WebSocket now' }),
  holders: z.number().int(),
  version: z.string().nullable().meta({ description: "edgeban's version there; null: it has not said" }),
  lag: z
    .number()
    .nullable()
    .meta({ description: 'seconds from its newest event until it was taken in; null: none was of late' }),
  share: z
    .strictObject({ held: z.number(), held_max: z.number(), bans_left: z.number() })
    .meta({ description: 'by weight (a /24 counts 16, a /16 counts 256): bans held, as many as may be, new ones now' }),
});
export type HostView = z.infer<typeof HostView>;

/** What KV holds, decoded: at most 10,000 bans are listed, `count` is of all ranges. Null: KV has none. */
export const SnapshotView = z.strictObject({
  revision: z.number().int(),
  written_at: time,
  count: z.number().int(),
  bans: z.array(z.strictObject({ address: z.string(), action, until })),
});
export type SnapshotView = z.infer<typeof SnapshotView>;

const named = z.strictObject({ count: z.number().int(), addresses: z.array(z.string()).readonly() });
const failure = z.strictObject({ code: z.string(), message: z.string(), since: time }).nullable();

/** worker/cloudflare's EnforcementStatus, whose comments say what is what. */
const commonView = {
  inStep: z.boolean(),
  wanted: z.number().int(),
  missing: z.number().int(),
  surplus: z.number().int(),
  leftOut: named,
  foreign: named,
  refused: named,
  unfit: named,
  error: failure,
  waitUntil: time.nullable(),
  reconciledAt: time.nullable(),
};
const BudgetView = z.strictObject({
  name: z.string(),
  left: z.number(),
  max: z.number(),
  refill_per_hour: z.number(),
});
const RuleView = z.strictObject({
  zone: z.string(),
  action,
  rule: z.string().nullable(),
  enabled: z.boolean(),
  first: z.boolean(),
  waiting: z.boolean().meta({ description: 'a panic, resume or brake comes to it within seconds' }),
  error: failure,
});
/** `done`: Cloudflare has confirmed it; otherwise it is tried again by itself, and `detail` says what is missing. */
export const Switched = z.strictObject({
  panic: Panic.nullable(),
  brake: Brake.nullable(),
  done: z.boolean(),
  detail: z.string(),
  rules: z.array(RuleView).readonly(),
});
export type Switched = z.infer<typeof Switched>;

const listFacts = { name: z.string(), id: z.string().nullable(), ours: z.number(), foreign: z.number() };
const ListView = z.strictObject({
  mode: z.literal('list'),
  ...commonView,
  list: z.strictObject(listFacts),
  challengeList: z
    .strictObject({ ...listFacts, error: failure })
    .nullable()
    .meta({ description: 'whose addresses are challenged; null: CHALLENGE_LIST_NAME is not set' }),
  operation: z.strictObject({ kind: z.enum(['append', 'remove']), items: z.number(), since: time }).nullable(),
  rules: z.array(RuleView).readonly(),
  budgets: z.array(BudgetView).readonly(),
  challenged: named.meta({ description: 'not enforced: these are to be challenged, and there is no list for that' }),
});
const ScopeView = z.strictObject({
  scope: z.enum(['account', 'zone']),
  id: z.string(),
  ours: z.number().int(),
  missing: z.number().int(),
  surplus: z.number().int(),
  error: failure,
});
const AccessRulesView = z.strictObject({
  mode: z.literal('access-rules'),
  ...commonView,
  scopes: z.array(ScopeView).readonly(),
  budgets: z.array(BudgetView).readonly(),
});

const FormerView = z.strictObject({
  mode: z.enum(['list', 'access-rules']),
  name: z.string().nullable(),
  left: z.number().int().nullable(),
  zones: z.number().int(),
  error: failure,
  waitUntil: time.nullable(),
});

export const StatusView = z.strictObject({
  ledger: z.uuid(),
  revision: z.number().int(),
  bans: z.number().int(),
  hosts: z.number().int(),
  over_share: z
    .array(
      z.strictObject({ host: z.string(), name: z.string(), code: z.string(), refused: z.number().int(), at: time }),
    )
    .meta({ description: 'hosts that were refused bans in the last hour because they have their share' }),
  listeners: z.number().int(),
  recovery: z
    .strictObject({ due: z.boolean(), at: time.nullable(), bans: z.number().int(), refused: z.number().int() })
    .meta({ description: 'what an empty ledger has taken over from Cloudflare, refused by guards; due: not yet done' }),
  panic: Panic.nullable().meta({ description: 'all enforcement at the edge is lifted since then' }),
  brake: Brake.nullable().meta({ description: 'blocks are challenges since then' }),
  ranges: RangesView,
  snapshot: z.strictObject({
    current: z.boolean(),
    written_at: time.nullable(),
    error: z.string().nullable(),
    due_at: time,
  }),
  enforcement: z.strictObject({
    mode: z.enum(['list', 'access-rules', 'gate', 'none']),
    current: z.boolean().meta({ description: 'what the ledger wants is what Cloudflare has, as far as is known' }),
    detail: z.discriminatedUnion('mode', [ListView, AccessRulesView]).nullable(),
    former: z
      .array(FormerView)
      .meta({ description: 'what is left of a former mode, list or zones; it goes once the present mode is in force' }),
    gate: z
      .strictObject({ challenge: z.enum(['turnstile', 'block']) })
      .optional()
      .meta({ description: 'in the mode gate: what is done where a challenge is asked for' }),
  }),
  incidents: z
    .array(z.strictObject({ kind: z.string(), about: z.string(), title: z.string(), text: z.string(), since: time }))
    .meta({ description: 'what people were told is wrong, and is not over yet' }),
});
export type StatusView = z.infer<typeof StatusView>;
