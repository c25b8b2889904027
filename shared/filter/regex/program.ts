/** Compiles the tree of a regular expression into the instructions of the matcher. */

import { EdgebanError } from '../../errors.ts';
import { firstOf, isNullable } from './analysis.ts';
import { anyChar, ascii, type CharSet, intersect, pairsOf } from './charset.ts';
import type { Anchor, BackrefNode, LookNode, Node, RepeatNode, Tree } from './tree.ts';

/** How many instructions one expression may have, counted repeats written out. */
const programMax = 20_000;
/** In how many loops of possibly empty rounds a branch may lie and still be remembered. */
const loopsMax = 6;

/** A set of characters with a table for its ASCII part. */
export interface SetTest {
  readonly set: CharSet;
  readonly low: Uint8Array;
}

interface Branching {
  /** The first bit of this instruction in the memo, in units of text positions; -1 if it may not be remembered. */
  memo: number;
  /** Registers of the loops around it whose rounds may be empty. */
  readonly loops: readonly number[];
}

export type Instruction =
  | { readonly op: 'char'; readonly test: SetTest; readonly count: number }
  | {
      readonly op: 'run';
      readonly test: SetTest;
      readonly max: number;
      readonly greedy: boolean;
      readonly branching: Branching;
    }
  | { readonly op: 'split'; first: number; second: number; readonly branching: Branching }
  | { readonly op: 'enter'; readonly register: number }
  | {
      readonly op: 'until';
      readonly register: number;
      readonly greedy: boolean;
      tail: number;
      readonly branching: Branching;
    }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'anchor'; readonly anchor: Anchor }
  | { readonly op: 'boundary'; readonly word: SetTest; readonly negative: boolean }
  | {
      readonly op: 'look';
      readonly negative: boolean;
      readonly back: number | null;
      readonly body: number;
      next: number;
    }
  | { readonly op: 'atomic'; readonly body: number; next: number }
  | { readonly op: 'backref'; readonly group: number; readonly fold: BackrefNode['fold'] }
  | { readonly op: 'conditional'; readonly group: number; no: number }
  | { readonly op: 'match' };

export interface Program {
  readonly code: readonly Instruction[];
  readonly groups: number;
  readonly registers: number;
  /** Bits of memo for each position of the text. */
  readonly memos: number;
  /** A match can only start with one of these; null if it may be empty. */
  readonly first: SetTest | null;
  /** A match can only start where the text starts. */
  readonly anchored: boolean;
}

function setTest(set: CharSet): SetTest {
  const low = new Uint8Array(128);
  for (const [lo, hi] of pairsOf(intersect(set, ascii))) low.fill(1, lo, hi + 1);
  return { set, low };
}

class Compiler {
  readonly code: Instruction[] = [];
  registers = 0;
  #loops: readonly number[] = [];
  readonly #tests = new Map<CharSet, SetTest>();

  test(set: CharSet): SetTest {
    const known = this.#tests.get(set);
    if (known !== undefined) return known;
    const made = setTest(set);
    this.#tests.set(set, made);
    return made;
  }

  emit<T extends Instruction>(instruction: T): T {
    if (this.code.length >= programMax) {
      const message = `a regular expression of more than ${programMax} steps is not supported`;
      throw new EdgebanError('ERR_REGEX_UNSUPPORTED', message, { remedy: 'use smaller counts in its {m,n} repeats' });
    }
    this.code.push(instruction);
    return instruction;
  }

  node(node: Node): void {
    switch (node.kind) {
      case 'char':
        this.emit({ op: 'char', test: this.test(node.set), count: 1 });
        return;
      case 'sequence':
        for (const item of node.items) this.node(item);
        return;
      case 'choice':
        this.#choice(node.branches);
        return;
      case 'repeat':
        this.#repeat(node);
        return;
      case 'group':
        this.emit({ op: 'save', slot: 2 * node.index });
        this.node(node.body);
        this.emit({ op: 'save', slot: 2 * node.index + 1 });
        return;
      case 'anchor':
        this.emit({ op: 'anchor', anchor: node.anchor });
        return;
      case 'boundary':
        this.emit({ op: 'boundary', word: this.test(node.word), negative: node.negative });
        return;
      case 'backref':
        this.emit({ op: 'backref', group: node.group, fold: node.fold });
        return;
      case 'look':
        this.#look(node);
        return;
      case 'atomic':
        this.#aside(this.emit({ op: 'atomic', body: this.code.length + 1, next: 0 }), node.body);
        return;
      case 'conditional':
        this.#conditional(node.group, node.yes, node.no);
        return;
    }
  }

