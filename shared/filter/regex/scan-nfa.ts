/** Makes one nondeterministic automaton of several regular expressions, which matches at least where each of them does. */

import { anyChar, type CharSet } from './charset.ts';
import { isAnchored } from './program.ts';
import { type Anchor, childrenOf, type Node, type RepeatNode, someNode, type Tree } from './tree.ts';

/** Characters that one counted repeat may come to when written out; beyond that its rounds are not counted. */
const writtenMax = 100;
/** Instructions of one expression; a larger one may match any text. */
const instructionsMax = 4_000;
/** Instructions of all; an expression that does not fit any more may match any text. They are told apart by 16 bits. */
const instructionsAllMax = 32_000;

/** What stands at a side of a place in the text, as bits: where more than one is set, it may be any of them. */
export const side = { edge: 1, newline: 2, word: 4, other: 8, lastNewline: 16 } as const;

export type Assertion = Anchor | 'boundary' | 'no-boundary';

/** `outs` are instructions by number. */
export type ScanInstruction =
  | { readonly kind: 'char'; readonly pattern: number; readonly set: CharSet; readonly out: number }
  | { readonly kind: 'split'; readonly pattern: number; readonly outs: number[] }
  | { readonly kind: 'assert'; readonly pattern: number; readonly assertion: Assertion; readonly out: number }
  | { readonly kind: 'match'; readonly pattern: number };

export interface ScanNfa {
  readonly code: readonly ScanInstruction[];
  /** Where each expression begins. */
  readonly starts: readonly number[];
  /** Whether each can match at the begin of the text only. */
  readonly anchored: readonly boolean[];
}

class Builder {
  readonly code: ScanInstruction[] = [];
  readonly #bodies = new Map<number, Node>();
  #pattern = 0;
  #room = 0;

  /** The instruction with which the expression begins. */
  pattern(tree: Tree, pattern: number): number {
    const begin = this.code.length;
    this.#pattern = pattern;
    this.#room = Math.min(instructionsMax, instructionsAllMax - begin);
    this.#bodies.clear();
    collectBodies(tree.root, this.#bodies);
    const match = this.#emit({ kind: 'match', pattern });
    const entry = this.#node(tree.root, match);
    const start = isAnchored(tree.root) ? entry : this.#anything(entry);
    if (this.#room >= 0) return start;
    this.code.length = begin;
    return this.code.push({ kind: 'match', pattern }) - 1;
  }

  /** Once there is no room what is built is thrown away: it only must end soon. */
  #emit(instruction: ScanInstruction): number {
    this.#room -= 1;
    return this.#room < 0 ? 0 : this.code.push(instruction) - 1;
  }

  /** The instruction that a part begins with, when `next` is what follows it. */
  #node(node: Node, next: number): number {
    const pattern = this.#pattern;
    switch (node.kind) {
      case 'char':
        return this.#emit({ kind: 'char', pattern, set: node.set, out: next });
      case 'sequence':
        return node.items.reduceRight((after, item) => this.#node(item, after), next);
      case 'choice':
        return this.#split(node.branches.map((branch) => this.#node(branch, next)));
      case 'conditional':
        return this.#split([this.#node(node.yes, next), this.#node(node.no, next)]);
      case 'repeat':
        return this.#repeat(node, next);
      case 'group':
      case 'atomic':
        return this.#node(node.body, next);
      case 'anchor':
        return this.#emit({ kind: 'assert', pattern, assertion: node.anchor, out: next });
      case 'boundary':
        return this.#emit({
          kind: 'assert',
          pattern,
          assertion: node.negative ? 'no-boundary' : 'boundary',
          out: next,
        });
      case 'look':
        return next;
      case 'backref':
        return this.#again(node.group, node.fold === 'none', next);
    }
  }

  #split(outs: number[]): number {
    return this.#emit({ kind: 'split', pattern: this.#pattern, outs });
  }

  #anything(next: number): number {
    return this.#loop({ kind: 'char', set: anyChar }, next);
  }

  #loop(body: Node, next: number): number {
    const outs = [next];
    const split = this.#split(outs);
    outs.unshift(this.#node(body, split));
    return split;
  }

  #repeat(node: RepeatNode, next: number): number {
    const { body, min, max } = node;
    const counted = (max === Infinity ? min : max) > 1;
    if (counted && writtenSize(node) > writtenMax) {
      const loop = this.#loop(body, next);
      return min === 0 ? loop : this.#node(body, loop);
    }
    let entry = max === Infinity ? this.#loop(body, next) : next;
    for (let i = min; i < max && max !== Infinity; i++) entry = this.#split([this.#node(body, entry), next]);
    for (let i = 0; i < min; i++) entry = this.#node(body, entry);
    return entry;
  }

  /** A back reference repeats a text that the group has matched: where that is simple enough, look for such a text. */
  #again(group: number, sameCase: boolean, next: number): number {
    const body = this.#bodies.get(group);
    return sameCase && body !== undefined && isSimple(body) ? this.#node(body, next) : this.#anything(next);
  }
}

function collectBodies(node: Node, bodies: Map<number, Node>): void {
  if (node.kind === 'group') bodies.set(node.index, node.body);
  for (const child of childrenOf(node)) collectBodies(child, bodies);
}

/** Without what would make the text matched anew depend on where it stands. */
function isSimple(node: Node): boolean {
  return !someNode(
    node,
    ({ kind }) => kind === 'anchor' || kind === 'boundary' || kind === 'look' || kind === 'backref',
  );
}

/** How many characters a part comes to with its counted repeats written out. */
function writtenSize(node: Node): number {
  if (node.kind === 'char') return 1;
  const size = childrenOf(node).reduce((sum, child) => sum + writtenSize(child), 0);
  return node.kind === 'repeat' ? size * (node.max === Infinity ? Math.max(1, node.min) : node.max) : size;
}

export function scanNfa(trees: readonly Tree[]): ScanNfa {
  const builder = new Builder();
  const starts = trees.map((tree, pattern) => builder.pattern(tree, pattern));
  return { code: builder.code, starts, anchored: trees.map(({ root }) => isAnchored(root)) };
}

/** Whether it may hold between what stands before (`prev`) and what stands after (`next`). */
export function mayHold(assertion: Assertion, prev: number, next: number): boolean {
  switch (assertion) {
    case 'text-start':
      return (prev & side.edge) !== 0;
    case 'line-start':
      return (prev & (side.edge | side.newline)) !== 0;
    case 'text-end':
      return (next & side.edge) !== 0;
    case 'line-end':
      return (next & (side.edge | side.newline | side.lastNewline)) !== 0;
    case 'last-line-end':
      return (next & (side.edge | side.lastNewline)) !== 0;
    case 'boundary':
      return (isWord(prev) && isOther(next)) || (isOther(prev) && isWord(next));
    case 'no-boundary':
      return (isWord(prev) && isWord(next)) || (isOther(prev) && isOther(next));
  }
}

function isWord(sides: number): boolean {
  return (sides & side.word) !== 0;
}

function isOther(sides: number): boolean {
  return (sides & ~side.word) !== 0;
}

/** Whether it can be told without what stands after. */
export function looksBackOnly(assertion: Assertion): boolean {
  return assertion === 'text-start' || assertion === 'line-start';
}
