/** What can be said about a part of a regular expression without running it. */

import { anyChar, type CharSet, isSubset, noChar, union } from './charset.ts';
import { empty, type LookNode, type Node, sequence, someNode } from './tree.ts';

/** Whether it may match without taking a character; true where that is not known. */
export function isNullable(node: Node): boolean {
  switch (node.kind) {
    case 'char':
      return false;
    case 'sequence':
      return node.items.every(isNullable);
    case 'choice':
      return node.branches.some(isNullable);
    case 'repeat':
      return node.min === 0 || isNullable(node.body);
    case 'group':
    case 'atomic':
      return isNullable(node.body);
    case 'conditional':
      return isNullable(node.yes) || isNullable(node.no);
    case 'anchor':
    case 'boundary':
    case 'look':
    case 'backref':
      return true;
  }
}

/** The characters at one edge of all matches, and whether a match may be empty and so show what is beyond it. */
interface Edge {
  readonly set: CharSet;
  readonly nullable: boolean;
}

const nothing: Edge = { set: noChar, nullable: true };

function edgeOfItems(items: readonly Node[], edgeOf: (node: Node) => Edge): Edge {
  const sets: CharSet[] = [];
  for (const item of items) {
    const edge = edgeOf(item);
    sets.push(edge.set);
    if (!edge.nullable) return { set: union(...sets), nullable: false };
  }
  return { set: union(...sets), nullable: true };
}

function edgeOfBranches(branches: readonly Node[], edgeOf: (node: Node) => Edge): Edge {
  const edges = branches.map(edgeOf);
  return { set: union(...edges.map(({ set }) => set)), nullable: edges.some(({ nullable }) => nullable) };
}

function edgeWith(inOrder: (items: readonly Node[]) => readonly Node[]): (node: Node) => Edge {
  const edgeOf = (node: Node): Edge => {
    switch (node.kind) {
      case 'char':
        return { set: node.set, nullable: false };
      case 'sequence':
        return edgeOfItems(inOrder(node.items), edgeOf);
      case 'choice':
        return edgeOfBranches(node.branches, edgeOf);
      case 'conditional':
        return edgeOfBranches([node.yes, node.no], edgeOf);
      case 'repeat': {
        const { set, nullable } = edgeOf(node.body);
        return { set, nullable: nullable || node.min === 0 };
      }
      case 'group':
      case 'atomic':
        return edgeOf(node.body);
      case 'backref':
        return { set: anyChar, nullable: true };
      case 'anchor':
      case 'boundary':
      case 'look':
        return nothing;
    }
  };
  return edgeOf;
}

/** With what a match can start. */
export const firstOf = edgeWith((items) => items);
/** With what a match can end. */
const lastOf = edgeWith((items) => items.toReversed());

/** What may stand before a place: null if that may be nothing. */
type Before = CharSet | null;

function after(before: Before, node: Node): Before {
  const { set, nullable } = lastOf(node);
  if (!nullable) return set;
  return before === null ? null : union(before, set);
}

/** Whether a look-behind for one character holds by what always stands before it. */
function alwaysHolds(node: LookNode, before: Before): boolean {
  const { body } = node;
  return before !== null && !node.negative && node.back === 1 && body.kind === 'char' && isSubset(before, body.set);
}

function dropInSequence(items: readonly Node[], start: Before): Node {
  let before = start;
  return sequence(
    items.map((item) => {
      const kept = dropLooks(item, before);
      before = after(before, kept);
      return kept;
    }),
  );
}

/**
 * Leaves out the look-behinds that always hold, such as the one in fail2ban's <HOST>, where `(?<=:)` stands after a part that
 * ends in `:`. `before` is what may stand before the node.
 */
export function dropLooks(node: Node, before: Before = null): Node {
  if (!someNode(node, ({ kind }) => kind === 'look')) return node;
  switch (node.kind) {
    case 'look':
      return alwaysHolds(node, before) ? empty : node;
    case 'sequence':
      return dropInSequence(node.items, before);
    case 'choice':
      return { ...node, branches: node.branches.map((branch) => dropLooks(branch, before)) };
    case 'conditional':
      return { ...node, yes: dropLooks(node.yes, before), no: dropLooks(node.no, before) };
    case 'repeat':
      return { ...node, body: dropLooks(node.body, before === null ? null : union(before, lastOf(node.body).set)) };
    case 'group':
    case 'atomic':
      return { ...node, body: dropLooks(node.body, before) };
    case 'char':
    case 'anchor':
    case 'boundary':
    case 'backref':
      return node;
  }
}
