/** The mode `access-rules`: one IP access rule an address, of the account or of each zone, kept equal to what is wanted. */
import type { ErrorCode } from '../../../shared/errors.ts';
import type { Sql } from '../../../shared/store/sql.ts';
import type { Seconds, UnixTime } from '../../../shared/time.ts';
import { budgetLimits, budgetStatus } from '../budget.ts';
import type {
  AccessRulesSettings,
  AccessRulesStatus,
  ApiSettings,
  Enforcement,
  EnforcementParts,
  ScopeStatus,
  Survey,
  Wanted,
} from '../contract.ts';
import { CloudflareFailure } from '../failure.ts';
import { markedOnes } from '../mark.ts';
import { Pause } from '../run.ts';
import { nextTurn } from '../set-aside.ts';
import { delayAfter, doubtsFrom } from '../setback.ts';
import type { Scope } from './api.ts';
import { changeRules } from './change.ts';
import { loadState, type Memory, openMemory, type ScopeState } from './memory.ts';
import { cut } from './pieces.ts';
import { nextReading, readIfDue } from './read.ts';
import { createRun, isRetired, planOf, type Run, retiredScopes, scopesOf, unusedScopes } from './run.ts';

const named_max = 100;
/** One refusal may be a slip of Cloudflare's; the bans wait for the answer. */
const refusals_of_closed = 3;
const between_refusals_s: Seconds = 5;

/** Makes its tables if they are not there. */
export function createAccessRulesMode(parts: EnforcementParts<AccessRulesSettings>): Enforcement {
  const memory = openMemory(parts.sql, parts.settings, parts.calls);
  // on record from now on: a ledger that was lost may have made rules there, though nothing is read before the settings change
  for (const scope of scopesOf(parts.settings)) memory.scope(scope).retired = false;
  memory.save();

  async function step(wanted: readonly Wanted[], now: UnixTime): Promise<{ again: UnixTime | null }> {
    const run = createRun(parts, memory, cut(enforced(wanted), now), now);
    await runScopes(run, readAndChange);
    return { again: nextTime(run, wanted) };
  }

  /** There is no switch for all rules at once: in a panic they are taken away, and by the brake changed, one by one. */
  function enforced(wanted: readonly Wanted[]): readonly Wanted[] {
    const { panic, brake } = parts.stance?.() ?? { panic: false, brake: false };
    if (panic) return [];
    return brake ? wanted.map((each) => ({ ...each, action: 'challenge' })) : wanted;
  }

  async function survey(now: UnixTime): Promise<Survey> {
    // the lost ledger may have been on its way from other settings to these: what they have left has no end of its own
    for (const scope of unusedScopes(parts.settings)) memory.scope(scope);
    const run = createRun(parts, memory, cut([], now), now);
    await runScopes(run, readRemains);
    return surveyed(run);
  }

  return {
    step,
    survey,
    switch: async () => [],
    former: () => [],
    waitsUntil: () => memory.state.waitUntil,
    status: (now) => statusOf(memory, allScopes({ memory, scopes: scopesOf(parts.settings) }), now),
  };
}

/** Puts on record the scopes that settings tell of: in them a ledger that was lost may have made rules. */
export function noteToldScopes(sql: Sql, api: ApiSettings): void {
  const { accessRules = [], zoneIds = [] } = api.former ?? {};
  if (accessRules.length === 0) return;
  const settings = { ...api, mode: 'access-rules', zoneIds: [] } as const;
  const memory = openMemory(sql, settings);
  for (const kind of accessRules)
    for (const scope of scopesOf({ ...settings, zoneIds: kind === 'account' ? null : zoneIds }))
      memory.scope(scope).told = true;
  memory.save();
}

type Task = (run: Run, scope: Scope) => Promise<void>;

async function readAndChange(run: Run, scope: Scope): Promise<void> {
  await readIfDue(run, scope);
  await changeRules(run, scope);
}

/** That settings do not use a scope, and it is empty, is the usual case: it need not be looked at again. */
async function readRemains(run: Run, scope: Scope): Promise<void> {
  await readIfDue(run, scope);
  const state = run.memory.scope(scope);
  if (isRetired(run, scope) && !state.told && planOf(run, scope).ours === 0) state.doubts = [];
}

