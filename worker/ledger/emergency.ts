/** The operator's switches for all bans at once: panic, resume, and the brake by hand; carried out before they answer. */
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { budgetLimits, secondsFor } from '../cloudflare/budget.ts';
import type { AccessRulesStatus } from '../cloudflare/contract.ts';
import type { Enforcement, RuleStatus } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import type { Switched } from '../shapes.ts';
import { type ActName, noteAct, type Person } from './acts.ts';
import { holdBrakeOff } from './brake.ts';
import { carryOut } from './stance.ts';
import { readBrake, readPanic, writeBrake, writePanic } from './standing.ts';
import { noteUrgent } from './state.ts';

export type Switch = Extract<ActName, 'panic' | 'resume' | 'brake' | 'brake-released'>;

/** What the first 300 calls take, at Cloudflare's pace of answering. */
const seconds_min = 30;

export interface EmergencyParts {
  readonly sql: Sql;
  /** Null: nothing is enforced at Cloudflare by the ledger. */
  readonly enforcement: () => Enforcement | null;
  /** To be called after a change of what is enforced. */
  readonly changed: () => Promise<void>;
  readonly now: () => UnixTime;
}

export class Emergency {
  readonly #parts: EmergencyParts;

  constructor(parts: EmergencyParts) {
    this.#parts = parts;
  }

  /**
   * A second panic (or brake) keeps the time and the reason of the first. Who resumes though the ledger knows of no panic has
   * found rules that somebody else has switched off (by hand, past the Worker, or before the ledger was lost).
   */
  to(what: Switch, person: Person, reason: string): Promise<Switched> {
    const { sql, now } = this.#parts;
    const by = nameOf(person);
    const revive = what === 'resume' && readPanic(sql) === null;
    return this.#switch(revive, () => {
      noteAct(sql, person, what, reason, now());
      if (what === 'panic') writePanic(sql, readPanic(sql) ?? { since: now(), by, reason });
      else if (what === 'resume') writePanic(sql, null);
      else if (what === 'brake') writeBrake(sql, readBrake(sql) ?? { since: now(), by, rate: 0, usual: 0 });
      else {
        writeBrake(sql, null);
        holdBrakeOff(sql, now());
      }
    });
  }

  /** It is written before Cloudflare is asked, so what fails there is tried again by the alarm. */
  async #switch(revive: boolean, body: () => void): Promise<Switched> {
    const { sql, enforcement, changed, now } = this.#parts;
    sql.transaction(() => {
      body();
      noteUrgent(sql);
    });
    const rules = await carryOut(sql, enforcement(), now(), revive);
    await changed();
    const panic = readPanic(sql);
    log(panic === null ? 'edge-in-force' : 'edge-lifted', { rules: rules?.length ?? 0 });
    const standing = enforcement()?.status(now()) ?? null;
    const told =
      standing?.mode === 'access-rules' ? ruleByRule(standing, panic !== null) : outcome(rules, panic !== null);
    return { panic, brake: readBrake(sql), ...told, rules: rules ?? [] };
  }
}

function nameOf({ who, place }: Person): string {
  return place === null ? who : `${who} at ${place}`;
}

/** Access rules have no switch: Cloudflare takes one call for each of them, and 1,200 in five minutes. */
function ruleByRule({ scopes, wanted }: AccessRulesStatus, panic: boolean): Pick<Switched, 'done' | 'detail'> {
  const ours = scopes.reduce((sum, scope) => sum + scope.ours, 0);
  const rules = panic ? ours : Math.max(ours, wanted);
  const limit = panic ? budgetLimits.panicCalls : budgetLimits.ruleCalls;
  const minutes = Math.ceil((secondsFor(rules, limit) + seconds_min) / 60);
  if (rules === 0) return { done: true, detail: 'there are no access rules' };
  const what = panic ? 'taken away' : 'made as they are to be';
  return {
    done: false,
    detail: `${rules} access rules are being ${what} one by one: about ${minutes} min; see the status`,
  };
}

function outcome(rules: readonly RuleStatus[] | null, panic: boolean): Pick<Switched, 'done' | 'detail'> {
  if (rules === null) return { done: true, detail: 'the ledger itself enforces nothing at Cloudflare' };
  const waiting = rules.filter((rule) => rule.waiting);
  if (waiting.length > 0)
    return { done: false, detail: `${waiting.length} of ${rules.length} rules follow within seconds: see the status` };
  const failed = rules.filter(({ error, enabled }) => error !== null || (panic && enabled));
  if (failed.length > 0) return { done: false, detail: `${zonesOf(failed)}: tried again, see the status` };
  const off = panic ? [] : rules.filter(({ enabled }) => !enabled);
  if (off.length > 0)
    return {
      done: false,
      detail: `${zonesOf(off)}: somebody else has switched the rule off; resume (again) switches it on`,
    };
  return { done: true, detail: `${new Set(rules.map(({ zone }) => zone)).size} zones follow` };
}

function zonesOf(rules: readonly RuleStatus[]): string {
  return [...new Set(rules.map(({ zone }) => zone))].join(', ');
}
