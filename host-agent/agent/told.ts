/** What was told lately: the same thing is told once in a while, and no flood of things fills the memory. */
const remembered_max = 10_000;

export class Told {
  readonly #every_ms: number;
  readonly #clock: () => number;
  readonly #at = new Map<string, number>();

  /** `clock`: milliseconds that only grow. */
  constructor(every_ms: number, clock: () => number = () => performance.now()) {
    this.#every_ms = every_ms;
    this.#clock = clock;
  }

  /** True if it is time to tell `what` (again). */
  isDue(what: string): boolean {
    const now = this.#clock();
    const before = this.#at.get(what);
    if (before !== undefined && now - before < this.#every_ms) return false;
    this.#at.delete(what);
    this.#at.set(what, now);
    const oldest = this.#at.keys().next();
    if (this.#at.size > remembered_max && oldest.done !== true) this.#at.delete(oldest.value);
    return true;
  }
}
