/** What enforcement keeps in SQLite: where we stand, and the form of what the list held when it was last read (pages.ts). */
import { z } from 'zod';
import { type ErrorCode, errorCodes } from '../../shared/errors.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { SetAside } from './set-aside.ts';

/** `cf_state`: one row, the JSON of State. */
const tables = `
CREATE TABLE IF NOT EXISTS cf_state (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  state TEXT NOT NULL
);
`;

export const time = z.number();
export const bucket = z.object({ left: z.number(), at: time });
export const named = z.object({ count: z.number(), addresses: z.array(z.string()) });
const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorCodes, value);
export const failure = z.object({ code: z.custom<ErrorCode>(isErrorCode), message: z.string(), since: time });

export const RuleMemory = z.object({
  /** The ruleset that it stands in, by which it is switched off in one call. */
  ruleset: z.string().nullable().default(null),
  rule: z.string().nullable(),
  enabled: z.boolean(),
  first: z.boolean(),
  /** A panic has switched it off: it comes on again when that is over. */
  lifted: z.boolean().default(false),
  /** What holds for all bans has changed, and the rule has not followed yet: that comes before all else. */
  waiting: z.boolean().default(false),
  error: failure.nullable(),
  /** When to look again. */
  due: time,
  failures: z.number(),
});
export type RuleMemory = z.infer<typeof RuleMemory>;

/** The second list, whose addresses are challenged. */
const ChallengeList = z.object({
  name: z.string(),
  /** Null: not found yet, or it cannot be had. */
  id: z.string().nullable(),
  /** Why it cannot be had. */
  error: failure.nullable(),
});

const action = z.enum(['block', 'challenge']);

export const OperationMemory = z.object({
  kind: z.enum(['append', 'remove']),
  /** In which list. */
  action: action.default('block'),
  items: z.number(),
  /** The address of an operation on a single item, so that one that never succeeds can be set aside. */
  alone: z.string().nullable(),
  since: time,
  /** When to ask how it goes. */
  due: time,
  /** Null from before the request until its answer: found so after a crash, its outcome is unknown. */
  id: z.string().nullable(),
  polls: z.number(),
  /** What is in the list when it has succeeded, and the ids of what is not there any more. */
  added: z
    .array(z.object({ ip: z.string(), comment: z.string() }))
    .readonly()
    .default([]),
  removed: z.array(z.string()).readonly().default([]),
});
export type OperationMemory = z.infer<typeof OperationMemory>;

export const State = z.object({
  /** Whose state this is (account, list, instance): after a change of settings nothing of it holds. */
  of: z.string(),
  /** Those of the settings: a rule of ours may stand in each, also one that a ledger made which was lost. */
  zones: z.array(z.string()).readonly().default([]),
  list: z.string().nullable(),
  challenge: ChallengeList.nullable().default(null),
  /** Items in the account's other lists, which share the cap. */
  elsewhere: z.number(),
  readAt: time.nullable(),
  /** When the list last had as many items as we know of. */
  countedAt: time.default(0),
  /** When the list has to be read again because of a doubt, earliest first. */
  doubts: z.array(time),
  operation: OperationMemory.nullable(),
  /** When comments that tell an old end were last written anew. */
  refreshedAt: time,
  lastKind: z.enum(['append', 'remove']),
  /** In which list the last operation was. */
  lastAction: action.default('challenge'),
  /** When the last operation began, and how long one takes. */
  beganAt: time.default(0),
  operation_s: z.number().default(0.5),
  /** Items in one operation; halved when one is refused, doubled when one succeeds. */
  batch: z.number(),
  /** Addresses that Cloudflare refuses, and until when they are left alone. */
  setAside: SetAside,
  /** Wanted as challenges where there is no second list. */
  challenged: named.default({ count: 0, addresses: [] }),
  waitUntil: time.nullable(),
  failures: z.number(),
  error: failure.nullable(),
  rules: z.record(z.string(), RuleMemory),
  challengeRules: z.record(z.string(), RuleMemory).default({}),
  budgets: z.object({ calls: bucket, operations: bucket, changes: bucket }),
  summary: z.object({
    wanted: z.number(),
    missing: z.number(),
    surplus: z.number(),
    ours: z.number(),
    others: z.number(),
    /** In the second list. */
    challengeOurs: z.number().default(0),
    challengeOthers: z.number().default(0),
    leftOut: named,
    foreign: named,
    refused: named,
    unfit: named.default({ count: 0, addresses: [] }),
  }),
});
export type State = z.infer<typeof State>;

/** Canonical address, whatever Cloudflare's spelling is; `id`: see memory.ts. */
export const ItemMemory = z.object({
  id: z.string(),
  address: z.string(),
  comment: z.string(),
  /** What is done to it: in which of the two lists it stands. */
  action: action.default('block'),
});
export type ItemMemory = Readonly<z.infer<typeof ItemMemory>>;

export function createTables(sql: Sql): void {
  sql.script(tables);
}

/** Null if there is none, or if an older version wrote one that cannot be understood: then all is found out anew. */
export function loadState(sql: Sql): State | null {
  const text = sql.all('SELECT state FROM cf_state')[0]?.['state'];
  if (typeof text !== 'string') return null;
  return State.safeParse(JSON.parse(text)).data ?? null;
}

export function saveState(sql: Sql, state: State): void {
  sql.all(
    'INSERT INTO cf_state VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET state = excluded.state',
    JSON.stringify(state),
  );
}
