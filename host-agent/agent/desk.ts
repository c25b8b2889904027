/** One transaction of the agent: what is decided in it is written whole, then takes effect outside. */
import type { DirtyCounters, Engine } from '../../shared/engine/engine.ts';
import { describeError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Change } from '../actions/action.ts';
import type { Order } from '../actions/ticket-action.ts';
import type { Logger } from '../log/log.ts';
import { Effects } from './effects.ts';

export interface DeskParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly log: Logger;
  now(): UnixTime;
  /** Sends changes to a jail's actions; resolves when they were tried. */
  project(jail: string, changes: readonly Change[], orders: readonly Order[]): Promise<void>;
  /** Writes what `body` says to the log in one go. */
  together(body: () => void): void;
  /** Something waits in the outbox. */
  wake(): void;
}

export interface Done<T> {
  readonly result: T;
  /** Resolves when the firewall has been told. */
  readonly settled: Promise<void>;
}

/** In a burst; else at once. */
const saved_every_ms = 1_000;
/** Many counters are written more seldom, so that it takes no more of the time than this, but at least so often. */
const saving_share = 1 / 50;
const saved_every_ms_max = 5_000;
/** So many lines together are a burst. */
const burst_lines_min = 100;
/** Beyond it the log waits until there is room on the disk. */
const put_off_max = 20_000;

export class Desk {
  readonly #parts: DeskParts;
  /** Up to where lines were judged since counters and places were last written. */
  #reached = new Map<string, string>();
  /** What a full disk did not take. */
  #putOff: (() => void)[] = [];
  /** When counters and places are to be written again. */
  #dueAt = Number.NEGATIVE_INFINITY;
  #broken = false;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** Could the database not be written the last time? Then it does not say what should be banned. */
  get isBroken(): boolean {
    return this.#broken;
  }

  /** Where a source stands, if that is not written yet. */
  placeOf(source: string): string | null {
    return this.#reached.get(source) ?? null;
  }

  /**
   * A transaction of lines, which `body` judges up to the place that it answers. In a burst counters and places are written
   * only once a second or more seldom, always together: a crash then has the lines since judged again, from where they were,
   * with the counters of that moment. Their bans are written at once, and a ban that is there already is none.
   */
  judge<T>(
    source: string,
    body: (effects: Effects, now: UnixTime) => { readonly place: string; readonly lines: number; readonly result: T },
  ): T {
    const before = this.#reached;
    this.#reached = new Map(before);
    let isDue = this.#isDue();
    let judged: { readonly result: T; readonly effects: Effects } | null = null;
    try {
      return this.#transact(
        (effects, now) => {
          const { place, lines, result } = body(effects, now);
          this.#reached.set(source, place);
          isDue ||= lines < burst_lines_min;
          judged = { result, effects };
          return result;
        },
        () => isDue,
      ).result;
    } catch (error) {
      return this.#goOn(judged, before, error);
    }
  }

  #isDue(): boolean {
    return this.#broken || performance.now() >= this.#dueAt;
  }

  /** Lines that were judged to their end count, though the disk is full: what they wrote is written when there is room. */
  #goOn<T>(judged: { result: T; effects: Effects } | null, before: Map<string, string>, error: unknown): T {
    const room = put_off_max - this.#putOff.length;
    if (judged === null || !isDatabaseError(error) || judged.effects.writes.length > room) {
      this.#reached = before;
      throw error;
    }
    this.#putOff.push(...judged.effects.writes);
    return judged.result;
  }

  /** Writes what has waited long enough, or `all`, if the database takes it (what is wrong with it is told). */
  save(all = false): void {
    try {
      if (this.#reached.size > 0 && (all || this.#isDue())) this.transact(() => undefined);
    } catch (error) {
      if (!isDatabaseError(error)) throw error;
    }
  }

  /**
   * Runs `body` in a transaction with the changed counters of the engine. What `body` throws undoes it all. If the
   * database cannot be written (a full disk), what was decided takes effect all the same, is told, and the error is thrown.
   */
  transact<T>(body: (effects: Effects, now: UnixTime) => T): Done<T> {
    return this.#transact(body, () => true);
  }

  #transact<T>(body: (effects: Effects, now: UnixTime) => T, withCounters: () => boolean): Done<T> {
    const { store, engine } = this.#parts;
    const effects = new Effects();
    let counters: DirtyCounters = { put: [], gone: [] };
    let began = 0;
    try {
      const result = store.transaction(() => {
        for (const write of this.#putOff) write();
        const decided = body(effects, this.#parts.now());
        if (!withCounters()) return decided;
        began = performance.now();
        counters = engine.takeDirtyCounters();
        store.counters.save(counters);
        for (const [source, place] of this.#reached) store.positions.set(source, place);
        return decided;
      });
      this.#putOff = [];
      if (withCounters()) {
        this.#reached.clear();
        this.#dueAt = nextAfter(began, performance.now());
        this.#written();
      }
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

  /** Awaits nothing itself: the firewall may take its time, and what waits for it would keep all effects in memory. */
  async #carryOut(effects: Effects): Promise<void> {
    this.#parts.together(() => effects.speak());
    if (effects.hasQueued) this.#parts.wake();
    return allOf(effects.outside.map(({ jail, changes, orders }) => this.#parts.project(jail, changes, orders)));
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

/** When counters and places are written next, of which it took until `ended`. */
function nextAfter(began: number, ended: number): number {
  const rest_ms = (ended - began) / saving_share;
  return ended + Math.min(Math.max(rest_ms, saved_every_ms), saved_every_ms_max);
}

async function allOf(told: readonly Promise<void>[]): Promise<void> {
  await Promise.all(told);
}

/** node:sqlite's errors bear this code; all others are a refusal, or our own fault. */
function isDatabaseError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}
