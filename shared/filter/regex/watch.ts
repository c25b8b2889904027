/**
 * Watches the time that one line costs where steps cannot tell: RE2 takes from one nanosecond to ten microseconds a byte,
 * according to how many ways an expression has open in a text.
 */

/** The host's clocks, both in milliseconds, from anywhere. */
export interface Clock {
  /** What this thread has computed, however busy the machine is; it may go in ticks of some milliseconds. */
  cpu_ms(): number;
  /** A fine clock on the wall. */
  wall_ms(): number;
}

/** The time of the thread that one line may take; beyond it the line is a miss. The matcher's steps come on top. */
const line_cpu_ms_max = 20;

/** RE2's work (bytes times size of the program, at most some ten nanoseconds each) between two looks at the clock. */
const blindWorkMax = 500_000;
/** Linux counts a thread's time by ticks of four milliseconds. */
const tick_ms = 4;

interface Moment {
  readonly cpu_ms: number;
  readonly wall_ms: number;
}

export class Watch {
  readonly #clock: Clock;
  #begun: Moment | null = null;
  #blindWork = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new line. The clock is not read before there is much work: most lines never need it. */
  begin(): void {
    this.#begun = null;
    this.#blindWork = 0;
  }

  /** What `work` takes: by the fine clock, unless others had the machine meanwhile. */
  time<T>(work: () => T): { readonly found: T; readonly took_ms: number } {
    const before = this.#now();
    const found = work();
    return { found, took_ms: this.#since(before) };
  }

  /** False if the line has had its time. */
  allows(work: number): boolean {
    this.#blindWork += work;
    return this.#blindWork < blindWorkMax || this.left_ms() > 0;
  }

  left_ms(): number {
    this.#begun ??= this.#now();
    this.#blindWork = 0;
    return line_cpu_ms_max - this.#since(this.#begun);
  }

  #now(): Moment {
    return { cpu_ms: this.#clock.cpu_ms(), wall_ms: this.#clock.wall_ms() };
  }

  #since({ cpu_ms, wall_ms }: Moment): number {
    const now = this.#now();
    return Math.min(now.wall_ms - wall_ms, now.cpu_ms - cpu_ms + tick_ms);
  }
}
