/**
 * Watches the time that one line costs where steps cannot tell: RE2 takes from one nanosecond to ten microseconds a byte,
 * according to how many ways an expression has open in a text.
 */

/** The time of the thread that one line may take; beyond it the line is a miss. The matcher's steps come on top. */
export const line_cpu_ms_max = 20;

/** RE2's work (bytes times size of the program, at most some ten nanoseconds each) between two looks at the clock. */
const blindWorkMax = 500_000;

export class Watch {
  readonly #cpu_ms: () => number;
  #begun: number | null = null;
  #blindWork = 0;

  /** `cpu_ms` is the time that this thread has spent computing: not what others on a busy machine took. */
  constructor(cpu_ms: () => number) {
    this.#cpu_ms = cpu_ms;
  }

  /** A new line. The clock is not read before there is much work: most lines never need it. */
  begin(): void {
    this.#begun = null;
    this.#blindWork = 0;
  }

  now(): number {
    return this.#cpu_ms();
  }

  /** False if the line has had its time. */
  allows(work: number): boolean {
    this.#blindWork += work;
    return this.#blindWork < blindWorkMax || this.left_ms() > 0;
  }

  left_ms(): number {
    const now = this.#cpu_ms();
    this.#begun ??= now;
    this.#blindWork = 0;
    return line_cpu_ms_max - (now - this.#begun);
  }
}
