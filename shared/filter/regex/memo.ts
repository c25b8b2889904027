/** Remembers where the branches of a regular expression have failed in a text, so that none is taken there twice. */

import type { Machine } from './assemble.ts';

/** Bits that the memory of one search may take (8 MiB); a text too long for that is matched without. */
const bitsMax = 2 ** 26;

export class Memo {
  /** What making it cost, in steps. */
  readonly cost: number;
  readonly #machine: Machine;
  readonly #registers: Int32Array;
  readonly #places: number;
  readonly #bits: Uint32Array;
  /** Inside of look-arounds: the bits that were set since, to be taken back. */
  #trail: number[] | null = null;

  constructor(machine: Machine, registers: Int32Array, textLength: number) {
    this.#machine = machine;
    this.#registers = registers;
    this.#places = textLength + 1;
    const size = machine.memos * this.#places;
    this.#bits = new Uint32Array(size > bitsMax ? 0 : (size + 31) >>> 5);
    this.cost = this.#bits.length >> 4;
  }

  /** Whether the branch has been taken here before, and so failed; remembers it. */
  seen(branch: number, at: number): boolean {
    const index = (branch + this.#loopBits(branch, at)) * this.#places + at;
    const cell = index >>> 5;
    const bit = 1 << (index & 31);
    const bits = this.#bits[cell];
    if (bits === undefined) return false;
    if ((bits & bit) !== 0) return true;
    this.#bits[cell] = bits | bit;
    this.#trail?.push(index);
    return false;
  }

  /** What a branch inside of loops with empty rounds depends on besides its place: which rounds have moved on. */
  #loopBits(branch: number, at: number): number {
    const loops = this.#machine.loopsOf.get(branch);
    if (loops === undefined) return 0;
    let bits = 0;
    for (const register of loops) bits = 2 * bits + (this.#registers[register] === at ? 1 : 0);
    return bits;
  }

  /** Begins a body that is matched on its own; the trail outside of it is returned, for `leave`. */
  enter(): number[] | null {
    const outer = this.#trail;
    this.#trail = [];
    return outer;
  }

  /** Ends such a body. What it passed on its way to a success has not failed: that is forgotten. */
  leave(outer: number[] | null, succeeded: boolean): void {
    const trail = this.#trail ?? [];
    this.#trail = outer;
    for (const index of trail) {
      if (succeeded) this.#bits[index >>> 5] = (this.#bits[index >>> 5] ?? 0) & ~(1 << (index & 31));
      else outer?.push(index);
    }
  }
}
