/** How much hosts have newly banned of late, by weight, in steps of ten seconds over an hour: what the brake goes by. */
import { z } from 'zod';
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';

const step_s = 10;
const steps_per_minute = 6;
const steps_kept = 61 * steps_per_minute;
/** A jump is far more than that; a writing is a row of the plan's. */
const unsaved_max = 20;
const key = 'edge.pulse';
const State = z.array(z.tuple([z.number().int(), z.number().int()]));

/** In memory, and written down with the alarm: what a kill loses makes the hour look calmer than it was. */
export class Pulse {
  readonly #sql: Sql;
  /** By the number of the step. */
  readonly #counts: Map<number, number>;
  /** What was added since it was written down. */
  #unsaved = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
    const text = new Meta(sql).get(key);
    this.#counts = new Map(text === null ? [] : State.parse(JSON.parse(text)));
  }

  add(weight: number, now: UnixTime): void {
    if (weight === 0) return;
    const step = stepOf(now);
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + weight);
    this.#unsaved += weight;
    for (const old of this.#counts.keys()) if (old <= step - steps_kept) this.#counts.delete(old);
  }

  /** In the last minute. */
  minute(now: UnixTime): number {
    const step = stepOf(now);
    return this.#sum(step - steps_per_minute + 1, step);
  }

  /** A minute, in the hour before that. */
  usual(now: UnixTime): number {
    const step = stepOf(now);
    return this.#sum(step - steps_kept + 1, step - steps_per_minute) / 60;
  }

  save(): void {
    if (this.#unsaved < unsaved_max) return;
    new Meta(this.#sql).set(key, JSON.stringify([...this.#counts]));
    this.#unsaved = 0;
  }

  #sum(first: number, last: number): number {
    return [...this.#counts].reduce((sum, [step, weight]) => (step >= first && step <= last ? sum + weight : sum), 0);
  }
}

function stepOf(time: UnixTime): number {
  return Math.floor(time / step_s);
}
