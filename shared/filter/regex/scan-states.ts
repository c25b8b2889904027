/** The states of a scan, made when a text first needs them: which instructions are alive, and what has matched so far. */

import { type Columns, columnsOf } from './scan-classes.ts';
import { looksBackOnly, mayHold, type ScanInstruction, type ScanNfa, side } from './scan-nfa.ts';
import { MatchSets, noneMatched } from './scan-sets.ts';

/** What the table and the states may take, in numbers of 32 bits; beyond that all are forgotten. */
export const wordsMax = 192 * 1024;
/** Work is counted in instructions looked at; finding a state costs as much as this many. */
const stateCost = 20;
/** What making states may cost for one text. */
const textWorkMax = 30_000;
/** What it may cost over many texts: each earns some, up to what a scan begins with. */
const textEarnings = 100;
const savingsMax = 2_000_000;

/** In the table: not computed yet. All other negative numbers are the end of a scan. */
export const unknown = -1;
/** Going on would cost too much. */
export const tooCostly = -0x8000_0000;

/** The end of a scan with a set of what has matched, and back. */
function finalOf(set: number): number {
  return -2 - set;
}

export function setOf(final: number): number {
  return -2 - final;
}

interface State {
  /** Instructions that take a character, and assertions that ask for what comes next; ascending. */
  readonly items: Uint16Array;
  /** What stands before it, as bits of `side`, as far as anything asks for it. */
  readonly before: number;
  readonly set: number;
}

/** Stands for what comes next where that is not known yet. */
const later = 0;

export class ScanStates {
  readonly columns: Columns;
  readonly sets: MatchSets;
  /** A row for each state: the row of the state that follows by each column, or a negative number. */
  table = new Int32Array(0);
  readonly #nfa: ScanNfa;
  readonly #endsSoon: boolean;
  /** For each instruction that takes a character, 1 at the columns that it takes. */
  readonly #members: readonly (Uint8Array | undefined)[];
  readonly #askedSides: number;
  readonly #states: State[] = [];
  readonly #rows = new Map<string, number>();
  readonly #stack: number[] = [];
  readonly #seen: Int32Array;
  readonly #matched: Uint8Array;
  #items: number[] = [];
  #mark = 0;
  #words = 0;
  #begin = unknown;
  #savings = savingsMax;
  #textWork = 0;

  /** `endsSoon`: a scan ends where one expression is left that may match. */
  constructor(nfa: ScanNfa, endsSoon = false) {
    this.#nfa = nfa;
    this.#endsSoon = endsSoon;
    this.columns = columnsOf(nfa.code);
    this.#members = nfa.code.map((one) => (one.kind === 'char' ? this.columns.members.get(one.set) : undefined));
    this.#askedSides = askedSides(nfa.code);
    this.sets = new MatchSets(nfa.starts.length);
    this.#seen = new Int32Array(nfa.code.length);
    this.#matched = new Uint8Array(nfa.starts.length);
  }

  /** What they take, in numbers of 32 bits, about. */
  get words(): number {
    return this.#words + this.sets.words;
  }

