/** One step's means in the mode `access-rules`: the client, how many calls it may still make, and what pays for them. */
import type { UnixTime } from '../../../shared/time.ts';
import { type BucketLimit, budgetLimits, readyAt, refill } from '../budget.ts';
import { createClient } from '../client.ts';
import type { AccessRulesSettings, EnforcementParts } from '../contract.ts';
import { calls_per_step_max, Pause, timeout_ms_usual } from '../run.ts';
import { type AccessRules, createAccessRules, type Scope } from './api.ts';
import type { Memory } from './memory.ts';
import type { Cut } from './pieces.ts';
import { type Plan, planFor, rules_max } from './plan.ts';

export interface Run {
  readonly parts: EnforcementParts<AccessRulesSettings>;
  readonly memory: Memory;
  readonly api: AccessRules;
  readonly scopes: readonly Scope[];
  /** Scopes of former settings: nothing is wanted there any more. */
  readonly retired: readonly Scope[];
  readonly wanted: Cut;
  readonly instance: string;
  readonly now: UnixTime;
  /** Is more than half of the budget left? */
  atEase(): boolean;
}

const nothing: Cut = { pieces: new Map(), bans: new Map(), unfit: [] };

export function createRun(
  parts: EnforcementParts<AccessRulesSettings>,
  memory: Memory,
  wanted: Cut,
  now: UnixTime,
): Run {
  const { settings, fetch, timeout_ms = timeout_ms_usual } = parts;
  const limit = limitFor(parts);
  let made = 0;

  function beforeCall(): void {
    if (made >= calls_per_step_max) throw new Pause(now);
    const calls = refill(memory.state.calls, limit, now);
    const ready = readyAt(calls, limit, 1);
    if (ready > now) throw new Pause(ready);
    made += 1;
    memory.state.calls = { ...calls, left: calls.left - 1 };
  }

  const client = createClient({ base: settings.apiBase, token: settings.token, fetch, timeout_ms, beforeCall });
  const { instance = 'main' } = settings;
  const atEase = () => refill(memory.state.calls, limit, now).left > limit.burst / 2;
  const scopes = scopesOf(settings);
  const retired = retiredScopes(memory, scopes);
  return { parts, memory, api: createAccessRules(client), scopes, retired, wanted, instance, now, atEase };
}

function limitFor({ spares, stance }: EnforcementParts<AccessRulesSettings>): BucketLimit {
  if (spares === true) return budgetLimits.formerCalls;
  return stance?.().panic === true ? budgetLimits.panicCalls : budgetLimits.ruleCalls;
}

export function scopesOf({ accountId, zoneIds }: AccessRulesSettings): readonly Scope[] {
  if (zoneIds === null) return [{ kind: 'account', id: accountId }];
  return [...new Set(zoneIds)].map((id) => ({ kind: 'zone', id }));
}

/** Those that other settings of this mode would use: a ledger that was lost may have made rules there. */
export function unusedScopes({ accountId, zoneIds, unusedZoneIds = [] }: AccessRulesSettings): readonly Scope[] {
  if (zoneIds !== null) return [{ kind: 'account', id: accountId }];
  return unusedZoneIds.map((id) => ({ kind: 'zone', id }));
}

/** A rule has no end of its own: what a former setting has left would stay for ever. */
export function retiredScopes({ state }: Memory, scopes: readonly Scope[]): readonly Scope[] {
  return Object.entries(state.scopes)
    .map(([id, { kind }]) => ({ id, kind }))
    .filter(({ id }) => !scopes.some((scope) => scope.id === id));
}

export function isRetired({ retired }: Run, scope: Scope): boolean {
  return retired.some(({ id }) => id === scope.id);
}

export function planOf(run: Run, scope: Scope): Plan {
  const { memory, instance, now, scopes } = run;
  const wanted = isRetired(run, scope) ? nothing : run.wanted;
  const { setAside } = memory.scope(scope);
  const room = Math.floor(rules_max / Math.max(1, scopes.length));
  return planFor(wanted, { rules: memory.rules(scope).values(), setAside, instance, room }, now);
}
