/** A text that an expression was made for, at random: not each of them matches, most do. */
import { contains } from '../../../shared/filter/regex/charset.ts';
import type { Node } from '../../../shared/filter/regex/tree.ts';
import type { Random } from './random-regex.ts';

const alphabet = [...'abcdXYZ019_ -:./[]()"\'=,;@<>\n'].map((char) => char.charCodeAt(0));

/** What stands in a group, by its index, where its own body shall not say it. */
type Fill = (group: number) => string | undefined;

/** What looks around is left to chance. */
export function sample(node: Node, random: Random, fill: Fill = () => undefined): string {
  return new Sampler(random, fill).text(node);
}

class Sampler {
  readonly #random: Random;
  readonly #fill: Fill;
  readonly #groups = new Map<number, string>();

  constructor(random: Random, fill: Fill) {
    this.#random = random;
    this.#fill = fill;
  }

  text(node: Node): string {
    switch (node.kind) {
      case 'char':
        return this.#char(node.set);
      case 'sequence':
        return node.items.map((item) => this.text(item)).join('');
      case 'choice': {
        const branch = node.branches[this.#random.next(node.branches.length)];
        return branch === undefined ? '' : this.text(branch);
      }
      case 'repeat': {
        const count = Math.min(node.max, node.min + this.#random.pick([0, 0, 1, 1, 2, 5]));
        return Array.from({ length: count }, () => this.text(node.body)).join('');
      }
      case 'group': {
        const text = this.#fill(node.index) ?? this.text(node.body);
        this.#groups.set(node.index, text);
        return text;
      }
      case 'atomic':
        return this.text(node.body);
      case 'backref':
        return this.#groups.get(node.group) ?? '';
      case 'conditional':
        return this.text(this.#groups.has(node.group) ? node.yes : node.no);
      case 'anchor':
      case 'boundary':
      case 'look':
        return '';
    }
  }

  #char(set: readonly number[]): string {
    const fitting = alphabet.filter((code) => contains(set, code));
    return String.fromCharCode(fitting[this.#random.next(Math.max(1, fitting.length))] ?? set[0] ?? 63);
  }
}