  /** The row of the state that a text begins in, or the end of the scan. */
  begin(): number {
    this.#textWork = 0;
    this.#savings = Math.min(savingsMax, this.#savings + textEarnings);
    if (this.#begin !== unknown) return this.#begin;
    if (this.#savings < 0) return tooCostly;
    this.#load(noneMatched);
    for (const start of this.#nfa.starts) this.#follow(start, side.edge, later);
    this.#begin = this.#stateOf(side.edge);
    return this.#begin;
  }

  /** What follows the row by the column, computed now; or `tooCostly`. The table may have become another one. */
  step(row: number, column: number): number {
    const state = this.#states[row / this.columns.count];
    if (state === undefined) throw new Error(`no state in row ${row}`);
    if (this.#textWork > textWorkMax || this.#savings < 0) return tooCostly;
    this.#load(state.set);
    const isFull = this.words > wordsMax;
    if (isFull) this.#forget();
    const next = this.#move(state, column);
    if (!isFull) this.table[row + column] = next;
    return next;
  }

  #load(set: number): void {
    this.sets.copy(set, this.#matched);
    this.#items = [];
    this.#newMark();
  }

  #newMark(): void {
    if (this.#mark === 0x7fff_ffff) this.#seen.fill(0);
    this.#mark = this.#mark === 0x7fff_ffff ? 1 : this.#mark + 1;
  }

  #spend(work: number): void {
    this.#textWork += work;
    this.#savings -= work;
  }

  #forget(): void {
    this.#states.length = 0;
    this.#rows.clear();
    this.sets.clear();
    this.table.fill(unknown);
    this.#words = 0;
    this.#begin = unknown;
  }

  #move(state: State, column: number): number {
    const next = this.columns.sides[column] ?? 0;
    this.#settle(state, next);
    const alive = this.#items;
    this.#items = [];
    if (column === this.columns.end) return finalOf(this.sets.idOf(this.#matched));
    const passed = next === side.lastNewline ? side.newline : next;
    this.#newMark();
    for (const at of alive) {
      const one = this.#nfa.code[at];
      if (one?.kind === 'char' && this.#members[at]?.[column] === 1) this.#follow(one.out, passed, later);
    }
    if (column !== this.columns.beyond) return this.#stateOf(passed);
    // Only some of the bytes beyond ASCII end a character: each is taken for one, and for none.
    for (const at of state.items) this.#keep(at);
    return this.#stateOf(passed | state.before);
  }

  /** Collects what takes a character in a state, now that it is known what comes next. */
  #settle({ items, before }: State, next: number): void {
    for (const at of items) {
      const one = this.#nfa.code[at];
      if (one?.kind !== 'assert') this.#keep(at);
      else if (mayHold(one.assertion, before, next)) this.#follow(one.out, before, next);
    }
  }

  #keep(at: number): void {
    if (this.#seen[at] === this.#mark) return;
    this.#seen[at] = this.#mark;
    this.#items.push(at);
  }

  /** Collects what can be reached without a character between `prev` and `next`. */
  #follow(start: number, prev: number, next: number): void {
    const stack = this.#stack;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const one = this.#nfa.code[at];
      this.#spend(1);
      if (one === undefined || this.#seen[at] === this.#mark || this.#matched[one.pattern] === 1) continue;
      this.#visit(at, one, prev, next);
    }
  }

  #visit(at: number, one: ScanInstruction, prev: number, next: number): void {
    const isLater = one.kind === 'assert' && next === later && !looksBackOnly(one.assertion);
    if (one.kind === 'char' || isLater) {
      this.#keep(at);
      return;
    }
    this.#seen[at] = this.#mark;
    if (one.kind === 'match') this.#matched[one.pattern] = 1;
    else if (one.kind === 'split') for (const out of one.outs) this.#stack.push(out);
    else if (mayHold(one.assertion, prev, next)) this.#stack.push(one.out);
  }

  /** The row of the state with the items that were collected, made if there is none; the end if nothing is left to match. */
  #stateOf(prev: number): number {
    const live = this.#items.filter((at) => this.#matched[this.#nfa.code[at]?.pattern ?? 0] !== 1);
    const items = Uint16Array.from(live).sort();
    const set = this.sets.idOf(this.#matched);
    this.#spend(stateCost + items.length);
    if (items.length === 0) return finalOf(set);
    const only = this.#endsSoon ? this.#onlyOne(live) : -1;
    if (only >= 0) return finalOf(this.#setWith(only));
    const asks = live.some((at) => this.#nfa.code[at]?.kind === 'assert');
    const before = asks ? prev & this.#askedSides : 0;
    const key = String.fromCharCode(set, before, ...items);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row = this.#newRow({ items, before, set });
    this.#rows.set(key, row);
    return row;
  }

  /** The expression that all instructions belong to, if it is soon searched: it can match at the text's begin only. Else -1. */
  #onlyOne(items: readonly number[]): number {
    const one = this.#nfa.code[items[0] ?? 0]?.pattern ?? -1;
    return this.#nfa.anchored[one] === true && items.every((at) => this.#nfa.code[at]?.pattern === one) ? one : -1;
  }

  #setWith(one: number): number {
    this.#matched[one] = 1;
    const set = this.sets.idOf(this.#matched);
    this.#matched[one] = 0;
    return set;
  }

  #newRow(state: State): number {
    const { count } = this.columns;
    const row = this.#states.length * count;
    this.#states.push(state);
    // the items, the key with the same items, and what objects take beside
    this.#words += count + state.items.length + 48;
    if (row + count > this.table.length) {
      const larger = new Int32Array(Math.max(16 * count, 2 * this.table.length)).fill(unknown);
      larger.set(this.table);
      this.table = larger;
    }
    this.#spend(stateCost + count);
    return row;
  }
}

/** What may have to be known of the place before an assertion that waited for what comes next. */
function askedSides(code: readonly ScanInstruction[]): number {
  let sides = 0;
  for (const one of code) {
    if (one.kind !== 'assert') continue;
    if (one.assertion === 'boundary' || one.assertion === 'no-boundary') return ~0;
    if (one.assertion === 'line-start') sides |= side.edge | side.newline;
    if (one.assertion === 'text-start') sides |= side.edge;
  }
  return sides;
}
