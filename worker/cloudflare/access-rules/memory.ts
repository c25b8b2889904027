/** What the mode keeps in SQLite: the rules as last seen, and where each scope stands. */
import { z } from 'zod';
import type { Sql } from '../../../shared/store/sql.ts';
import type { UnixTime } from '../../../shared/time.ts';
import { type Bucket, budgetLimits } from '../budget.ts';
import type { AccessRulesSettings } from '../contract.ts';
import { createPages, Pages } from '../pages.ts';
import { bucket, failure, named, time } from '../schema.ts';
import { SetAside } from '../set-aside.ts';
import type { Scope } from './api.ts';

/** `cf_access`: one row, the JSON of State. Rules are in pages (pages.ts). */
const tables = `
CREATE TABLE IF NOT EXISTS cf_access (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  state TEXT NOT NULL
);
`;

export const ScopeState = z.object({
  kind: z.enum(['account', 'zone']),
  /** Settings name it no more: it is read a few times more before it is forgotten. */
  retired: z.boolean().default(false),
  /** Settings tell that they once named it: that it is found empty may be a slip of Cloudflare's. */
  told: z.boolean().default(false),
  /** Set before the first change of a step, taken back after the last: found so after a crash, something may be done that we do not know. */
  changing: z.boolean(),
  readAt: time.nullable(),
  /** When the rules have to be read again because of a doubt, earliest first. */
  doubts: z.array(time),
  /** Addresses of which Cloudflare refused a change, and until when they are left alone. */
  setAside: SetAside,
  /** Cloudflare refused to change notes: they are not tried before. */
  notesAgainAt: time,
  waitUntil: time.nullable(),
  failures: z.number(),
  error: failure.nullable(),
  ours: z.number(),
  missing: z.number(),
  surplus: z.number(),
});
export type ScopeState = z.infer<typeof ScopeState>;

const State = z.object({
  /** Whose state this is (account, instance): after a change of those nothing of it holds. */
  of: z.string(),
  calls: bucket,
  waitUntil: time.nullable(),
  /** Which scope begins the next step. */
  turn: z.number(),
  /** Rules on a page; smaller once Cloudflare has refused pages of this size. */
  per_page: z.number(),
  /** By id; those that are in the settings no more, too, until they hold nothing of ours. */
  scopes: z.record(z.string(), ScopeState),
  wanted: z.number(),
  leftOut: named,
  foreign: named,
  refused: named,
  unfit: named,
});
export type State = z.infer<typeof State>;

/** One of ours, or somebody else's that stands in our way. */
const RuleMemory = z.object({
  id: z.string(),
  address: z.string(),
  notes: z.string(),
  mine: z.boolean(),
  /** Of one of ours. */
  action: z.enum(['block', 'challenge']).default('block'),
  seenAt: time,
});
export type RuleMemory = Readonly<z.infer<typeof RuleMemory>>;

/** A reading that goes on over several steps; lost with the process, and then begun anew. */
export interface Reading {
  page: number;
  readonly began: UnixTime;
  readonly rules: Map<string, RuleMemory>;
}

export interface Memory {
  readonly state: State;
  readonly readings: Map<string, Reading>;
  scope(scope: Scope): ScopeState;
  rules(scope: Scope): ReadonlyMap<string, RuleMemory>;
  /** Changes of rules are written by save(); those that a crash loses are read from Cloudflare (`changing`). */
  put(scope: Scope, rule: RuleMemory): void;
  drop(scope: Scope, id: string): void;
  /** Drops the scope with all its rules. */
  forget(scope: Scope): void;
  save(): void;
}

const per_page_max = 1000;

/** `calls`: the budget of calls, if a mode of before has spent of it. */
export function openMemory(sql: Sql, settings: AccessRulesSettings, calls?: Bucket | null): Memory {
  const { accountId, instance = 'main' } = settings;
  const of = [accountId, instance].join('/');
  const stored = loadState(sql);
  const state = stored?.of === of ? stored : freshState(of, stored);
  state.calls = calls ?? state.calls;
  const former = createPages(sql, 'cf_access_rule');
  if (former) for (const scope of Object.values(state.scopes)) scope.readAt = null;
  if (state !== stored) sql.all("DELETE FROM cf_page WHERE kind LIKE 'rules %'");
  let saved = JSON.stringify(stored);
  const known = new Map<string, Pages<RuleMemory>>();
  const rules = ({ id }: Scope) => {
    const kept = known.get(id) ?? new Pages(sql, `rules ${id}`, z.array(RuleMemory));
    known.set(id, kept);
    return kept;
  };

  function save(): void {
    const text = JSON.stringify(state);
    sql.transaction(() => {
      for (const each of known.values()) each.save();
      if (text !== saved) sql.all(upsert, text);
    });
    saved = text;
  }

  return {
    state,
    readings: new Map(),
    scope: (scope) => {
      const there = state.scopes[scope.id] ?? freshScope(scope.kind);
      state.scopes[scope.id] = there;
      return there;
    },
    forget: (scope) => {
      delete state.scopes[scope.id];
      rules(scope).clear();
    },
    rules: (scope) => rules(scope).all,
    put: (scope, rule) => rules(scope).set(rule),
    drop: (scope, id) => rules(scope).delete(id),
    save,
  };
}

const upsert = 'INSERT INTO cf_access VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET state = excluded.state';

/** Null if there is none, or if an older version wrote one that cannot be understood: then all is found out anew. */
export function loadState(sql: Sql): State | null {
  sql.script(tables);
  const text = sql.all('SELECT state FROM cf_access')[0]?.['state'];
  return typeof text === 'string' ? (State.safeParse(JSON.parse(text)).data ?? null) : null;
}

const none = { count: 0, addresses: [] };

/** The budget outlives a change of settings: Cloudflare counts on. It starts full; the time is set at the first step. */
function freshState(of: string, before: State | null): State {
  const calls = before?.calls ?? { left: budgetLimits.ruleCalls.burst, at: 0 };
  const counts = { wanted: 0, leftOut: none, foreign: none, refused: none, unfit: none };
  return { of, calls, waitUntil: null, turn: 0, per_page: per_page_max, scopes: {}, ...counts };
}

function freshScope(kind: Scope['kind']): ScopeState {
  const counts = { ours: 0, missing: 0, surplus: 0 };
  const standing = { waitUntil: null, failures: 0, error: null };
  return {
    kind,
    retired: false,
    told: false,
    changing: false,
    readAt: null,
    doubts: [],
    setAside: {},
    notesAgainAt: 0,
    ...standing,
    ...counts,
  };
}
