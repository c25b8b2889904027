/** The tree that a regular expression is parsed into; flags are resolved, so a node means the same everywhere. */

import type { CharSet } from './charset.ts';

export interface CharNode {
  readonly kind: 'char';
  readonly set: CharSet;
}

export interface SequenceNode {
  readonly kind: 'sequence';
  readonly items: readonly Node[];
}

export interface ChoiceNode {
  readonly kind: 'choice';
  readonly branches: readonly Node[];
}

export interface RepeatNode {
  readonly kind: 'repeat';
  readonly body: Node;
  readonly min: number;
  /** Infinity where there is no limit. */
  readonly max: number;
  readonly greedy: boolean;
}

export interface GroupNode {
  readonly kind: 'group';
  /** From 1, in the order of opening. */
  readonly index: number;
  readonly body: Node;
}

export type Anchor = 'text-start' | 'line-start' | 'text-end' | 'line-end' | 'last-line-end';

export interface AnchorNode {
  readonly kind: 'anchor';
  readonly anchor: Anchor;
}

export interface BoundaryNode {
  readonly kind: 'boundary';
  readonly negative: boolean;
  /** What counts as a word character. */
  readonly word: CharSet;
}

export interface LookNode {
  readonly kind: 'look';
  readonly negative: boolean;
  /** How many characters before here the body starts; null for a look ahead. */
  readonly back: number | null;
  readonly body: Node;
}

export interface BackrefNode {
  readonly kind: 'backref';
  readonly group: number;
  readonly fold: 'none' | 'ascii' | 'unicode';
}

export interface ConditionalNode {
  readonly kind: 'conditional';
  readonly group: number;
  readonly yes: Node;
  readonly no: Node;
}

/** `(?>…)`, and the possessive quantifiers. */
export interface AtomicNode {
  readonly kind: 'atomic';
  readonly body: Node;
}

export type Node =
  | CharNode
  | SequenceNode
  | ChoiceNode
  | RepeatNode
  | GroupNode
  | AnchorNode
  | BoundaryNode
  | LookNode
  | BackrefNode
  | ConditionalNode
  | AtomicNode;

export interface Tree {
  readonly root: Node;
  /** How many groups there are, without the whole match. */
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

export const empty: SequenceNode = { kind: 'sequence', items: [] };

export function sequence(items: readonly Node[]): Node {
  const flat = items.flatMap((item) => (item.kind === 'sequence' ? item.items : [item]));
  const [only] = flat;
  return only !== undefined && flat.length === 1 ? only : { kind: 'sequence', items: flat };
}

/** The parts of a node. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'sequence':
      return node.items;
    case 'choice':
      return node.branches;
    case 'repeat':
    case 'group':
    case 'look':
    case 'atomic':
      return [node.body];
    case 'conditional':
      return [node.yes, node.no];
    case 'char':
    case 'anchor':
    case 'boundary':
    case 'backref':
      return [];
  }
}

export function someNode(node: Node, test: (node: Node) => boolean): boolean {
  return test(node) || childrenOf(node).some((child) => someNode(child, test));
}
