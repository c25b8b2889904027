/** One step's means in the mode `access-rules`: the client, how many calls it may still make, and what pays for them. */
import type { UnixTime } from '../../../shared/time.ts';
import { budgetLimits, readyAt, refill } from '../budget.ts';
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
  readonly wanted: Cut;
  readonly instance: string;
  readonly now: UnixTime;
  /** Is more than half of the budget left? */
  atEase(): boolean;
}

export function createRun(
  parts: EnforcementParts<AccessRulesSettings>,
  memory: Memory,
  wanted: Cut,
  now: UnixTime,
): Run {
  const { settings, fetch, timeout_ms = timeout_ms_usual } = parts;
  const limit = budgetLimits.ruleCalls;
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
  return { parts, memory, api: createAccessRules(client), scopes: scopesOf(settings), wanted, instance, now, atEase };
}

export function scopesOf({ accountId, zoneIds }: AccessRulesSettings): readonly Scope[] {
  if (zoneIds === null) return [{ kind: 'account', id: accountId }];
  return [...new Set(zoneIds)].map((id) => ({ kind: 'zone', id }));
}

export function planOf(run: Run, scope: Scope): Plan {
  const { memory, wanted, instance, now, scopes } = run;
  const { setAside } = memory.scope(scope);
  const room = Math.floor(rules_max / scopes.length);
  return planFor(wanted, { rules: memory.rules(scope).values(), setAside, instance, room }, now);
}
