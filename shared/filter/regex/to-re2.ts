/**
 * Translates the tree of a regular expression into RE2's syntax: exactly where RE2 can do what Python does, and otherwise
 * into one that matches at least wherever Python's matches.
 */

import { isNullable } from './analysis.ts';
import { ascii, beyondAscii, type CharSet, intersect, maxCodePoint, negate, pairsOf, union } from './charset.ts';
import { type Anchor, childrenOf, type Node, type RepeatNode, someNode, type Tree } from './tree.ts';

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
  /** About as many states as RE2 needs: its work for a byte at the worst. */
  readonly size: number;
}

/**
 * Characters that a counted repeat may come to when written out, and all of them together. RE2 has a state for each, so that
 * `.{0,900}` takes it thousands of times as long a byte as `.*`; and it takes no counts above 1000 at all.
 */
const repeatMax = 100;
const repeatsMax = 600;
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

function isLarge(set: CharSet): boolean {
  return set.length > 2 * rangesMax && negate(set).length > 2 * rangesMax;
}

function charClass(set: CharSet, alphabet: Alphabet): string {
  if (alphabet === 'unicode') return classOf(isLarge(set) ? union(set, beyondAscii) : set);
  // Beyond ASCII there is nothing in the text: take what makes the shorter class.
  const without = classOf(intersect(set, ascii));
  const withAll = classOf(union(intersect(set, ascii), beyondAscii));
  return without.length < withAll.length ? without : withAll;
}

/** The classes of the sets seen so far: most expressions share a few large ones. */
const classes: Readonly<Record<Alphabet, WeakMap<CharSet, string>>> = { ascii: new WeakMap(), unicode: new WeakMap() };

class Translator {
  readonly groups: number[] = [];
  fit: Translation['fit'] = 'exact';
  readonly #alphabet: Alphabet;
  readonly #captured: ReadonlySet<number>;
  readonly #bodies = new Map<number, Node>();
  #room = repeatsMax;

  constructor(alphabet: Alphabet, captured: ReadonlySet<number>) {
    this.#alphabet = alphabet;
    this.#captured = captured;
  }

  /** Characters that counted repeats come to. */
  get repeated(): number {
    return repeatsMax - this.#room;
  }

  node(node: Node): string {
    switch (node.kind) {
      case 'char':
        return this.#char(node.set);
      case 'sequence':
        return node.items.map((item) => this.node(item)).join('');
      case 'choice':
        return `(?:${node.branches.map((branch) => this.node(branch)).join('|')})`;
      case 'repeat':
        return this.#repeat(node);
      case 'group':
        return this.#group(node.index, node.body);
      case 'anchor':
        return this.#anchor(node.anchor);
      case 'boundary':
        return this.#boundary(node.negative);
      case 'look':
        return this.#wider('(?:)');
      case 'atomic':
        return this.#wider(this.node(node.body));
      case 'backref':
        return this.#wider(this.#again(node.group, node.fold === 'none'));
      case 'conditional':
        return this.#wider(`(?:${this.node(node.yes)}|${this.node(node.no)})`);
    }
  }

  #wider(source: string): string {
    this.fit = 'wider';
    return source;
  }

  #char(set: CharSet): string {
    if (this.#alphabet === 'unicode' && isLarge(set)) this.fit = 'wider';
    const known = classes[this.#alphabet].get(set);
    if (known !== undefined) return known;
    const source = charClass(set, this.#alphabet);
    classes[this.#alphabet].set(set, source);
    return source;
  }

  #group(index: number, body: Node): string {
    this.#bodies.set(index, body);
    if (!this.#captured.has(index)) return `(?:${this.node(body)})`;
    this.groups.push(index);
    return `(${this.node(body)})`;
  }

  #repeat(node: RepeatNode): string {
    const { body, min, max, greedy } = node;
    // RE2 goes about loops with empty rounds in its own way; what they match as a whole is the same.
    if (max > 1 && isNullable(body)) this.fit = 'wider';
    const written = (max === Infinity ? min : max) > 1 ? writtenSize(node) : 0;
    if (written > repeatMax || written > this.#room) {
      return this.#wider(`(?:${this.node(body)})${min === 0 ? '*' : '+'}${greedy ? '' : '?'}`);
    }
    const outer = this.#room;
    this.#room = Infinity;
    const inner = this.node(body);
    this.#room = outer - written;
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
  #again(group: number, sameCase: boolean): string {
    const body = this.#bodies.get(group);
    if (!sameCase || body === undefined || !isSimple(body)) return anything;
    const translator = new Translator(this.#alphabet, new Set());
    return `(?:${translator.node(body)})`;
  }
}

/** How many characters a part comes to with its counted repeats written out. */
function writtenSize(node: Node): number {
  if (node.kind === 'char') return 1;
  const size = childrenOf(node).reduce((sum, child) => sum + writtenSize(child), 0);
  return node.kind === 'repeat' ? size * (node.max === Infinity ? Math.max(1, node.min) : node.max) : size;
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
  const source = translator.node(tree.root);
  const size = source.length + 2 * translator.repeated;
  return { source, groups: translator.groups, fit: translator.fit, size };
}
