/** An RE2 program that knows what it costs: what would take too long is not begun. */

import type { Budget, Re2Program } from './pattern.ts';
import type { Watch } from './watch.ts';

/** RE2's work in the matcher's steps, a byte: to find whether there is a match, and to find its groups. */
const testCost = 1 / 32;
const execCost = 1 / 2;
/** From so much work on (bytes times size) one search alone may take too long, if RE2 is at its slowest. */
const dearWork = 1_000_000;
/** Parts of a text are tried first, of a length that is certain to be quick. */
const probeWork = 100_000;

/** What a search of a long text has cost lately. */
class Price {
  #ms_per_byte = 0;

  /** Undefined if the line cannot afford it. `part` searches from a place in the text, `whole` all of it. */
  pay<T>(text: { readonly length: number; readonly size: number }, watch: Watch, search: Searches<T>): T | undefined {
    const left_ms = watch.left_ms();
    if (this.#ms_per_byte === 0) this.#probe(text, watch, left_ms, search);
    if (this.#ms_per_byte * text.length > left_ms) return undefined;
    const { found, took_ms } = watch.time(() => search.whole());
    this.#learn(took_ms / text.length);
    return found;
  }

  /** The dearest counts; one that has turned cheaper is believed by and by. */
  #learn(ms_per_byte: number): void {
    this.#ms_per_byte = Math.max(ms_per_byte, this.#ms_per_byte / 2);
  }

  /** Other parts if the first ones seem dear: a clock may jump. */
  #probe({ length, size }: { length: number; size: number }, watch: Watch, left_ms: number, search: Searches): void {
    const part = Math.min(Math.ceil(probeWork / size), Math.floor(length / 9));
    let least = Infinity;
    for (let round = 0; round < 3 && least * length > left_ms; round += 1) {
      const { took_ms } = watch.time(() => {
        for (const third of [0, 1, 2]) {
          const start = Math.floor((third * length) / 3) + round * part;
          search.part(start, start + part);
        }
      });
      least = Math.min(least, took_ms / (3 * part));
    }
    this.#ms_per_byte = least;
  }
}

interface Searches<T = unknown> {
  whole(): T;
  part(start: number, end: number): unknown;
}

export class PricedProgram {
  readonly #program: Re2Program;
  /** Of RE2's program, in characters of its source with the counted repeats written out. */
  readonly #size: number;
  readonly #test = new Price();
  readonly #exec = new Price();

  constructor(program: Re2Program, size: number) {
    this.#program = program;
    this.#size = size;
  }

  /** False, with the budget exhausted, if the line cannot afford to know. */
  test(bytes: Uint8Array, budget: Budget): boolean {
    const found = this.#pay(this.#test, bytes.length, testCost, budget, {
      whole: () => this.#program.test(bytes),
      part: (start, end) => this.#program.test(bytes.subarray(start, end)),
    });
    return found ?? false;
  }

  /** Null, with the budget exhausted, if the line cannot afford it. */
  exec(text: string, budget: Budget): readonly number[] | null {
    const found = this.#pay(this.#exec, text.length, execCost, budget, {
      whole: () => this.#program.exec(text),
      part: (start, end) => this.#program.exec(text.slice(start, end)),
    });
    return found ?? null;
  }

  #pay<T>(price: Price, length: number, cost: number, budget: Budget, search: Searches<T>): T | undefined {
    if (!spend(budget, length * cost)) return undefined;
    const { watch } = budget;
    const work = length * this.#size;
    if (watch === undefined) return search.whole();
    if (work >= dearWork) {
      const found = price.pay({ length, size: this.#size }, watch, search);
      if (found === undefined) budget.exhausted = true;
      return found;
    }
    if (watch.allows(work)) return search.whole();
    budget.exhausted = true;
    return undefined;
  }
}

/** Takes steps from the budget, or says that there are not so many left. */
export function spend(budget: Budget, steps: number): boolean {
  if (budget.steps < steps) budget.exhausted = true;
  else budget.steps -= Math.ceil(steps);
  return !budget.exhausted;
}
