/** Lifts what is banned although it is guarded by now: after a change of ALLOW, of Cloudflare's ranges, of hosts' addresses. */
import type { Guard } from '../../shared/engine/guard.ts';
import type { Holders } from '../../shared/store/holders.ts';
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { log } from '../problem.ts';
import { liftSpared } from './bans.ts';
import type { Chore } from './chores.ts';
import type { Roll } from './roll.ts';
import { noteChange } from './state.ts';

const key = 'guard.swept';

export interface SparedParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly roll: Roll;
  readonly guard: () => Guard;
  /** Says in one text what the guard goes by at this moment. */
  readonly sources: () => string;
  /** Tells hosts. */
  readonly changed: () => void;
}

/** Due when the guard goes by something else than when all bans were last looked through. */
export class SparedChore implements Chore {
  readonly name = 'spared';
  readonly #parts: SparedParts;
  #due = true;

  constructor(parts: SparedParts) {
    this.#parts = parts;
    this.#due = parts.sources() !== new Meta(parts.sql).get(key);
  }

  /** To be called with every change of the guard. */
  renew(): void {
    this.#due = true;
  }

  due(): number {
    return this.#due ? 0 : Number.POSITIVE_INFINITY;
  }

  run(now: number): void {
    const { sql, holders, roll, guard, sources, changed } = this.#parts;
    roll.follow(now);
    const lifted = sql.transaction(() => {
      const count = liftSpared({ sql, holders }, roll.banned(), (prefix) => guard().check(prefix) !== null, now);
      if (count > 0) noteChange(sql);
      new Meta(sql).set(key, sources());
      return count;
    });
    this.#due = false;
    if (lifted === 0) return;
    log('guarded-lifted', { holders: lifted });
    changed();
  }
}
