/** Parses a regular expression as Python's `re` does, errors included. */

import { anyChar, notNewline, single } from './charset.ts';
import { type Flags, fold, parseFlags } from './flags.ts';
import { parseCounts } from './parse-counts.ts';
import { escapeNode } from './parse-escape.ts';
import { parseSet } from './parse-set.ts';
import { Scanner } from './scanner.ts';
import { empty, type Node, sequence, type Tree } from './tree.ts';
import { type Width, widthOf } from './width.ts';

/** How deeply groups may nest: the parser and all passes over the tree call themselves once a level. */
const depthMax = 100;
const blank = ' \t\n\r\v\f';

interface Item {
  readonly node: Node;
  /** What Python refuses to repeat: an anchor, or something that is repeated already. */
  readonly kind: 'anchor' | 'repeat' | 'other';
}

/** A group stands for itself, whatever is in it: `(?:^)*` may be repeated, `^*` not. */
function group(node: Node): Item {
  return { node, kind: 'other' };
}

function atom(node: Node): Item {
  return { node, kind: node.kind === 'anchor' || node.kind === 'boundary' ? 'anchor' : 'other' };
}

class Parser {
  readonly scanner: Scanner;
  readonly names = new Map<string, number>();
  /** The width of each group that is closed, by number; null while it is open. */
  readonly widths: (Width | null)[] = [null];
  /** Inside a look-behind: how many groups there were before it. */
  #groupsBeforeLook: number | null = null;
  /** Numbers in `(?(1)…)` that must be groups in the end, with their place. */
  readonly #expected = new Map<number, number>();
  #flags: Flags;

  constructor(source: string, flags: Flags) {
    this.scanner = new Scanner(source);
    this.#flags = flags;
  }

  parse(): Node {
    const root = this.#choice(this.#flags, 0);
    if (this.scanner.next !== null) throw this.scanner.error('unbalanced parenthesis');
    for (const [group, position] of this.#expected) {
      if (group >= this.widths.length) {
        throw this.scanner.error(`invalid group reference ${group}`, this.scanner.position - position);
      }
    }
    return root;
  }

  #choice(flags: Flags, depth: number): Node {
    const branches: Node[] = [];
    do branches.push(this.#branch(depth === 0 ? this.#flags : flags, depth, branches.length === 0));
    while (this.scanner.match('|'));
    const [only = empty] = branches;
    return branches.length === 1 ? only : { kind: 'choice', branches };
  }

  #branch(outer: Flags, depth: number, first = false): Node {
    if (depth > depthMax)
      throw this.scanner.unsupported(`nesting deeper than ${depthMax} groups`, 1, 'nest fewer groups');
    let flags = outer;
    const items: Item[] = [];
    for (;;) {
      const next = this.scanner.next;
      if (next === null || next === '|' || next === ')') return sequence(items.map(({ node }) => node));
      const start = this.scanner.position;
      this.scanner.get();
      if (flags.verbose && this.#skips(next)) continue;
      if (next !== '(' || !this.scanner.match('?')) this.#plain(next, items, flags, depth);
      else {
        const extension = this.#extension(flags, depth, start);
        if (extension === 'flags') flags = this.#globalFlags(depth === 0 && first && items.length === 0, start);
        else if (extension !== null) items.push(group(extension));
      }
    }
  }

