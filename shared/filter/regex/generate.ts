/**
 * Writes the instructions of the matcher as JavaScript, for texts in ASCII: the same search as the matcher's, some twenty
 * times as fast. Nothing but numbers goes from the expression into the code. What is rare is left to the matcher.
 */

import { firstAt } from './flow.ts';
import type { Program, SetTest } from './program.ts';
import { instructionsMax, Routine } from './routine.ts';

/** The names under which a Search takes its parameters. */
export const parameters = ['bytes', 'marks', 'registers', 'stack', 'state', 'low'];

export interface Generated {
  /** The body of a Search. */
  readonly body: string;
  readonly low: Uint8Array;
  /** The sets of characters with which every match begins, where it can only be at the begin of the text. */
  readonly lead: readonly Uint8Array[];
}

/** So many characters at the begin are held against a text before its search is begun. */
const leadMax = 6;
/** A set of more ranges is looked up in a table. */
const rangesMax = 3;

const folded = 'const folded = (byte) => byte >= 65 && byte <= 90 ? byte + 32 : byte;';

/** Null for what only the matcher can do. */
export function generate(program: Program): Generated | null {
  if (program.code.length > instructionsMax) return null;
  const writer = new Writer(program);
  const main = writer.routine(0, 'main');
  if (main === null) return null;
  return {
    body: `'use strict';\n${folded}\n${writer.asides.join('\n')}\n${writer.searching(main)}`,
    low: writer.low(),
    lead: leadOf(program),
  };
}

function leadOf({ anchored, code }: Program): Uint8Array[] {
  const lead: Uint8Array[] = [];
  let pc = 0;
  while (anchored && lead.length < leadMax) {
    const instruction = code[pc];
    if (instruction?.op === 'char' && instruction.count === 1) lead.push(instruction.test.low);
    else if (instruction?.op !== 'save' && instruction?.op !== 'anchor') break;
    pc += 1;
  }
  const next = anchored ? firstAt(code, pc) : null;
  return next === null ? lead : [...lead, next];
}

export class Writer {
  readonly asides: string[] = [];
  readonly #program: Program;
  readonly #tables: Uint8Array[] = [];

  constructor(program: Program) {
    this.#program = program;
  }

  low(): Uint8Array {
    const low = new Uint8Array(128 * this.#tables.length);
    for (const [index, table] of this.#tables.entries()) low.set(table, 128 * index);
    return low;
  }

  /** The search from every place where a match may start. */
  searching(main: string): string {
    const { anchored, first } = this.#program;
    const skip = first === null ? '' : `if (start >= n || !(${this.isIn(first, 'start')})) continue;`;
    return `const begin = state[1], n = state[2];
let steps = state[0], at = 0, top = 0, pc = 0, more = 0;
for (let start = begin; start <= ${anchored ? 'begin' : 'n'}; start++) {
${anchored ? '' : 'if ((start & 7) === 7) steps--;'}
${skip}
at = start; top = 0; pc = 0;
${main}
}
state[0] = steps;
return 0;`;
  }

  /** The condition that the byte at a place is in a set; NaN-safe only where the place is inside of the text. */
  isIn(test: SetTest, place: string): string {
    return this.isOneOf(test.low, place);
  }

  isOneOf(set: Uint8Array, place: string): string {
    const ranges = rangesOf(set);
    const byte = `bytes[${place}]`;
    if (ranges.length === 0) return 'false';
    if (ranges.length > rangesMax) return `low[${128 * this.#table(set)} + ${byte}] === 1`;
    return ranges
      .map(([lo, hi]) => {
        if (lo === 0 && hi === 127) return 'true';
        if (lo === hi) return `${byte} === ${lo}`;
        if (lo === 0) return `${byte} <= ${hi}`;
        return hi === 127 ? `${byte} >= ${lo}` : `(${byte} >= ${lo} && ${byte} <= ${hi})`;
      })
      .join(' || ');
  }

  #table(set: Uint8Array): number {
    const known = this.#tables.findIndex((table) => table.every((value, at) => value === set[at]));
    return known < 0 ? this.#tables.push(set) - 1 : known;
  }

  /** The instructions from `begin` to their `match`, as a loop over a switch. Null for what cannot be written. */
  routine(begin: number, kind: 'main' | 'aside'): string | null {
    const routine = new Routine(this, this.#program.code, kind);
    return routine.write(begin);
  }

  /** A function for the body of a look-around: 1, 0, or -1 as a Search. Null for a body that catches groups. */
  aside(begin: number): string | null {
    const name = `aside${begin}`;
    if (this.asides.some((text) => text.startsWith(`function ${name}(`))) return name;
    const body = this.routine(begin, 'aside');
    if (body === null) return null;
    this.asides.push(`function ${name}(bytes, at, marks, stack, base, state, low) {
const begin = state[1], n = state[2];
let steps = state[0], top = base, pc = ${begin}, more = 0;
${body}
}`);
    return name;
  }
}

function rangesOf(low: Uint8Array): [number, number][] {
  const ranges: [number, number][] = [];
  for (let byte = 0; byte < 128; byte += 1) {
    if (low[byte] !== 1) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === byte - 1) last[1] = byte;
    else ranges.push([byte, byte]);
  }
  return ranges;
}