  #branching(loops = this.#loops): Branching {
    return { memo: -1, loops };
  }

  #choice(branches: readonly Node[]): void {
    const ends: { to: number }[] = [];
    for (const branch of branches.slice(0, -1)) {
      const split = this.emit({ op: 'split', first: this.code.length + 1, second: 0, branching: this.#branching() });
      this.node(branch);
      ends.push(this.emit({ op: 'jump', to: 0 }));
      split.second = this.code.length;
    }
    for (const branch of branches.slice(-1)) this.node(branch);
    for (const end of ends) end.to = this.code.length;
  }

  #repeat(node: RepeatNode): void {
    const { body, min, max, greedy } = node;
    if (body.kind === 'char') {
      const test = this.test(body.set);
      if (min > 0) this.emit({ op: 'char', test, count: min });
      if (max > min) this.emit({ op: 'run', test, max: max - min, greedy, branching: this.#branching() });
      return;
    }
    for (let i = 0; i < min; i++) this.node(body);
    if (max === min) return;
    if (isNullable(body)) this.#emptyRounds(body, max - min, greedy);
    else this.#rounds(body, max - min, greedy);
  }

  /** Up to `max` rounds, none of which can be empty. */
  #rounds(body: Node, max: number, greedy: boolean): void {
    const splits: { first: number; second: number }[] = [];
    const start = this.code.length;
    for (let i = 0; i < (max === Infinity ? 1 : max); i++) {
      const next = this.code.length + 1;
      splits.push(this.emit({ op: 'split', first: next, second: next, branching: this.#branching() }));
      this.node(body);
    }
    if (max === Infinity) this.emit({ op: 'jump', to: start });
    for (const split of splits) split[greedy ? 'second' : 'first'] = this.code.length;
  }

  /** Up to `max` rounds, one of which may be empty: after it there is no other, as in Python. */
  #emptyRounds(body: Node, max: number, greedy: boolean): void {
    const register = this.registers++;
    const outer = this.#loops;
    this.#loops = [...outer, register];
    this.emit({ op: 'enter', register });
    const start = this.code.length;
    const untils: { tail: number }[] = [];
    for (let i = 0; i < (max === Infinity ? 1 : max); i++) {
      untils.push(this.emit({ op: 'until', register, greedy, tail: 0, branching: this.#branching() }));
      this.node(body);
    }
    if (max === Infinity) this.emit({ op: 'jump', to: start });
    for (const until of untils) until.tail = this.code.length;
    this.#loops = outer;
  }

  #look(node: LookNode): void {
    const { negative, back, body } = node;
    this.#aside(this.emit({ op: 'look', negative, back, body: this.code.length + 1, next: 0 }), body);
  }

  /** A body that is matched on its own, without what follows. */
  #aside(instruction: { next: number }, body: Node): void {
    const outer = this.#loops;
    this.#loops = [];
    this.node(body);
    this.emit({ op: 'match' });
    this.#loops = outer;
    instruction.next = this.code.length;
  }

  #conditional(group: number, yes: Node, no: Node): void {
    const conditional = this.emit({ op: 'conditional', group, no: 0 });
    this.node(yes);
    const end = this.emit({ op: 'jump', to: 0 });
    conditional.no = this.code.length;
    this.node(no);
    end.to = this.code.length;
  }
}

/** Where an instruction can lead, bodies of look-arounds included. */
export function successors(instruction: Instruction, next: number): readonly number[] {
  switch (instruction.op) {
    case 'split':
      return [instruction.first, instruction.second];
    case 'until':
      return [next, instruction.tail];
    case 'jump':
      return [instruction.to];
    case 'look':
    case 'atomic':
      return [instruction.body, instruction.next];
    case 'conditional':
      return [next, instruction.no];
    case 'match':
      return [];
    default:
      return [next];
  }
}

/** The instructions from which one that asks for a group can be reached: what fails there once may not fail again. */
function asking(code: readonly Instruction[]): ReadonlySet<number> {
  const sources = new Map<number, number[]>();
  code.forEach((instruction, pc) => {
    for (const to of successors(instruction, pc + 1)) sources.set(to, [...(sources.get(to) ?? []), pc]);
  });
  const open = code.flatMap(({ op }, pc) => (op === 'backref' || op === 'conditional' ? [pc] : []));
  const found = new Set(open);
  for (let pc = open.pop(); pc !== undefined; pc = open.pop()) {
    for (const source of sources.get(pc) ?? []) {
      if (found.has(source)) continue;
      found.add(source);
      open.push(source);
    }
  }
  return found;
}

/** Gives every branch its place in the memo; returns how many bits a text position takes. */
function placeMemos(code: readonly Instruction[]): number {
  const ask = asking(code);
  let memos = 0;
  code.forEach((instruction, pc) => {
    if (!('branching' in instruction)) return;
    const { branching } = instruction;
    if (ask.has(pc) || branching.loops.length > loopsMax) return;
    branching.memo = memos;
    memos += 2 ** branching.loops.length;
  });
  return memos;
}

export function isAnchored(node: Node): boolean {
  if (node.kind === 'sequence') return node.items[0] !== undefined && isAnchored(node.items[0]);
  if (node.kind === 'group') return isAnchored(node.body);
  if (node.kind === 'choice') return node.branches.every(isAnchored);
  return node.kind === 'anchor' && node.anchor === 'text-start';
}

export function compileProgram(tree: Tree): Program {
  const compiler = new Compiler();
  compiler.node({ kind: 'group', index: 0, body: tree.root });
  compiler.emit({ op: 'match' });
  const { set, nullable } = firstOf(tree.root);
  const first = nullable || set === anyChar ? null : setTest(set);
  const memos = placeMemos(compiler.code);
  const { code, registers } = compiler;
  return { code, groups: tree.groups, registers, memos, first, anchored: isAnchored(tree.root) };
}
