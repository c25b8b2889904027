/**
 * An exact backtracking matcher with a step limit, for what RE2 cannot express. It keeps its own stack, so no text can
 * overflow it, and once a search gets long it remembers which branches have failed where, so that it stays near linear.
 */

import {
  type Machine,
  memoOperand,
  none,
  opAnchor,
  opAtomic,
  opBackref,
  opBoundary,
  opChar,
  opConditional,
  opEnter,
  opJump,
  opLook,
  opMatch,
  opRun,
  opSave,
  opSplit,
  opUntil,
  stride,
} from './assemble.ts';
import { contains } from './charset.ts';
import type { Budget } from './pattern.ts';
import { codeAt, goBack, isAt, isInside, repetitionEnd, stepBack } from './text.ts';

/** Steps after which a search begins to remember its failures: shorter ones are faster without. */
const memoAfter = 2_000;
/** Bits that the memory of one search may take (8 MiB). */
const memoBitsMax = 2 ** 26;
/** Entries of three numbers that the stack may hold (12 MiB); a search that needs more is given up. */
const stackMax = 2 ** 20;
/** Numbers that the stack keeps between searches. */
const stackKept = 3 * 2 ** 12;

const failed = -1;
const givenUp = -2;

/** Entries of the stack, besides a place to go on from: what to put back, or (from -3 down) an instruction with more ways to go. */
const restoreMark = -1;
const restoreRegister = -2;
const moreWays = -3;

