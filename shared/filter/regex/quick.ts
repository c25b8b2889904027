/** Runs the code that is generated for an expression, in the texts and within the steps that it is for. */

import { Alike } from './alike.ts';
import { generate } from './generate.ts';
import type { Budget, Re2, Search, SearchMemory } from './pattern.ts';
import { compileProgram, type Program } from './program.ts';
import { place } from './room.ts';
import type { Tree } from './tree.ts';

/** Searches between two texts that are taken for an example: to find out what is alike takes as long as some ten of them. */
const examplesEvery = 128;

export class QuickSearch {
  readonly #search: Search;
  readonly #memory: SearchMemory;
  readonly #lead: readonly Uint8Array[];
  /** Numbers in memory that a search finds unset. */
  readonly #marks: number;
  readonly #registers: number;
  readonly #kept: readonly number[];
  /** Where texts are expected that begin alike. */
  readonly #program: Program | null;
  #alike: Alike | null = null;
  #searches = 0;

  constructor(
    search: Search,
    memory: SearchMemory,
    lead: readonly Uint8Array[],
    program: Program,
    { kept, alike }: { kept: readonly number[]; alike: boolean },
  ) {
    this.#search = search;
    this.#memory = memory;
    this.#program = alike ? program : null;
    this.#kept = [0, ...kept];
    this.#lead = lead;
    this.#marks = 2 * (program.groups + 1);
    this.#registers = program.registers;
  }

  /** What it knows without a search. */
  get alike(): Alike | null {
    return this.#alike;
  }

  /** Looks at the first characters: of twenty expressions most are done with after one. */
  #mayMatch(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < this.#lead.length) return false;
    for (let at = 0; at < this.#lead.length; at += 1) {
      if (this.#lead[at]?.[bytes[start + at] ?? 128] !== 1) return false;
    }
    return true;
  }

  /**
   * The marks of the first match in an ASCII text and of the groups that are kept, counted from its begin; null if there is
   * none, undefined if `steps` did not do. `base` is where the bytes begin in the memory of the searches, if they are there.
   */
  search(
    bytes: Uint8Array,
    start: number,
    end: number,
    budget: Budget,
    steps: number,
    base = -1,
  ): readonly number[] | null | undefined {
    const known = this.#alike?.marksIn(bytes, start, end) ?? null;
    if (known !== null) return known;
    if (!this.#mayMatch(bytes, start, end)) return null;
    const allowed = Math.min(steps, budget.steps);
    const { numbers } = this.#memory;
    unset(numbers, place.marks / 4, this.#marks);
    unset(numbers, place.registers / 4, this.#registers);
    const begin = base < 0 ? this.#copied(bytes, start, end) : base + start;
    const found = this.#search(begin, begin + end - start, allowed);
    budget.steps -= allowed - Math.max(0, numbers[place.steps / 4] ?? 0);
    if (found < 0) return undefined;
    if (found === 0) return null;
    // a typed array would have memory of its own to be asked for and freed
    const kept = this.#kept;
    const marks = new Array<number>(2 * kept.length);
    for (let index = 0; index < kept.length; index += 1) {
      const mark = place.marks / 4 + 2 * (kept[index] ?? 0);
      marks[2 * index] = placeIn(numbers[mark], begin);
      marks[2 * index + 1] = placeIn(numbers[mark + 1], begin);
    }
    if (this.#program !== null && this.#searches++ % examplesEvery === 0) {
      this.#alike = Alike.of(this.#program, bytes, start, end, marks);
    }
    return marks;
  }

  /** All at once: a processor waits for single bytes that it is to read together. */
  #copied(bytes: Uint8Array, start: number, end: number): number {
    this.#memory.bytes.set(bytes.subarray(start, end), place.text);
    return place.text;
  }
}

/** For so few numbers quicker than `fill`. */
function unset(numbers: Int32Array, from: number, count: number): void {
  for (let at = from; at < from + count; at += 1) numbers[at] = -1;
}

/** From an address in memory. */
function placeIn(mark: number | undefined, begin: number): number {
  return mark === undefined || mark < 0 ? -1 : mark - begin;
}

/** Null where the host cannot make functions, or the expression has what only the matcher can do. */
export function quickSearch(
  tree: Tree,
  re2: Re2,
  options: { readonly kept: readonly number[]; readonly alike: boolean },
): QuickSearch | null {
  if (re2.searches === undefined) return null;
  const program = compileProgram(tree);
  const generated = generate(program);
  if (generated === null) return null;
  const { build, memory } = re2.searches;
  return new QuickSearch(build(generated.module), memory, generated.lead, program, options);
}
