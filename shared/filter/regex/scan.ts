/** Tells in one pass over a text's bytes which of several regular expressions may match it, by states that are made as they are needed. */

import { scanNfa } from './scan-nfa.ts';
import { ScanStates, setOf, tooCostly, unknown } from './scan-states.ts';
import type { Tree } from './tree.ts';

export const noMatch = -1;
export const cannotSay = -2;

/**
 * Sound for texts in UTF-8 and all other encodings in which a byte below 128 is that character of ASCII, and each other
 * character comes of at least one byte beyond: bytes that are none of the encoding may have become any characters.
 */
export interface Scan {
  /**
   * The number of the set of expressions that may match somewhere in the text `bytes[start, end)`; good for `next` until the following scan. `noMatch` where none can, `cannotSay` where it would take too long to find out:
   * then any may. An expression that matches is always in the set; one that does not may be.
   */
  scan(bytes: Uint8Array, start: number, end: number): number;
  /** The lowest index at or above `from` of an expression in the set; -1 if there is none. */
  next(set: number, from: number): number;
}

/**
 * With `endsSoon` the last expression that is left, if it is bound to the text's begin, is in the set as it is: its search will
 * tell.
 */
export function createScan(trees: readonly Tree[], endsSoon = false): Scan {
  return new LazyScan(trees, endsSoon);
}

class LazyScan implements Scan {
  readonly #states: ScanStates;
  readonly #ofByte: Uint8Array;
  readonly #ofLast: Uint8Array;
  /** Where the walk was left. */
  #state = 0;

  constructor(trees: readonly Tree[], endsSoon: boolean) {
    this.#states = new ScanStates(scanNfa(trees), endsSoon);
    const { ofByte, ofLast } = this.#states.columns;
    this.#ofByte = ofByte;
    this.#ofLast = ofLast;
  }

  scan(bytes: Uint8Array, start: number, end: number): number {
    this.#state = this.#states.begin();
    this.#walk(bytes, start, end - 1, this.#ofByte);
    if (end > start) this.#walk(bytes, end - 1, end, this.#ofLast);
    if (this.#state >= 0) this.#state = this.#follow(this.#state, this.#states.columns.end);
    return this.#state === tooCostly ? cannotSay : setOf(this.#state) - 1;
  }

  next(set: number, from: number): number {
    return this.#states.sets.next(set + 1, from);
  }

  /** Ends early where the scan does. */
  #walk(bytes: Uint8Array, start: number, end: number, columns: Uint8Array): void {
    let state = this.#state;
    let at = start;
    while (at < end && state >= 0) {
      const { table } = this.#states;
      // a loop in which nothing but these changes
      let next = state;
      do {
        state = next;
        next = table[state + (columns[bytes[at] ?? 0] ?? 0)] ?? unknown;
        at += 1;
      } while (next >= 0 && at < end);
      state = next === unknown ? this.#states.step(state, columns[bytes[at - 1] ?? 0] ?? 0) : next;
    }
    this.#state = state;
  }

  #follow(state: number, column: number): number {
    const next = this.#states.table[state + column] ?? unknown;
    return next === unknown ? this.#states.step(state, column) : next;
  }
}
