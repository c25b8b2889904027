/** The operator's switches for all bans at once: panic, resume, and the brake by hand; carried out before they answer. */
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Enforcement, RuleStatus } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import type { Switched } from '../shapes.ts';
import { type ActName, noteAct, type Person } from './acts.ts';
import { holdBrakeOff } from './brake.ts';
import { carryOut } from './stance.ts';
import { readBrake, readPanic, writeBrake, writePanic } from './standing.ts';
import { noteUrgent } from './state.ts';

export type Switch = Extract<ActName, 'panic' | 'resume' | 'brake' | 'brake-released'>;

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

  /** A second panic (or brake) keeps the time and the reason of the first. */
  to(what: Switch, person: Person, reason: string): Promise<Switched> {
    const { sql, now } = this.#parts;
    const by = nameOf(person);
    return this.#switch(() => {
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
  async #switch(body: () => void): Promise<Switched> {
    const { sql, enforcement, changed, now } = this.#parts;
    sql.transaction(() => {
      body();
      noteUrgent(sql);
    });
    const rules = await carryOut(sql, enforcement(), now());
    await changed();
    const panic = readPanic(sql);
    log(panic === null ? 'edge-in-force' : 'edge-lifted', { rules: rules?.length ?? 0 });
    return { panic, brake: readBrake(sql), ...outcome(rules, panic !== null), rules: rules ?? [] };
  }
}

function nameOf({ who, place }: Person): string {
  return place === null ? who : `${who} at ${place}`;
}

function outcome(rules: readonly RuleStatus[] | null, panic: boolean): Pick<Switched, 'done' | 'detail'> {
  if (rules === null) return { done: true, detail: 'the ledger itself enforces nothing at Cloudflare' };
  if (rules.length === 0)
    return { done: false, detail: `the access rules are being ${panic ? 'taken away' : 'made again'}, see the status` };
  const failed = rules.filter(({ error, enabled }) => error !== null || (panic && enabled));
  const zones = new Set(rules.map(({ zone }) => zone)).size;
  if (failed.length === 0) return { done: true, detail: `${zones} zones follow` };
  const lagging = [...new Set(failed.map(({ zone }) => zone))];
  return { done: false, detail: `${lagging.join(', ')}: tried again, see the status` };
}
