/** How many characters a part of a regular expression takes, by Python's reckoning. */

import type { Node } from './tree.ts';

/** Python's number for "no limit". */
export const repeatMax = 4294967295;

export interface Width {
  readonly min: number;
  readonly max: number;
}

const one: Width = { min: 1, max: 1 };
const zero: Width = { min: 0, max: 0 };

function either(a: Width, b: Width): Width {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

function sum(widths: readonly Width[]): Width {
  return widths.reduce((a, b) => ({ min: a.min + b.min, max: a.max + b.max }), zero);
}

/** The least and most characters; `groups` has the widths of the groups that back references may name. */
export function widthOf(node: Node, groups: readonly (Width | null)[]): Width {
  switch (node.kind) {
    case 'char':
      return one;
    case 'sequence':
      return sum(node.items.map((item) => widthOf(item, groups)));
    case 'choice':
      return node.branches.map((branch) => widthOf(branch, groups)).reduce(either);
    case 'repeat': {
      const { min, max } = widthOf(node.body, groups);
      return { min: min * node.min, max: max === 0 ? 0 : max * node.max };
    }
    case 'group':
    case 'atomic':
      return widthOf(node.body, groups);
    case 'conditional':
      return either(widthOf(node.yes, groups), widthOf(node.no, groups));
    case 'backref':
      return groups[node.group] ?? zero;
    case 'anchor':
    case 'boundary':
    case 'look':
      return zero;
  }
}
