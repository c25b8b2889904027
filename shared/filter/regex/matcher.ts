/**
 * An exact backtracking matcher with a step limit, for what RE2 cannot express. It keeps its own stack, so no text can
 * overflow it, and once a search gets long it remembers which branches have failed where, so that it stays near linear.
 */

import { type Machine, memoOperand, none, stride } from './assemble.ts';
import { contains } from './charset.ts';
import { Memo } from './memo.ts';
import * as op from './opcodes.ts';
import type { Budget } from './pattern.ts';
import { codeAt, goBack, isAt, isInside, repetitionEnd, stepBack } from './text.ts';
import { nowhere, unset, Ways } from './ways.ts';

/** Steps after which a search begins to remember its failures: shorter ones are faster without. */
const memoAfter = 2_000;

/** Steps that it takes to begin and end a look-around. */
const asideCost = 4;
const failed = nowhere;
const givenUp = -2;

export class Matcher {
  readonly #machine: Machine;
  readonly #words: Int32Array;
  readonly #ways: Ways;
  #text = '';
  #steps = 0;
  #memo: Memo | null = null;
  #memoFrom = 0;
  /** Where to go on after an operation that leads elsewhere. */
  #nextPc = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#words = machine.words;
    this.#ways = new Ways(machine.groups, machine.registers);
  }

  /** The marks of the first match, two a group, or null; takes its steps from the budget. */
  search(text: string, budget: Budget): Int32Array | null {
    this.#text = text;
    this.#steps = budget.steps;
    this.#memoFrom = budget.steps - memoAfter;
    this.#ways.clear();
    const end = this.#searchAll();
    this.#text = '';
    this.#memo = null;
    budget.steps = Math.max(0, this.#steps);
    if (end === givenUp) budget.exhausted = true;
    return end >= 0 ? this.#ways.marks.slice() : null;
  }

  #searchAll(): number {
    const last = this.#machine.anchored ? 0 : this.#text.length;
    for (let start = 0; start <= last; start++) {
      if ((start & 7) === 7) this.#steps--;
      if (!this.#mayStart(start)) continue;
      const end = this.#run(0, start);
      if (end !== failed) return end;
    }
    return failed;
  }

  #mayStart(start: number): boolean {
    const { first } = this.#machine;
    if (isInside(this.#text, start)) return false;
    if (first === null) return true;
    if (start === this.#text.length) return false;
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
    const base = this.#ways.height;
    let pc = startPc;
    let at = startAt;
    for (;;) {
      if (--this.#steps < 0 || this.#ways.overflowed) return givenUp;
      const word = pc * stride;
      const code = this.#words[word];
      if (code === op.match) return at;
      if (code === op.char) {
        at = this.#char(word, at);
        pc++;
      } else if (code === op.jump) {
        pc = this.#word(word + 1);
      } else {
        this.#nextPc = pc + 1;
        at = this.#operate(code, pc, word, at);
        if (at === givenUp) return givenUp;
        pc = this.#nextPc;
      }
      while (at === failed) {
        if (this.#ways.height === base) return failed;
        pc = this.#ways.pop();
        at = this.#ways.at;
        if (pc < 0) {
          pc = ~pc;
          at = this.#nextWay(pc, at, this.#ways.more);
          pc++;
        }
      }
    }
  }

  /** The place reached, `failed` or `givenUp`; where to go on, unless with the next instruction, is left in `#nextPc`. */
  #operate(code: number | undefined, pc: number, word: number, at: number): number {
    const operand = this.#word(word + 1);
    const second = this.#word(word + 2);
    switch (code) {
      case op.run:
        return this.#runOf(pc, word, at);
      case op.split:
        return this.#split(word, at);
      case op.until:
        return this.#until(pc, word, at);
      case op.save:
        this.#ways.mark(operand, at);
        return at;
      case op.anchor:
        return isAt(this.#text, at, operand) ? at : failed;
      case op.boundary:
        return this.#isBoundary(operand, second === 1, at) ? at : failed;
      case op.enter:
        this.#ways.setRegister(operand, unset);
        return at;
      case op.look:
        return this.#goTo(operand, this.#look(pc, word, at));
      case op.atomic:
        return this.#goTo(operand, this.#aside(pc + 1, at, true));
      case op.backref:
        return this.#repetition(operand, second, at);
      case op.conditional:
        return this.#goTo(this.#ways.isSet(operand) ? pc + 1 : second, at);
      default:
        throw new Error(`unknown instruction ${code}`);
    }
  }

  #goTo(pc: number, at: number): number {
    this.#nextPc = pc;
    return at;
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

  #split(word: number, at: number): number {
    if (this.#seen(word, at)) return failed;
    this.#ways.push(this.#word(word + 2), at);
    return this.#goTo(this.#word(word + 1), at);
  }

  /** A repeat of one character: how far to go at first; the other ways are left on the stack. */
  #runOf(pc: number, word: number, start: number): number {
    if (this.#seen(word, start)) return failed;
    const max = this.#word(word + 2);
    if (this.#word(word + 3) === 0) {
      this.#ways.pushMore(pc, start, max);
      return start;
    }
    if (max === none && this.#memo !== null && this.#word(word + memoOperand) !== none)
      return this.#runByMemo(pc, word, start);
    const test = this.#word(word + 1);
    let at = start;
    for (let i = 0; i !== max && this.#isIn(test, at); i++) at = this.#stepOn(at);
    if (at > start) this.#ways.pushMore(pc, at, start);
    this.#steps -= (at - start) >> 2;
    return at;
  }

  /** The same step by step, so that a place that another run has been through ends it. */
  #runByMemo(pc: number, word: number, start: number): number {
    const test = this.#word(word + 1);
    let at = start;
    while (this.#isIn(test, at)) {
      this.#ways.push(pc + 1, at);
      at = this.#stepOn(at);
      this.#steps--;
      if (this.#seen(word, at)) return failed;
    }
    return at;
  }

  /** A loop whose rounds may be empty: no round begins where the one before it began. */
  #until(pc: number, word: number, at: number): number {
    if (this.#seen(word, at)) return failed;
    const register = this.#word(word + 1);
    const tail = this.#word(word + 2);
    if (this.#ways.registers[register] === at) return this.#goTo(tail, at);
    if (this.#word(word + 3) === 0) {
      this.#ways.pushMore(pc, at, 0);
      return this.#goTo(tail, at);
    }
    this.#ways.push(tail, at);
    this.#ways.setRegister(register, at);
    return at;
  }

  /** Another way of an instruction that has several: one character less, or one more, or one more round. */
  #nextWay(pc: number, at: number, more: number): number {
    const word = pc * stride;
    if (this.#words[word] === op.until) {
      this.#ways.setRegister(this.#word(word + 1), at);
      return at;
    }
    if (this.#word(word + 3) === 1) {
      const before = stepBack(this.#text, at);
      if (before > more) this.#ways.pushMore(pc, before, more);
      return before;
    }
    if (more === 0 || !this.#isIn(this.#word(word + 1), at)) return failed;
    const next = this.#stepOn(at);
    if (more === none && this.#seen(word, next)) return failed;
    this.#ways.pushMore(pc, next, more === none ? none : more - 1);
    return next;
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
    const word = pc * stride;
    if (this.#words[word] === op.char && !this.#isIn(this.#word(word + 1), at)) return failed;
    this.#steps -= asideCost;
    const base = this.#ways.height;
    if (this.#memo === null && this.#steps <= this.#memoFrom) this.#memo = this.#newMemo();
    const memo = this.#memo;
    const outer = memo?.enter() ?? null;
    const reached = this.#run(pc, at);
    if (memo !== null) memo.leave(outer, reached >= 0);
    // What was remembered since the memory began inside of this body cannot be told apart.
    else if (reached >= 0) this.#memo = null;
    if (reached < 0) return reached;
    if (keepMarks) this.#ways.dropTo(base);
    else this.#ways.undoTo(base);
    return reached;
  }

  /** Python finds neither \b nor \B in an empty text. */
  #isBoundary(word: number, negative: boolean, at: number): boolean {
    if (this.#text === '') return false;
    const before = at > 0 && this.#isIn(word, stepBack(this.#text, at));
    return (before !== this.#isIn(word, at)) !== negative;
  }

  #repetition(group: number, fold: number, at: number): number {
    if (!this.#ways.isSet(group)) return failed;
    const [from = 0, to = 0] = this.#ways.marks.subarray(2 * group, 2 * group + 2);
    this.#steps -= (to - from) >> (fold === 0 ? 6 : 2);
    return repetitionEnd(this.#text, at, from, to, fold);
  }

  #seen(word: number, at: number): boolean {
    const branch = this.#words[word + memoOperand] ?? none;
    if (branch === none || this.#steps > this.#memoFrom) return false;
    this.#memo ??= this.#newMemo();
    return this.#memo.seen(branch, at);
  }

  #newMemo(): Memo {
    const memo = new Memo(this.#machine, this.#ways.registers, this.#text.length);
    this.#steps -= memo.cost;
    return memo;
  }
}
