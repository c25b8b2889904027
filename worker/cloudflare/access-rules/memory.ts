/** What the mode keeps in SQLite: the rules as last seen, and where each scope stands; written as things happen. */
import { z } from 'zod';
import type { Sql } from '../../../shared/store/sql.ts';
import type { UnixTime } from '../../../shared/time.ts';
import { budgetLimits } from '../budget.ts';
import type { AccessRulesSettings } from '../contract.ts';
import { bucket, failure, named, time } from '../schema.ts';
import type { Scope } from './api.ts';

/** `cf_access_rule`: our rules, and others' that stand in our way. `cf_access`: one row, the JSON of State. */
const tables = `
CREATE TABLE IF NOT EXISTS cf_access_rule (
  scope TEXT NOT NULL,
  id TEXT NOT NULL,
  address TEXT NOT NULL,
  notes TEXT NOT NULL,
  mine INTEGER NOT NULL,
  seen_at REAL NOT NULL,
  PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cf_access (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  state TEXT NOT NULL
);
`;

export const ScopeState = z.object({
  kind: z.enum(['account', 'zone']),
  /** Set before the first change of a step, taken back after the last: found so after a crash, something may be done that we do not know. */
  changing: z.boolean(),
  readAt: time.nullable(),
  /** When the rules have to be read again because of a doubt, earliest first. */
  doubts: z.array(time),
  /** Addresses of which Cloudflare refused a change, and until when they are left alone. */
  setAside: z.record(z.string(), time),
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

export interface RuleMemory {
  readonly id: string;
  readonly address: string;
  readonly notes: string;
  readonly mine: boolean;
  readonly seenAt: UnixTime;
}

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
  put(scope: Scope, rule: RuleMemory): void;
  drop(scope: Scope, id: string): void;
  /** Drops the scope with all its rules. */
  forget(scope: Scope): void;
  save(): void;
}

const per_page_max = 1000;

export function openMemory(sql: Sql, settings: AccessRulesSettings): Memory {
  sql.script(tables);
  const { accountId, instance = 'main' } = settings;
  const of = [accountId, instance].join('/');
  const stored = load(sql);
  const state = stored?.of === of ? stored : freshState(of, stored);
  if (state !== stored) sql.all('DELETE FROM cf_access_rule');
  let saved = JSON.stringify(stored);
  const known = new Map<string, Map<string, RuleMemory>>();
  // loaded when first needed and kept: reading all rows at every step would use up a free plan
  const rules = (scope: Scope) => {
    const kept = known.get(scope.id) ?? loadRules(sql, scope);
    known.set(scope.id, kept);
    return kept;
  };
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
      known.delete(scope.id);
      sql.all('DELETE FROM cf_access_rule WHERE scope = ?', scope.id);
    },
    rules,
    put: (scope, rule) => {
      rules(scope).set(rule.id, rule);
      const { id, address, notes, mine, seenAt } = rule;
      const values = [scope.id, id, address, notes, mine ? 1 : 0, seenAt];
      sql.all('INSERT OR REPLACE INTO cf_access_rule VALUES (?, ?, ?, ?, ?, ?)', ...values);
    },
    drop: (scope, id) => {
      rules(scope).delete(id);
      sql.all('DELETE FROM cf_access_rule WHERE scope = ? AND id = ?', scope.id, id);
    },
    save: () => {
      const text = JSON.stringify(state);
      if (text === saved) return;
      sql.all('INSERT INTO cf_access VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET state = excluded.state', text);
      saved = text;
    },
  };
}

/** Null if there is none, or if an older version wrote one that cannot be understood: then all is found out anew. */
function load(sql: Sql): State | null {
  const text = sql.all('SELECT state FROM cf_access')[0]?.['state'];
  return typeof text === 'string' ? (State.safeParse(JSON.parse(text)).data ?? null) : null;
}

function loadRules(sql: Sql, scope: Scope): Map<string, RuleMemory> {
  const rows = sql.all('SELECT id, address, notes, mine, seen_at FROM cf_access_rule WHERE scope = ?', scope.id);
  return new Map(
    rows.map((row) => {
      const { id, address, notes, mine, seen_at } = row;
      const rule = { id: String(id), address: String(address), notes: String(notes), mine: mine === 1 };
      return [rule.id, { ...rule, seenAt: Number(seen_at) }];
    }),
  );
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
  return { kind, changing: false, readAt: null, doubts: [], setAside: {}, notesAgainAt: 0, ...standing, ...counts };
}
