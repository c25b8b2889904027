/** One transaction of the agent: what is decided in it is written whole, then takes effect outside. */
import type { DirtyCounters, Engine } from '../../shared/engine/engine.ts';
import { describeError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Change } from '../actions/action.ts';
import type { Order } from '../actions/ticket-action.ts';
import type { Logger } from '../log.ts';
import { Effects } from './effects.ts';

export interface DeskParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly log: Logger;
  now(): UnixTime;
  /** Sends changes to a jail's actions; resolves when they were tried. */
  project(jail: string, changes: readonly Change[], orders: readonly Order[]): Promise<void>;
  /** Something waits in the outbox. */
  wake(): void;
}

export interface Done<T> {
  readonly result: T;
  /** Resolves when the firewall has been told. */
  readonly settled: Promise<void>;
}

export class Desk {
  readonly #parts: DeskParts;
  #broken = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** Could the database not be written the last time? Then it does not say what should be banned. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /**
   * Runs `body` in a transaction with the changed counters of the engine. What `body` throws undoes it all. If the
   * database cannot be written (a full disk), what was decided takes effect all the same, is told, and the error is thrown.
   */
  transact<T>(body: (effects: Effects, now: UnixTime) => T): Done<T> {
    const { store, engine } = this.#parts;
    const effects = new Effects();
    let counters: DirtyCounters = { put: [], gone: [] };
    try {
      const result = store.transaction(() => {
        const decided = body(effects, this.#parts.now());
        counters = engine.takeDirtyCounters();
        store.counters.save(counters);
        return decided;
      });
      this.#written();
      return { result, settled: this.#carryOut(effects) };
    } catch (error) {
      engine.returnDirtyCounters(counters);
      if (isDatabaseError(error)) {
        void this.#carryOut(effects);
        this.#notWritten(error);
      }
      throw error;
    }
  }

  async #carryOut(effects: Effects): Promise<void> {
    effects.speak();
    if (effects.hasQueued) this.#parts.wake();
    await Promise.all(effects.outside.map(({ jail, changes, orders }) => this.#parts.project(jail, changes, orders)));
  }

  #written(): void {
    if (this.#broken) this.#parts.log.notice('the database can be written again');
    this.#broken = false;
  }

  #notWritten(error: unknown): void {
    if (!this.#broken) this.#parts.log.error(`the database cannot be written: ${describeError(error)}`);
    this.#broken = true;
  }
}

/** node:sqlite's errors bear this code; all others are a refusal, or our own fault. */
function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}
