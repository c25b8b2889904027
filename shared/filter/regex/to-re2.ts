/**
 * Translates the tree of a regular expression into RE2's syntax: exactly where RE2 can do what Python does, and otherwise
 * into one that matches at least wherever Python's matches.
 */

import { isNullable } from './analysis.ts';
import { ascii, beyondAscii, type CharSet, intersect, maxCodePoint, negate, pairsOf, union } from './charset.ts';
import { type Anchor, type Node, type RepeatNode, someNode, type Tree } from './tree.ts';

/** What may be in the texts that a translation is for. */
export type Alphabet = 'ascii' | 'unicode';

export interface Translation {
  readonly source: string;
  /** The groups that the translation captures, in RE2's numbering from 1. */
  readonly groups: readonly number[];
  /**
   * `exact`: finds what Python finds. `last-line`: the same in texts without a newline before their last character.
   * `wider`: finds something wherever Python does, and more.
   */
  readonly fit: 'exact' | 'last-line' | 'wider';
}

/** RE2 takes no larger counts, nested ones multiplied. */
const repeatMax = 1000;
/** Classes of more ranges than this are widened beyond ASCII: \w has 734, and RE2's program would grow by as much. */
const rangesMax = 24;
const anything = '(?s:.)*';

function hex(code: number): string {
  return code < 128 && /[A-Za-z0-9]/.test(String.fromCodePoint(code))
    ? String.fromCodePoint(code)
    : `\\x{${code.toString(16)}}`;
}

function classOf(set: CharSet): string {
  const turned = set.at(-1) === maxCodePoint;
  const ranges = pairsOf(turned ? negate(set) : set).map(([lo, hi]) => (lo === hi ? hex(lo) : `${hex(lo)}-${hex(hi)}`));
  if (ranges.length === 0) return turned ? '(?s:.)' : '[^\\x{0}-\\x{10ffff}]';
  const [only] = ranges;
  if (!turned && ranges.length === 1 && set[0] === set[1]) return only ?? '';
  return `[${turned ? '^' : ''}${ranges.join('')}]`;
}

class Translator {
  readonly groups: number[] = [];
  fit: Translation['fit'] = 'exact';
  readonly #alphabet: Alphabet;
  readonly #captured: ReadonlySet<number>;
  readonly #bodies = new Map<number, Node>();

  constructor(alphabet: Alphabet, captured: ReadonlySet<number>) {
    this.#alphabet = alphabet;
    this.#captured = captured;
  }

  node(node: Node, count: number): string {
    switch (node.kind) {
      case 'char':
        return this.#char(node.set);
      case 'sequence':
        return node.items.map((item) => this.node(item, count)).join('');
      case 'choice':
        return `(?:${node.branches.map((branch) => this.node(branch, count)).join('|')})`;
      case 'repeat':
        return this.#repeat(node, count);
      case 'group':
        return this.#group(node.index, node.body, count);
      case 'anchor':
        return this.#anchor(node.anchor);
      case 'boundary':
        return this.#boundary(node.negative);
      case 'look':
        return this.#wider('(?:)');
      case 'atomic':
        return this.#wider(this.node(node.body, count));
      case 'backref':
        return this.#wider(this.#again(node.group, node.fold === 'none', count));
      case 'conditional':
        return this.#wider(`(?:${this.node(node.yes, count)}|${this.node(node.no, count)})`);
    }
  }

  #wider(source: string): string {
    this.fit = 'wider';
    return source;
  }

  #char(set: CharSet): string {
    if (this.#alphabet === 'ascii') {
      // Beyond ASCII there is nothing in the text: take what makes the shorter class.
      const without = classOf(intersect(set, ascii));
      const withAll = classOf(union(intersect(set, ascii), beyondAscii));
      return without.length < withAll.length ? without : withAll;
    }
    if (set.length <= 2 * rangesMax || negate(set).length <= 2 * rangesMax) return classOf(set);
    return this.#wider(classOf(union(set, beyondAscii)));
  }

  #group(index: number, body: Node, count: number): string {
    this.#bodies.set(index, body);
    if (!this.#captured.has(index)) return `(?:${this.node(body, count)})`;
    this.groups.push(index);
    return `(${this.node(body, count)})`;
  }

  #repeat(node: RepeatNode, count: number): string {
    const { body, greedy } = node;
    let { min, max } = node;
    // RE2 goes about loops with empty rounds in its own way; what they match as a whole is the same.
    if (max > 1 && isNullable(body)) this.fit = 'wider';
    const top = max === Infinity ? min : max;
    if (top > 1 && top * count > repeatMax) {
      this.fit = 'wider';
      min = Math.min(min, Math.max(1, Math.floor(repeatMax / count)));
      max = Infinity;
    }
    const inner = this.node(body, count * Math.max(1, max === Infinity ? min : max));
    return `(?:${inner})${quantifier(min, max)}${greedy ? '' : '?'}`;
  }

  #anchor(anchor: Anchor): string {
    switch (anchor) {
      case 'text-start':
        return '\\A';
      case 'line-start':
        return '(?m:^)';
      case 'text-end':
        return '\\z';
      case 'line-end':
        return '(?m:$)';
      case 'last-line-end':
        if (this.fit === 'exact') this.fit = 'last-line';
        return '(?m:$)';
    }
  }

  /** RE2's \b knows ASCII only. */
  #boundary(negative: boolean): string {
    if (this.#alphabet === 'unicode') return this.#wider('(?:)');
    return negative ? '\\B' : '\\b';
  }

  /** A back reference repeats a text that the group has matched: where that is simple enough, look for such a text. */
  #again(group: number, sameCase: boolean, count: number): string {
    const body = this.#bodies.get(group);
    if (!sameCase || body === undefined || !isSimple(body)) return anything;
    const translator = new Translator(this.#alphabet, new Set());
    return `(?:${translator.node(body, count)})`;
  }
}

function quantifier(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  if (max === 1 && min === 0) return '?';
  return `{${min},${max}}`;
}

/** Without what would make the text matched anew depend on where it stands. */
function isSimple(node: Node): boolean {
  return !someNode(
    node,
    ({ kind }) => kind === 'anchor' || kind === 'boundary' || kind === 'look' || kind === 'backref',
  );
}

/** `captured` names the groups that are wanted: the fewer, the faster. */
export function toRe2(tree: Tree, alphabet: Alphabet, captured: ReadonlySet<number>): Translation {
  const translator = new Translator(alphabet, captured);
  const source = translator.node(tree.root, 1);
  return { source, groups: translator.groups, fit: translator.fit };
}