export class Matcher {
  readonly #machine: Machine;
  readonly #words: Int32Array;
  /** Two marks a group: its start and its end. */
  readonly #marks: Int32Array;
  readonly #registers: Int32Array;
  #stack = new Int32Array(3 * 2 ** 8);
  #top = 0;
  #text = '';
  #steps = 0;
  #memo: Uint32Array | null = null;
  #memoFrom = 0;
  /** Inside of look-arounds: the bits that were set, to be taken back. */
  #trail: number[] | null = null;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#words = machine.words;
    this.#marks = new Int32Array(2 * (machine.groups + 1));
    this.#registers = new Int32Array(machine.registers);
  }

  /** The marks of the first match from `from` on, or null; takes its steps from the budget. */
  search(text: string, from: number, budget: Budget): Int32Array | null {
    this.#text = text;
    this.#top = 0;
    this.#memo = null;
    this.#trail = null;
    this.#steps = budget.steps;
    this.#memoFrom = budget.steps - memoAfter;
    this.#marks.fill(none);
    const end = this.#searchFrom(from);
    budget.steps = Math.max(0, this.#steps);
    if (end === givenUp) {
      budget.steps = 0;
      budget.exhausted = true;
    }
    this.#release();
    return end >= 0 ? this.#marks.slice() : null;
  }

  /** Keeps no text, and not more memory than most searches need. */
  #release(): void {
    this.#text = '';
    this.#memo = null;
    if (this.#stack.length > stackKept) this.#stack = new Int32Array(stackKept);
  }

  #searchFrom(from: number): number {
    const { first, anchored } = this.#machine;
    const last = this.#text.length;
    for (let start = from; start <= last; start++) {
      if (anchored && start > 0) return failed;
      if (isInside(this.#text, start) || (first !== null && !this.#startsWith(start))) continue;
      const end = this.#run(0, start);
      if (end !== failed) return end;
    }
    return failed;
  }

  #startsWith(start: number): boolean {
    const { first } = this.#machine;
    if (first === null) return true;
    if (start === this.#text.length) return false;
    if ((start & 7) === 0) this.#steps--;
    const code = codeAt(this.#text, start);
    return code < 128 ? first.low[code] === 1 : contains(first.set, code);
  }

  #isIn(test: number, at: number): boolean {
    const unit = this.#text.charCodeAt(at);
    if (unit < 128) return this.#machine.low[test * 128 + unit] === 1;
    // Past the end the unit is NaN, which is in no set.
    return unit >= 128 && contains(this.#machine.sets[test] ?? [], codeAt(this.#text, at));
  }

  #stepOn(at: number): number {
    return codeAt(this.#text, at) > 0xffff ? at + 2 : at + 1;
  }

  #word(index: number): number {
    return this.#words[index] ?? 0;
  }

  /** Matches from an instruction to the `match` that ends it: the place reached, or why not. */
  #run(startPc: number, startAt: number): number {
    const base = this.#top;
    let pc = startPc;
    let at = startAt;
    for (;;) {
      if (--this.#steps < 0) return givenUp;
      const word = pc * stride;
      switch (this.#words[word]) {
        case opChar:
          at = this.#char(word, at);
          pc++;
          break;
        case opRun:
          at = this.#runOf(pc, word, at);
          pc++;
          break;
        case opSplit:
          if (this.#seen(word, at)) at = failed;
          else {
            this.#push(this.#word(word + 2), at, 0);
            pc = this.#word(word + 1);
          }
          break;
        case opJump:
          pc = this.#word(word + 1);
          break;
        case opSave:
          this.#mark(this.#word(word + 1), at);
          pc++;
          break;
        case opMatch:
          return at;
        case opUntil:
          if (this.#seen(word, at)) at = failed;
          else pc = this.#until(pc, word, at);
          break;
        default:
          at = this.#rare(pc, word, at);
          pc = this.#nextPc;
      }
      if (at === givenUp) return givenUp;
      while (at === failed) {
        if (this.#top === base) return failed;
        pc = this.#pop();
        at = this.#popAt;
      }
    }
  }

  #nextPc = 0;

  /** Operations that few expressions have: the place reached or `failed`; where to go on is left in `#nextPc`. */
  #rare(pc: number, word: number, at: number): number {
    const operand = this.#word(word + 1);
    const second = this.#word(word + 2);
    this.#nextPc = pc + 1;
    switch (this.#words[word]) {
      case opAnchor:
        return isAt(this.#text, at, operand) ? at : failed;
      case opBoundary:
        return this.#isBoundary(operand, second === 1, at) ? at : failed;
      case opEnter:
        this.#setRegister(operand, none);
        return at;
      case opLook:
      case opAtomic: {
        const reached = this.#words[word] === opLook ? this.#look(pc, word, at) : this.#aside(pc + 1, at, true);
        this.#nextPc = operand;
        return reached;
      }
      case opBackref:
        return this.#repetition(operand, second, at);
      case opConditional:
        if (!this.#isSet(operand)) this.#nextPc = second;
        return at;
      default:
        throw new Error('unknown instruction');
    }
  }

  #char(word: number, start: number): number {
    const test = this.#word(word + 1);
    const count = this.#word(word + 2);
    let at = start;
    for (let i = 0; i < count; i++) {
      if (!this.#isIn(test, at)) return failed;
      at = this.#stepOn(at);
    }
    this.#steps -= count >> 2;
    return at;
  }

  /** A repeat of one character: how far to go at first; the other ways are left on the stack. */
  #runOf(pc: number, word: number, start: number): number {
    if (this.#seen(word, start)) return failed;
    const test = this.#word(word + 1);
    const max = this.#word(word + 2);
    if (this.#word(word + 3) === 0) {
      this.#push(moreWays - pc, start, max);
      return start;
    }
    const remembers = max === none && this.#memo !== null && this.#word(word + memoOperand) !== none;
    let at = start;
    for (let i = 0; i !== max && this.#isIn(test, at); i++) {
      const next = this.#stepOn(at);
      if (remembers) {
        this.#push(pc + 1, at, 0);
        this.#steps--;
        if (this.#seen(word, next)) return failed;
      }
      at = next;
    }
    if (!remembers && at > start) this.#push(moreWays - pc, at, start);
    this.#steps -= (at - start) >> 2;
    return at;
  }

  /** A loop whose rounds may be empty: a round is not begun where the one before it began. */
  #until(pc: number, word: number, at: number): number {
    const register = this.#word(word + 1);
    const tail = this.#word(word + 2);
    const greedy = this.#word(word + 3) === 1;
    const again = this.#registers[register] !== at;
    if (greedy && again) {
      this.#push(tail, at, 0);
      this.#setRegister(register, at);
      return pc + 1;
    }
    if (!greedy && again) this.#push(moreWays - pc, at, 0);
    return tail;
  }

  #look(pc: number, word: number, at: number): number {
    const back = this.#word(word + 2);
    const negative = this.#word(word + 3) === 1;
    const from = back === none ? at : goBack(this.#text, at, back);
    const reached = from < 0 ? failed : this.#aside(pc + 1, from, !negative);
    if (reached === givenUp) return givenUp;
    return (reached === failed) === negative ? at : failed;
  }

  /** Runs a body on its own; of a success only the marks stay, and only if they are to be kept. */
  #aside(pc: number, at: number, keepMarks: boolean): number {
    const base = this.#top;
    const outer = this.#trail;
    const trail: number[] = [];
    this.#trail = trail;
    const reached = this.#run(pc, at);
    this.#trail = outer;
    if (reached < 0) {
      if (outer !== null) for (const index of trail) outer.push(index);
      return reached;
    }
    this.#forget(trail);
    if (keepMarks) this.#dropWays(base);
    else this.#undo(base);
    return reached;
  }

  /** Takes the ways to go on off the stack above `base`, and keeps what is to be put back. */
  #dropWays(base: number): void {
    const top = this.#top;
    this.#top = base;
    for (let i = base; i < top; i += 3) {
      const entry = this.#stack[i] ?? 0;
      if (entry === restoreMark || entry === restoreRegister)
        this.#push(entry, this.#stack[i + 1] ?? 0, this.#stack[i + 2] ?? 0);
    }
  }

  #undo(base: number): void {
    while (this.#top > base) {
      const entry = this.#stack[this.#top - 3] ?? 0;
      if (entry === restoreMark || entry === restoreRegister) this.#pop();
      else this.#top -= 3;
    }
  }

  /** Python finds neither \b nor \B in an empty text. */
  #isBoundary(word: number, negative: boolean, at: number): boolean {
    if (this.#text === '') return false;
    const before = at > 0 && this.#isIn(word, stepBack(this.#text, at));
    return (before !== this.#isIn(word, at)) !== negative;
  }

  #isSet(group: number): boolean {
    const start = this.#marks[2 * group] ?? none;
    const end = this.#marks[2 * group + 1] ?? none;
    return start >= 0 && end >= start;
  }

  #repetition(group: number, fold: number, at: number): number {
    if (!this.#isSet(group)) return failed;
    const from = this.#marks[2 * group] ?? 0;
    const to = this.#marks[2 * group + 1] ?? 0;
    this.#steps -= (to - from) >> 2;
    return repetitionEnd(this.#text, at, from, to, fold);
  }

  #mark(slot: number, at: number): void {
    this.#push(restoreMark, slot, this.#marks[slot] ?? none);
    this.#marks[slot] = at;
  }

  #setRegister(register: number, value: number): void {
    this.#push(restoreRegister, register, this.#registers[register] ?? none);
    this.#registers[register] = value;
  }

  #push(entry: number, first: number, second: number): void {
    if (this.#top === this.#stack.length) this.#grow();
    this.#stack[this.#top] = entry;
    this.#stack[this.#top + 1] = first;
    this.#stack[this.#top + 2] = second;
    this.#top += 3;
  }

  #grow(): void {
    if (this.#top >= 3 * stackMax) {
      this.#steps = 0;
      this.#top -= 3;
      return;
    }
    const larger = new Int32Array(2 * this.#stack.length);
    larger.set(this.#stack);
    this.#stack = larger;
  }

  #popAt = failed;

  /** Takes the top of the stack: the instruction to go on with, its place in `#popAt` (`failed` if there is none yet). */
  #pop(): number {
    this.#top -= 3;
    const entry = this.#stack[this.#top] ?? 0;
    const first = this.#stack[this.#top + 1] ?? 0;
    const second = this.#stack[this.#top + 2] ?? 0;
    this.#popAt = failed;
    if (entry >= 0) {
      this.#popAt = first;
      return entry;
    }
    if (entry === restoreMark) this.#marks[first] = second;
    else if (entry === restoreRegister) this.#registers[first] = second;
    else return this.#nextWay(moreWays - entry, first, second);
    return 0;
  }

  #nextWay(pc: number, at: number, second: number): number {
    const word = pc * stride;
    if (this.#words[word] === opUntil) {
      this.#setRegister(this.#word(word + 1), at);
      this.#popAt = at;
    } else if (this.#word(word + 3) === 1) {
      this.#popAt = stepBack(this.#text, at);
      if (this.#popAt > second) this.#push(moreWays - pc, this.#popAt, second);
    } else if (second !== 0 && this.#isIn(this.#word(word + 1), at)) {
      const next = this.#stepOn(at);
      if (second === none && this.#seen(word, next)) return 0;
      this.#push(moreWays - pc, next, second === none ? none : second - 1);
      this.#popAt = next;
    }
    return pc + 1;
  }

  /** Whether this branch has been taken here before, and so failed; remembers it. */
  #seen(word: number, at: number): boolean {
    const memo = this.#words[word + memoOperand] ?? none;
    if (memo === none || this.#steps > this.#memoFrom) return false;
    const bits = this.#memo ?? this.#startMemo();
    const index = (memo + this.#loopBits(memo, at)) * (this.#text.length + 1) + at;
    const cell = index >>> 5;
    const bit = 1 << (index & 31);
    const cells = bits[cell];
    if (cells === undefined) return false;
    if ((cells & bit) !== 0) return true;
    bits[cell] = cells | bit;
    this.#trail?.push(index);
    return false;
  }

  /** What a branch inside of loops with empty rounds depends on besides its place: which rounds have moved on. */
  #loopBits(memo: number, at: number): number {
    const loops = this.#machine.loopsOf.get(memo) ?? [];
    let bits = 0;
    for (const register of loops) bits = 2 * bits + (this.#registers[register] === at ? 1 : 0);
    return bits;
  }

  #startMemo(): Uint32Array {
    const size = this.#machine.memos * (this.#text.length + 1);
    this.#memo = new Uint32Array(size > memoBitsMax ? 0 : (size + 31) >>> 5);
    this.#steps -= this.#memo.length >> 4;
    return this.#memo;
  }

  #forget(trail: readonly number[]): void {
    if (this.#memo === null) return;
    for (const index of trail) this.#memo[index >>> 5] = (this.#memo[index >>> 5] ?? 0) & ~(1 << (index & 31));
  }
}
