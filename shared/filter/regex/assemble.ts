/** Lays a program out in flat arrays of numbers, the form in which the matcher runs it. */

import type { CharSet } from './charset.ts';
import * as op from './opcodes.ts';
import type { Instruction, Program, SetTest } from './program.ts';
import type { Anchor } from './tree.ts';

/** An instruction is so many numbers: the operation and its operands. */
export const stride = 5;
/** Where the place in the memo stands among them, for the operations that have one. */
export const memoOperand = 4;
/** Stands for "no limit" and "look ahead" among the operands. */
export const none = -1;

const anchors: readonly Anchor[] = ['text-start', 'line-start', 'text-end', 'line-end', 'last-line-end'];
const folds = ['none', 'ascii', 'unicode'] as const;

export interface Machine extends Program {
  readonly words: Int32Array;
  /** Each set's ASCII part as a table of 128. */
  readonly low: Uint8Array;
  readonly sets: readonly CharSet[];
  /** For each place in the memo that is inside of loops with empty rounds, the registers of these. */
  readonly loopsOf: ReadonlyMap<number, readonly number[]>;
}

type Operands = readonly [number, number?, number?, number?, number?];

function operands(instruction: Instruction, testIndex: (test: SetTest) => number): Operands {
  switch (instruction.op) {
    case 'char':
      return [op.char, testIndex(instruction.test), instruction.count];
    case 'run': {
      const { test, max, greedy, branching } = instruction;
      return [op.run, testIndex(test), max === Infinity ? none : max, Number(greedy), branching.memo];
    }
    case 'split':
      return [op.split, instruction.first, instruction.second, 0, instruction.branching.memo];
    case 'enter':
      return [op.enter, instruction.register];
    case 'until': {
      const { register, tail, greedy, branching } = instruction;
      return [op.until, register, tail, Number(greedy), branching.memo];
    }
    case 'jump':
      return [op.jump, instruction.to];
    case 'save':
      return [op.save, instruction.slot];
    case 'anchor':
      return [op.anchor, anchors.indexOf(instruction.anchor)];
    case 'boundary':
      return [op.boundary, testIndex(instruction.word), Number(instruction.negative)];
    case 'look':
      return [op.look, instruction.next, instruction.back ?? none, Number(instruction.negative)];
    case 'atomic':
      return [op.atomic, instruction.next];
    case 'backref':
      return [op.backref, instruction.group, folds.indexOf(instruction.fold)];
    case 'conditional':
      return [op.conditional, instruction.group, instruction.no];
    case 'match':
      return [op.match];
  }
}

export function assemble(program: Program): Machine {
  const tests: SetTest[] = [];
  const testIndex = (test: SetTest): number => {
    const known = tests.indexOf(test);
    return known === -1 ? tests.push(test) - 1 : known;
  };
  const words = new Int32Array(program.code.length * stride);
  const loopsOf = new Map<number, readonly number[]>();
  program.code.forEach((instruction, pc) => {
    operands(instruction, testIndex).forEach((word, i) => {
      words[pc * stride + i] = word ?? 0;
    });
    if (!('branching' in instruction)) return;
    const { memo, loops } = instruction.branching;
    if (loops.length > 0) loopsOf.set(memo, loops);
  });
  const low = new Uint8Array(tests.length * 128);
  tests.forEach((test, i) => {
    low.set(test.low, i * 128);
  });
  return { ...program, words, low, sets: tests.map(({ set }) => set), loopsOf };
}
