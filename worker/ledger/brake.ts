/** The brake: when new bans jump, blocks become challenges, because somebody may be banning the world. */
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { log } from '../problem.ts';
import { itself, noteAct } from './acts.ts';
import type { Chore } from './chores.ts';
import { ledgerLimits } from './limits.ts';
import { Pulse } from './pulse.ts';
import { readBrake, writeBrake } from './standing.ts';
import { noteUrgent } from './state.ts';

const offKey = 'edge.brake-off';
/** When bans last jumped, and when that was last looked at. */
const calmKey = 'edge.brake-calm';
const lookKey = 'edge.brake-look';

/** To be called when the operator releases the brake: for an hour the ledger does not set it by itself. */
export function holdBrakeOff(sql: Sql, now: UnixTime): void {
  new Meta(sql).set(offKey, String(Math.floor(now + ledgerLimits.brake_off)));
}

export class BrakeChore implements Chore {
  readonly name = 'brake';
  readonly #sql: Sql;
  readonly #pulse: Pulse;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#pulse = new Pulse(sql);
  }

  /** What hosts have newly banned, by weight; sets the brake if that is too much at once. */
  note(weight: number, now: UnixTime): void {
    this.#pulse.add(weight, now);
    if (weight === 0 || readBrake(this.#sql) !== null || !this.#jumps(now)) return;
    if (new Meta(this.#sql).count(offKey) > now) return;
    const [rate, usual] = [this.#pulse.minute(now), this.#pulse.usual(now)];
    this.#sql.transaction(() => {
      writeBrake(this.#sql, { since: now, by: itself.who, rate, usual });
      new Meta(this.#sql).set(calmKey, String(Math.floor(now)));
      noteAct(this.#sql, itself, 'brake', `${rate} bans (by weight) in a minute, usually ${usual.toFixed(1)}`, now);
      noteUrgent(this.#sql);
    });
    log('brake', { rate, usual });
  }

  /** Looked at as long as it is on, but for one that was set by hand. */
  due(): UnixTime {
    const brake = readBrake(this.#sql);
    if (brake === null || brake.by !== itself.who) return Number.POSITIVE_INFINITY;
    return new Meta(this.#sql).count(lookKey) + ledgerLimits.brake_look;
  }

  run(now: UnixTime): void {
    const meta = new Meta(this.#sql);
    meta.set(lookKey, String(Math.floor(now)));
    if (this.#jumps(now)) meta.set(calmKey, String(Math.floor(now)));
    if (now - meta.count(calmKey) < ledgerLimits.brake_calm) return;
    this.#sql.transaction(() => {
      writeBrake(this.#sql, null);
      noteAct(this.#sql, itself, 'brake-released', `calm for ${ledgerLimits.brake_calm} s`, now);
      noteUrgent(this.#sql);
    });
    log('brake-released');
  }

  /** Writes down what has been noted. */
  save(): void {
    this.#pulse.save();
  }

  #jumps(now: UnixTime): boolean {
    const { brake_bans_min, brake_factor } = ledgerLimits;
    const minute = this.#pulse.minute(now);
    return minute > brake_bans_min && minute > brake_factor * this.#pulse.usual(now);
  }
}
