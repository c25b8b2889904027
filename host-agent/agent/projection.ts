/** Keeps one action equal to what the store says: changes go out in batches, what failed is mended by a reconcile. */
import { EdgebanError } from '../../shared/errors.ts';
import type { Action, Block, Change, Outcome } from '../actions/action.ts';

export const projectionLimits = {
  retry_ms_min: 1_000,
  retry_ms_max: 60_000,
  /** Somebody may have emptied the firewall behind our back: look this often whether all is there. */
  review_ms: 20_000,
  /** What the sets hold is read so seldom that it takes a 500th of the time in all jails together, at least this often. */
  reading_share: 1 / 500,
  reading_ms_max: 600_000,
} as const;

export interface ProjectionParts {
  readonly action: Action;
  /** What should be blocked now: asked at each reconcile. Null: nobody knows, leave all as it is. */
  wanted(): readonly Block[] | null;
  /** Some of that, which a quick look asks for. */
  sample(): readonly Block[];
  /** How many share the time in which sets may be read. */
  jails(): number;
  /** An address that could not be blocked (or the action as a whole: null); told once until it works again. */
  failed(address: string | null, error: EdgebanError): void;
  /** All is as wanted again after a failure. */
  mended(): void;
}

export class Projection {
  readonly #parts: ProjectionParts;
  readonly #pending = new Map<string, Change>();
  /** What was told as failed; the empty string stands for the whole action. */
  readonly #failing = new Map<string, EdgebanError>();
  #reconcile = true;
  /** When all has to be read again, in milliseconds that only grow. */
  #readAt = 0;
  #retry_ms: number = projectionLimits.retry_ms_min;
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #closed = false;

  constructor(parts: ProjectionParts) {
    this.#parts = parts;
  }

  /** Is an address, or the whole action, not as it should be? */
  get isFailing(): boolean {
    return this.#failing.size > 0;
  }

  /** What is not as it should be; null stands for the whole action. */
  get failing(): { readonly address: string | null; readonly error: EdgebanError }[] {
    return [...this.#failing].map(([address, error]) => ({ address: address === '' ? null : address, error }));
  }

  /** Makes the action equal to `wanted`; resolves when that was tried. */
  reconcile(): Promise<void> {
    this.#reconcile = true;
    return this.#run();
  }

  /** Sends changes; resolves when they, and all before them, have been tried. */
  change(changes: readonly Change[]): Promise<void> {
    for (const change of changes) {
      // the newest change of an address is the one that counts, in its new place
      this.#pending.delete(change.address);
      this.#pending.set(change.address, change);
    }
    return this.#run();
  }

  /** Waits for what is under way, then lets go of the action; `flush` takes its blocks away. */
  async close(options: { readonly flush: boolean }): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#work;
    await this.#parts.action.close(options);
  }

  #run(): Promise<void> {
    this.#work ??= this.#drain().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  async #drain(): Promise<void> {
    // what is asked for in the same turn goes out in one batch
    await Promise.resolve();
    while (!this.#closed && (this.#reconcile || this.#pending.size > 0)) {
      const whole = this.#reconcile;
      const outcomes = await this.#step();
      const again = this.#settle(outcomes, whole);
      if (again) break;
    }
    this.#schedule();
  }

  /** Null: the action as a whole did not work (it was told). */
  async #step(): Promise<readonly Outcome[] | null> {
    const changes = [...this.#pending.values()];
    this.#pending.clear();
    const whole = this.#reconcile;
    this.#reconcile = false;
    try {
      const { action } = this.#parts;
      if (!whole) return await action.apply(changes);
      const wanted = this.#parts.wanted();
      // what was to be changed in this turn is in the store, and so in `wanted`
      if (wanted === null) return await action.apply(changes);
      const began = performance.now();
      const outcomes = await action.reconcile(wanted);
      const rest_ms = ((performance.now() - began) / projectionLimits.reading_share) * this.#parts.jails();
      this.#readAt = performance.now() + Math.min(rest_ms, projectionLimits.reading_ms_max);
      return outcomes;
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      this.#tell(null, error);
      return null;
    }
  }

  /** Takes note of failures; true if a reconcile has to come, but not at once. */
  #settle(outcomes: readonly Outcome[] | null, whole: boolean): boolean {
    if (outcomes === null) {
      this.#reconcile = true;
      return true;
    }
    if (outcomes.some(({ error }) => error.code === 'ERR_ACTION_GONE')) {
      this.#reconcile = true;
      return false;
    }
    for (const { address, error } of outcomes) this.#tell(address, error);
    if (whole) this.#clearAllBut(new Set(outcomes.map(({ address }) => address)));
    return false;
  }

  /** After a reconcile nothing else fails any more. */
  #clearAllBut(failing: ReadonlySet<string>): void {
    if (!this.isFailing) return;
    for (const key of this.#failing.keys()) if (!failing.has(key)) this.#failing.delete(key);
    if (this.isFailing) return;
    this.#retry_ms = projectionLimits.retry_ms_min;
    this.#parts.mended();
  }

  #tell(address: string | null, error: EdgebanError): void {
    const key = address ?? '';
    if (this.#failing.has(key)) return;
    this.#failing.set(key, error);
    this.#parts.failed(address, error);
  }

  /** The next look: soon if something failed, otherwise as a review. */
  #schedule(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const { review_ms } = projectionLimits;
    // at fixed times: an attack whose bans never pause must not put the review off, and the jails wake the machine together
    const wait_ms = this.isFailing ? this.#retry_ms : review_ms - (performance.now() % review_ms);
    if (this.isFailing) this.#retry_ms = Math.min(this.#retry_ms * 2, projectionLimits.retry_ms_max);
    this.#timer = setTimeout(() => void this.#review(), wait_ms);
    this.#timer.unref();
  }

  /** A table that is gone, or a set that was emptied, is made good at once; that somebody took single addresses away may be seen later. */
  async #review(): Promise<void> {
    const isDue = this.isFailing || performance.now() >= this.#readAt;
    if (!isDue && (await this.#isThere())) return this.#schedule();
    await this.reconcile();
  }

  /** What hinders the look hinders the reconcile too, which tells of it. */
  async #isThere(): Promise<boolean> {
    try {
      return await this.#parts.action.isThere(this.#parts.sample());
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      return false;
    }
  }
}
