/** The matcher's stack of ways not yet gone, with the marks and registers that are put back when one is taken. */

/** Entries of three numbers that the stack may hold (12 MiB). */
const entriesMax = 2 ** 20;
/** Numbers that the stack keeps between searches. */
const kept = 3 * 2 ** 12;

export const unset = -1;
/** There is no place to go on from. */
export const nowhere = -1;

/** Entries that are not an instruction to go on with: what to put back, or (from -3 down) one that has more ways itself. */
const restoreMark = -1;
const restoreRegister = -2;
const moreWays = -3;

export class Ways {
  /** Two marks a group: its start and its end. */
  readonly marks: Int32Array;
  readonly registers: Int32Array;
  /** Set when the stack would have grown too large. */
  overflowed = false;
  /** Of the entry popped last: the place to go on from (or `nowhere`), and what an instruction with more ways had put there. */
  at = nowhere;
  more = 0;
  #stack = new Int32Array(3 * 2 ** 8);
  #top = 0;

  constructor(groups: number, registers: number) {
    this.marks = new Int32Array(2 * (groups + 1));
    this.registers = new Int32Array(registers);
  }

  get height(): number {
    return this.#top;
  }

  clear(): void {
    this.#top = 0;
    this.overflowed = false;
    this.marks.fill(unset);
    if (this.#stack.length > kept) this.#stack = new Int32Array(kept);
  }

  push(pc: number, at: number): void {
    this.#push(pc, at, 0);
  }

  /** Leaves an instruction on the stack that can go on in more than one way. */
  pushMore(pc: number, at: number, more: number): void {
    this.#push(moreWays - pc, at, more);
  }

  mark(slot: number, at: number): void {
    this.#push(restoreMark, slot, this.marks[slot] ?? unset);
    this.marks[slot] = at;
  }

  setRegister(register: number, value: number): void {
    this.#push(restoreRegister, register, this.registers[register] ?? unset);
    this.registers[register] = value;
  }

  isSet(group: number): boolean {
    const start = this.marks[2 * group] ?? unset;
    const end = this.marks[2 * group + 1] ?? unset;
    return start >= 0 && end >= start;
  }

  #push(entry: number, first: number, second: number): void {
    if (this.#top === this.#stack.length && !this.#grow()) return;
    this.#stack[this.#top] = entry;
    this.#stack[this.#top + 1] = first;
    this.#stack[this.#top + 2] = second;
    this.#top += 3;
  }

  #grow(): boolean {
    if (this.#top >= 3 * entriesMax) {
      this.overflowed = true;
      return false;
    }
    const larger = new Int32Array(Math.min(2 * this.#stack.length, 3 * entriesMax));
    larger.set(this.#stack);
    this.#stack = larger;
    return true;
  }

  /**
   * Takes the top entry: an instruction to go on with, its place left in `at`; or, as a negative number, the complement of an
   * instruction with more ways. With `at` at `nowhere` and 0 returned something was put back.
   */
  pop(): number {
    this.#top -= 3;
    const entry = this.#stack[this.#top] ?? 0;
    const first = this.#stack[this.#top + 1] ?? 0;
    const second = this.#stack[this.#top + 2] ?? 0;
    this.at = first;
    if (entry >= 0) return entry;
    if (entry <= moreWays) {
      this.more = second;
      return ~(moreWays - entry);
    }
    (entry === restoreMark ? this.marks : this.registers)[first] = second;
    this.at = nowhere;
    return 0;
  }

  /** Takes the ways off the stack above `base`; what is to be put back stays there. */
  dropTo(base: number): void {
    const top = this.#top;
    this.#top = base;
    for (let i = base; i < top; i += 3) {
      const entry = this.#stack[i] ?? 0;
      if (entry < 0 && entry > moreWays) this.#push(entry, this.#stack[i + 1] ?? 0, this.#stack[i + 2] ?? 0);
    }
  }

  /** Takes all off the stack above `base`, and puts back what is to be put back. */
  undoTo(base: number): void {
    while (this.#top > base) this.pop();
  }
}