/** In how many scopes rules of ours may be left. */
export function accessRulesLeft(sql: Sql, { accountId, instance = 'main' }: ApiSettings): number {
  const state = loadState(sql);
  return state?.of === [accountId, instance].join('/') ? Object.keys(state.scopes).length : 0;
}

/** What all scopes hold of ours, once each has been read. */
function surveyed(run: Run): Survey {
  const { memory, instance, now } = run;
  const scopes = allScopes(run);
  const states = scopes.map((scope) => memory.scope(scope));
  const waits = [memory.state.waitUntil, ...states.map(({ waitUntil }) => waitUntil)].flatMap((at) => at ?? []);
  if (states.some(({ readAt }) => readAt === null)) return { found: null, again: Math.max(now, ...waits) };
  const rules = scopes.flatMap((scope) => [...memory.rules(scope).values()].filter(({ mine }) => mine));
  return {
    found: rules.flatMap(({ address, notes, action }) => markedOnes([{ address, comment: notes }], instance, action)),
    again: now,
  };
}

/** A scope that fails waits by itself and holds up no other; a spent rate or budget stops them all. */
async function runScopes(run: Run, task: Task): Promise<void> {
  const { state } = run.memory;
  try {
    if (state.waitUntil !== null && run.now < state.waitUntil) return;
    state.waitUntil = null;
    for (const scope of inTurn(run)) {
      if (state.waitUntil !== null) break;
      await runScope(run, scope, task);
    }
  } finally {
    summarise(run);
    run.memory.save();
  }
}

function inTurn({ memory, scopes, retired }: Run): Scope[] {
  const first = memory.state.turn % Math.max(1, scopes.length);
  memory.state.turn = first + 1;
  return [...scopes.slice(first), ...scopes.slice(0, first), ...retired];
}

async function runScope(run: Run, scope: Scope, task: Task): Promise<void> {
  const state = run.memory.scope(scope);
  if (state.waitUntil !== null && run.now < state.waitUntil) return;
  state.waitUntil = null;
  if (state.changing) state.doubts = doubtsFrom(run.now);
  state.changing = false;
  if (isRetired(run, scope) && !state.retired) retire(state, run.now);
  try {
    await task(run, scope);
    recovered(run, scope, state);
    if (isRetired(run, scope) && isEmpty(run, scope)) run.memory.forget(scope);
  } catch (error) {
    if (error instanceof Pause) run.memory.state.waitUntil = error.until;
    else if (error instanceof CloudflareFailure) setBack(run, scope, state, error);
    else throw error;
  }
}

/** One reading may be a slip of Cloudflare's, and nobody looks again once the scope is forgotten. */
function retire(state: ScopeState, now: UnixTime): void {
  state.retired = true;
  state.doubts = doubtsFrom(now);
}

function isEmpty(run: Run, scope: Scope): boolean {
  return run.memory.scope(scope).doubts.length === 0 && planOf(run, scope).ours === 0;
}

function setBack(run: Run, scope: Scope, state: ScopeState, failure: CloudflareFailure): void {
  const { now, parts, memory } = run;
  const { code, message } = failure;
  const known = state.error?.code === code ? state.error : null;
  state.failures = known === null ? 1 : state.failures + 1;
  const closed = isClosed(run, scope, code);
  // a zone that is in the account no more has taken its rules with it
  if ((code === 'ERR_CLOUDFLARE_GONE' && isRetired(run, scope)) || (closed && state.failures >= refusals_of_closed)) {
    memory.forget(scope);
    return;
  }
  state.error = { code, message, since: known?.since ?? now };
  state.waitUntil = now + (closed ? between_refusals_s : delayAfter(failure, state.failures));
  if (code === 'ERR_CLOUDFLARE_RATE') memory.state.waitUntil = state.waitUntil;
  if (known !== null) return;
  parts.log(`Cloudflare: ${scope.kind} ${scope.id}: ${message}; next try in ${Math.ceil(state.waitUntil - now)} s`);
}

