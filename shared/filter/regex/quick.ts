/** Runs the code that is generated for an expression, in the texts and within the steps that it is for. */

import { Alike } from './alike.ts';
import { type Generated, generate, parameters } from './generate.ts';
import type { Budget, Re2, Search } from './pattern.ts';
import { compileProgram, type Program } from './program.ts';
import { stackSize } from './routine.ts';
import type { Tree } from './tree.ts';

/** One search runs at a time, and none leaves anything behind. */
const stack = new Int32Array(stackSize);
/** Steps that remain, and where the text begins and ends. */
const state = new Int32Array(3);

/** Searches between two texts that are taken for an example: to find out what is alike takes as long as some ten of them. */
const examplesEvery = 128;

export class QuickSearch {
  readonly #search: Search;
  readonly #low: Uint8Array;
  readonly #lead: readonly Uint8Array[];
  readonly #marks: Int32Array;
  readonly #registers: Int32Array;
  readonly #kept: readonly number[];
  /** Where texts are expected that begin alike. */
  readonly #program: Program | null;
  #alike: Alike | null = null;
  #searches = 0;

  constructor(
    search: Search,
    { low, lead }: Generated,
    program: Program,
    { kept, alike }: { kept: readonly number[]; alike: boolean },
  ) {
    const { groups, registers } = program;
    this.#search = search;
    this.#program = alike ? program : null;
    this.#kept = [0, ...kept];
    this.#low = low;
    this.#lead = lead;
    this.#marks = new Int32Array(2 * (groups + 1));
    this.#registers = new Int32Array(registers);
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
   * The marks of the first match in an ASCII text and of the groups that are kept, counted from its begin; null if there is none, undefined if `steps` did
   * not do.
   */
  search(
    bytes: Uint8Array,
    start: number,
    end: number,
    budget: Budget,
    steps: number,
  ): readonly number[] | null | undefined {
    const known = this.#alike?.marksIn(bytes, start, end) ?? null;
    if (known !== null) return known;
    if (!this.#mayMatch(bytes, start, end)) return null;
    const allowed = Math.min(steps, budget.steps);
    state[0] = allowed;
    state[1] = start;
    state[2] = end;
    unset(this.#marks);
    unset(this.#registers);
    const found = this.#search(bytes, this.#marks, this.#registers, stack, state, this.#low);
    budget.steps -= allowed - Math.max(0, state[0] ?? 0);
    if (found < 0) return undefined;
    if (found === 0) return null;
    // a typed array would have memory of its own to be asked for and freed
    const kept = this.#kept;
    const marks = new Array<number>(2 * kept.length);
    for (let place = 0; place < kept.length; place += 1) {
      const group = kept[place] ?? 0;
      marks[2 * place] = placeIn(this.#marks[2 * group], start);
      marks[2 * place + 1] = placeIn(this.#marks[2 * group + 1], start);
    }
    if (this.#program !== null && this.#searches++ % examplesEvery === 0) {
      this.#alike = Alike.of(this.#program, bytes, start, end, marks);
    }
    return marks;
  }
}

/** For so few numbers quicker than `fill`. */
function unset(numbers: Int32Array): void {
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = -1;
}

function placeIn(mark: number | undefined, start: number): number {
  return mark === undefined || mark < 0 ? -1 : mark - start;
}

/** Null where the host cannot make functions, or the expression has what only the matcher can do. */
export function quickSearch(
  tree: Tree,
  re2: Re2,
  options: { readonly kept: readonly number[]; readonly alike: boolean },
): QuickSearch | null {
  if (re2.build === undefined) return null;
  const program = compileProgram(tree);
  const generated = generate(program);
  if (generated === null) return null;
  return new QuickSearch(re2.build(parameters, generated.body), generated, program, options);
}