  #globalFlags(allowed: boolean, start: number): Flags {
    if (allowed) return this.#flags;
    throw this.scanner.error('global flags not at the start of the expression', this.scanner.position - start);
  }

  /** Blanks and comments of a verbose expression. */
  #skips(next: string): boolean {
    if (next !== '#') return blank.includes(next);
    for (let skipped = this.scanner.get(); skipped !== null && skipped !== '\n'; ) skipped = this.scanner.get();
    return true;
  }

  #plain(next: string, items: Item[], flags: Flags, depth: number): void {
    if ('*+?{'.includes(next)) this.#repeat(next, items, flags);
    else if (next === '(') items.push(group(this.#group(null, flags, depth, this.scanner.position - 1)));
    else items.push(atom(this.#atom(next, flags)));
  }

  #atom(next: string, flags: Flags): Node {
    if (next.startsWith('\\'))
      return escapeNode(this.scanner, next, flags, (group, back) => this.#backref(group, flags, back));
    if (next === '[') return { kind: 'char', set: parseSet(this.scanner, flags) };
    if (next === '.') return { kind: 'char', set: flags.dotAll ? anyChar : notNewline };
    if (next === '^') return { kind: 'anchor', anchor: flags.multiline ? 'line-start' : 'text-start' };
    if (next === '$') return { kind: 'anchor', anchor: flags.multiline ? 'line-end' : 'last-line-end' };
    return { kind: 'char', set: fold(single(next.codePointAt(0) ?? 0), flags) };
  }

  #repeat(quantifier: string, items: Item[], flags: Flags): void {
    const start = this.scanner.position - 1;
    const range = parseCounts(this.scanner, quantifier, start);
    if (range === null) {
      items.push(atom({ kind: 'char', set: fold(single(123), flags) }));
      return;
    }
    const back = this.scanner.position - start;
    const repeated = items.pop();
    if (repeated === undefined || repeated.kind === 'anchor') throw this.scanner.error('nothing to repeat', back);
    if (repeated.kind === 'repeat') throw this.scanner.error('multiple repeat', back);
    const lazy = this.scanner.match('?');
    const possessive = !lazy && this.scanner.match('+');
    const node: Node = { kind: 'repeat', body: repeated.node, ...range, greedy: !lazy };
    items.push({ node: possessive ? { kind: 'atomic', body: node } : node, kind: 'repeat' });
  }

  /** What follows `(?`; null for a comment, 'flags' for flags of the whole expression. */
  #extension(flags: Flags, depth: number, start: number): Node | 'flags' | null {
    const { scanner } = this;
    const char = scanner.get();
    if (char === null) throw scanner.error('unexpected end of pattern');
    if (char === 'P') return this.#named(flags, depth, start);
    if (char === ':') return this.#unnamed(flags, depth, start);
    if (char === '#') return this.#comment(start);
    if (char === '=' || char === '!') return this.#look(char === '!', false, flags, depth, start);
    if (char === '<') return this.#lookBehind(flags, depth, start);
    if (char === '(') return this.#conditional(flags, depth, start);
    if (char === '>') return { kind: 'atomic', body: this.#body(flags, depth, start) };
    if (!/^[-A-Za-z]$/.test(char)) throw scanner.error(`unknown extension ?${char}`, char.length + 1);
    const parsed = parseFlags(scanner, char, flags);
    if (parsed.scoped) return this.#body(parsed.flags, depth, start);
    this.#flags = parsed.flags;
    return 'flags';
  }

  #comment(start: number): null {
    for (let skipped = this.scanner.get(); skipped !== ')'; skipped = this.scanner.get()) {
      if (skipped === null) throw this.scanner.error('missing ), unterminated comment', this.scanner.position - start);
    }
    return null;
  }

  /** The inside of a group, with its closing parenthesis. */
  #body(flags: Flags, depth: number, start: number): Node {
    const body = this.#choice(flags, depth + 1);
    this.#close(start);
    return body;
  }

  #close(start: number): void {
    if (this.scanner.match(')')) return;
    throw this.scanner.error('missing ), unterminated subpattern', this.scanner.position - start);
  }

  /** fail2ban turns `((?i)…)` and `(?:(?i)…)` into `(?i:…)`: Python before 3.11 took them so. Null if it is neither. */
  #localFlags(flags: Flags, depth: number, start: number): Node | null {
    const here = this.scanner.position;
    if (!/^\(\?[a-z]+\)/.test(this.scanner.source.slice(here, here + 12))) return null;
    this.scanner.seek(here + 2);
    const parsed = parseFlags(this.scanner, this.scanner.get() ?? '', flags);
    return this.#body(parsed.flags, depth, start);
  }

  #unnamed(flags: Flags, depth: number, start: number): Node {
    return this.#localFlags(flags, depth, start) ?? this.#body(flags, depth, start);
  }

  #group(name: string | null, flags: Flags, depth: number, start: number): Node {
    const local = name === null ? this.#localFlags(flags, depth, start) : null;
    if (local !== null) return local;
    const index = this.widths.push(null) - 1;
    if (name !== null) this.#name(name, index);
    const body = this.#body(flags, depth, start);
    this.widths[index] = widthOf(body, this.widths);
    return { kind: 'group', index, body };
  }

  #name(name: string, index: number): void {
    if (name === '__proto__')
      throw this.scanner.unsupported(`a group named ${name}`, name.length + 1, 'name it otherwise');
    const taken = this.names.get(name);
    const message = `redefinition of group name '${name}' as group ${index}; was group ${taken}`;
    if (taken !== undefined) throw this.scanner.error(message, name.length + 1);
    this.names.set(name, index);
  }

  #groupName(terminator: string): string {
    const name = this.scanner.until(terminator, 'group name');
    if (/^[\p{ID_Start}_][\p{ID_Continue}]*$/u.test(name)) return name;
    throw this.scanner.error(`bad character in group name '${name}'`, name.length + 1);
  }

  /** `(?P<name>…)` and `(?P=name)`. */
  #named(flags: Flags, depth: number, start: number): Node {
    const { scanner } = this;
    if (scanner.match('<')) return this.#group(this.#groupName('>'), flags, depth, start);
    if (!scanner.match('=')) throw scanner.error(`unknown extension ?P${scanner.next ?? ''}`, 2);
    const name = this.#groupName(')');
    return this.#backref(this.#groupOf(name), flags, name.length + 1);
  }

  #groupOf(name: string): number {
    const group = this.names.get(name);
    if (group === undefined) throw this.scanner.error(`unknown group name '${name}'`, name.length + 1);
    return group;
  }

  #backref(group: number, flags: Flags, back: number): Node {
    if (group >= this.widths.length) throw this.scanner.error(`invalid group reference ${group}`, back - 1);
    if (this.widths[group] === null) throw this.scanner.error('cannot refer to an open group', back);
    this.#checkLook(group);
    const fold = flags.ascii ? 'ascii' : 'unicode';
    return { kind: 'backref', group, fold: flags.ignoreCase ? fold : 'none' };
  }

  #checkLook(group: number): void {
    if (this.#groupsBeforeLook === null) return;
    if ((this.widths[group] ?? null) === null) throw this.scanner.error('cannot refer to an open group');
    if (group < this.#groupsBeforeLook) return;
    throw this.scanner.error('cannot refer to group defined in the same lookbehind subpattern');
  }

  #look(negative: boolean, behind: boolean, flags: Flags, depth: number, start: number): Node {
    const body = this.#body(flags, depth, start);
    const width = widthOf(body, this.widths);
    if (behind && width.min !== width.max) throw this.scanner.error('look-behind requires fixed-width pattern', 1);
    return { kind: 'look', negative, back: behind ? width.min : null, body };
  }

  #lookBehind(flags: Flags, depth: number, start: number): Node {
    const char = this.scanner.get();
    if (char !== '=' && char !== '!')
      throw this.scanner.error(`unknown extension ?<${char ?? ''}`, (char ?? '').length + 2);
    const outer = this.#groupsBeforeLook;
    this.#groupsBeforeLook = outer ?? this.widths.length;
    const look = this.#look(char === '!', true, flags, depth, start);
    this.#groupsBeforeLook = outer;
    return look;
  }

  /** `(?(group)yes|no)`. */
  #conditional(flags: Flags, depth: number, start: number): Node {
    const group = this.#condition();
    this.#checkLook(group);
    const yes = this.#branch(flags, depth + 1);
    const no = this.scanner.match('|') ? this.#branch(flags, depth + 1) : empty;
    if (this.scanner.next === '|') throw this.scanner.error('conditional backref with more than two branches');
    this.#close(start);
    return { kind: 'conditional', group, yes, no };
  }

  #condition(): number {
    const name = this.scanner.until(')', 'group name');
    if (!/^[0-9]+$/.test(name)) {
      this.scanner.seek(this.scanner.position - name.length - 1);
      return this.#groupOf(this.#groupName(')'));
    }
    const group = Number(name);
    if (group === 0) throw this.scanner.error('bad group number', name.length + 1);
    if (!this.#expected.has(group)) this.#expected.set(group, this.scanner.position - name.length - 1);
    return group;
  }
}

/** Parses Python's syntax; throws ERR_REGEX_SYNTAX or ERR_REGEX_UNSUPPORTED with the construct and its place. */
export function parsePattern(source: string, options: { multiline?: boolean; ignoreCase?: boolean } = {}): Tree {
  const { multiline = false, ignoreCase = false } = options;
  const parser = new Parser(source, { ascii: false, ignoreCase, multiline, dotAll: false, verbose: false });
  const root = parser.parse();
  return { root, groups: parser.widths.length - 1, names: parser.names };
}