/** May the token read what settings use, but not this scope, of which nobody knows whether anything of ours is there? */
function isClosed(run: Run, scope: Scope, code: ErrorCode): boolean {
  const { memory, scopes } = run;
  const isKnown = !isRetired(run, scope) || memory.scope(scope).readAt !== null;
  if (isKnown || code !== 'ERR_CLOUDFLARE_AUTH' || scopes.length === 0) return false;
  return scopes.every((each) => memory.scope(each).readAt !== null && memory.scope(each).error === null);
}

function recovered({ parts }: Run, scope: Scope, state: ScopeState): void {
  if (state.error !== null) parts.log(`Cloudflare: ${scope.kind} ${scope.id}: back in order`);
  state.error = null;
  state.failures = 0;
}

function summarise(run: Run): void {
  const { memory, wanted } = run;
  const plans = allScopes(run).map((scope) => {
    const plan = planOf(run, scope);
    const { ours, missing, surplus } = plan;
    Object.assign(memory.scope(scope), { ours, missing, surplus });
    return plan;
  });
  const all = (name: 'leftOut' | 'foreign' | 'refused') => named(plans.flatMap((plan) => plan[name]));
  const { state } = memory;
  state.wanted = wanted.bans.size + wanted.unfit.length;
  Object.assign(state, { leftOut: all('leftOut'), foreign: all('foreign'), refused: all('refused') });
  state.unfit = named(wanted.unfit);
}

/** Those of former settings as far as they are not empty yet. */
function allScopes({ memory, scopes }: Pick<Run, 'memory' | 'scopes'>): readonly Scope[] {
  return [...scopes, ...retiredScopes(memory, scopes)];
}

function named(addresses: readonly string[]): { count: number; addresses: string[] } {
  const each = [...new Set(addresses)];
  return { count: each.length, addresses: each.slice(0, named_max) };
}

/** When the next step is due, if nothing else happens before. */
function nextTime(run: Run, wanted: readonly Wanted[]): UnixTime | null {
  const { memory, now } = run;
  const { waitUntil } = memory.state;
  if (waitUntil !== null) return Math.max(now, waitUntil);
  const ends = wanted.reduce(
    (first, { until }) => (until !== null && until > now ? Math.min(first, until) : first),
    Number.POSITIVE_INFINITY,
  );
  const due = allScopes(run).map((scope) => {
    const state = memory.scope(scope);
    return (
      state.waitUntil ??
      Math.min(
        nextReading(state, now),
        nextTurn(state.setAside, now),
        ends,
        state.missing + state.surplus > 0 ? now + 1 : Number.POSITIVE_INFINITY,
      )
    );
  });
  return due.length === 0 ? null : Math.max(now, Math.min(...due));
}

function statusOf(memory: Memory, scopes: readonly Scope[], now: UnixTime): AccessRulesStatus {
  const { wanted, leftOut, foreign, refused, unfit, waitUntil } = memory.state;
  const states = scopes.map((scope) => memory.scope(scope));
  const errors = states.flatMap(({ error }) => error ?? []);
  const readings = states.map(({ readAt }) => readAt);
  return {
    mode: 'access-rules',
    inStep: states.every(isInStep),
    wanted,
    leftOut,
    foreign,
    refused,
    unfit,
    missing: states.reduce((sum, { missing }) => sum + missing, 0),
    surplus: states.reduce((sum, { surplus }) => sum + surplus, 0),
    scopes: scopes.map((scope) => scopeStatus(scope, memory.scope(scope))),
    error: errors.toSorted((one, other) => other.since - one.since)[0] ?? null,
    waitUntil: waitUntil !== null && waitUntil > now ? waitUntil : null,
    reconciledAt: readings.includes(null) ? null : Math.min(...readings.map((at) => at ?? 0)),
    budgets: [budgetStatus('API calls', memory.state.calls, budgetLimits.ruleCalls, now)],
  };
}

function isInStep({ readAt, doubts, error, missing, surplus }: ScopeState): boolean {
  return readAt !== null && doubts.length === 0 && error === null && missing === 0 && surplus === 0;
}

function scopeStatus({ kind, id }: Scope, { ours, missing, surplus, error }: ScopeState): ScopeStatus {
  return { scope: kind, id, ours, missing, surplus, error };
}
