/** Which instructions are reached from which, and with which characters a way may begin: for the code that is written of them. */
import type { Instruction } from './program.ts';

/** So far it is looked for what a way may begin with. */
const firstDepthMax = 14;

/** The ASCII characters one of which must come at an instruction; null where none need to, or it is not known. */
export function firstAt(code: readonly Instruction[], pc: number, depth = 0): Uint8Array | null {
  const instruction = code[pc];
  if (instruction === undefined || depth > firstDepthMax) return null;
  switch (instruction.op) {
    case 'char':
      return instruction.test.low;
    case 'run':
      return union(instruction.test.low, firstAt(code, pc + 1, depth + 1));
    case 'split':
      return union(firstAt(code, instruction.first, depth + 1), firstAt(code, instruction.second, depth + 1));
    case 'until':
      return union(firstAt(code, pc + 1, depth + 1), firstAt(code, instruction.tail, depth + 1));
    case 'conditional':
      return union(firstAt(code, pc + 1, depth + 1), firstAt(code, instruction.no, depth + 1));
    case 'jump':
      return firstAt(code, instruction.to, depth + 1);
    case 'look':
      return firstAt(code, instruction.next, depth + 1);
    case 'save':
    case 'enter':
    case 'anchor':
    case 'boundary':
      return firstAt(code, pc + 1, depth + 1);
    default:
      return null;
  }
}

function union(one: Uint8Array | null, other: Uint8Array | null): Uint8Array | null {
  if (one === null || other === null) return null;
  return one.map((value, at) => value | (other[at] ?? 0));
}

/** Where an instruction goes on if it does not fail; null where it says so itself. */
export function nextOf(pc: number, instruction: Instruction): number | null {
  switch (instruction.op) {
    case 'jump':
      return instruction.to;
    case 'split':
      return instruction.first;
    case 'look':
    case 'atomic':
      return instruction.next;
    case 'match':
      return null;
    case 'until':
      return instruction.greedy ? pc + 1 : null;
    default:
      return pc + 1;
  }
}

/** All places that an instruction may go to, now or when the matcher comes back to it; bodies of look-arounds are none. */
function waysOf(pc: number, instruction: Instruction): number[] {
  switch (instruction.op) {
    case 'split':
      return [instruction.first, instruction.second];
    case 'until':
      return [pc + 1, instruction.tail];
    case 'conditional':
      return [pc + 1, instruction.no];
    default: {
      const next = nextOf(pc, instruction);
      return next === null ? [] : [next];
    }
  }
}

export function reachable(code: readonly Instruction[], begin: number): ReadonlySet<number> {
  const found = new Set<number>([begin]);
  for (const pc of found) {
    const instruction = code[pc];
    if (instruction !== undefined) for (const way of waysOf(pc, instruction)) found.add(way);
  }
  return found;
}

/** Instructions that are gone to other than from the one before: each is a case of the switch. */
export function targetsOf(
  code: readonly Instruction[],
  reached: ReadonlySet<number>,
  begin: number,
): ReadonlySet<number> {
  const targets = new Set<number>([begin]);
  for (const pc of reached) {
    const instruction = code[pc];
    if (instruction === undefined) continue;
    if (['run', 'until'].includes(instruction.op)) targets.add(pc + 1);
    for (const way of waysOf(pc, instruction)) if (way !== pc + 1 || instruction.op === 'split') targets.add(way);
  }
  return targets;
}
