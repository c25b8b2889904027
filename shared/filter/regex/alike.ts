/** Knows the texts in which an expression bound to their begin finds what it found in one: as far as it looks, it cannot tell them apart. */
import { type Instruction, type Program, type SetTest, successors } from './program.ts';

/** A search that looks further is not remembered. */
const places_max = 64;

/** A text that has been searched, and what all texts alike have in common with it. */
export class Alike {
  /** What is run through first, however long it is; null if nothing is. */
  readonly #lead: Uint8Array | null;
  /** For each place that is looked at, 1 at the characters that could stand there. */
  readonly #masks: Uint8Array;
  readonly #places: number;
  /** Where the places begin, from the begin of the text. */
  readonly #from: number;
  readonly #marks: readonly number[];
  /** Whether a shift moves all that the groups have caught. */
  readonly movesGroups: boolean;

  /** The marks, from the text's begin on, are those of the match in `bytes[start, end)`. Null where it cannot be told what else would match so. */
  static of(program: Program, bytes: Uint8Array, start: number, end: number, marks: readonly number[]): Alike | null {
    if (!program.anchored) return null;
    const lead = leadingRun(program.code);
    const from = lead === null ? start : endOfRun(lead.test.low, bytes, start, end);
    if (lead !== null && from === start) return null;
    const masks = masksOf(program.code, lead?.pc ?? 0, bytes.subarray(from, end));
    return masks === null ? null : new Alike(lead?.test.low ?? null, masks, from - start, marks);
  }

  private constructor(lead: Uint8Array | null, masks: readonly Uint8Array[], from: number, marks: readonly number[]) {
    this.#lead = lead;
    this.#places = masks.length;
    this.#masks = new Uint8Array(128 * masks.length);
    for (const [place, mask] of masks.entries()) this.#masks.set(mask, 128 * place);
    this.#from = from;
    this.#marks = marks;
    this.movesGroups = marks.every((mark, index) => index < 2 || mark < 0 || mark >= from);
  }

  /** The marks of the match in an ASCII text that is alike; null for all others. */
  marksIn(bytes: Uint8Array, start: number, end: number): readonly number[] | null {
    const shift = this.shiftIn(bytes, start, end);
    if (shift === null || shift === 0) return shift === null ? null : this.#marks;
    return this.#marks.map((mark) => (mark < this.#from ? mark : mark + shift));
  }

  /** How much further right than in the example the places begin in an ASCII text that is alike; null for all others. */
  shiftIn(bytes: Uint8Array, start: number, end: number): number | null {
    const from = this.#lead === null ? start : endOfRun(this.#lead, bytes, start, end);
    // its end is not looked at
    if (end - from < this.#places + 2 || (this.#lead !== null && from === start)) return null;
    const masks = this.#masks;
    for (let place = 0; place < this.#places; place += 1) {
      if (masks[128 * place + (bytes[from + place] ?? 0)] !== 1) return null;
    }
    return from - start - this.#from;
  }
}

interface Lead {
  readonly pc: number;
  readonly test: SetTest;
}

/** `^[^\[]*\[`: as many as there are, and no other number of them would do. */
function leadingRun(code: readonly Instruction[]): Lead | null {
  const pc = behindSaves(code, 0);
  const run = code[pc];
  if (run?.op !== 'run' || !run.greedy || run.max !== Infinity) return null;
  const next = code[behindSaves(code, pc + 1)];
  if (next?.op !== 'char' || next.test.low.some((has, code) => has === 1 && run.test.low[code] === 1)) return null;
  return { pc, test: run.test };
}

function behindSaves(code: readonly Instruction[], begin: number): number {
  let pc = begin;
  for (
    let one = code[pc];
    one?.op === 'save' || (one?.op === 'anchor' && one.anchor === 'text-start');
    one = code[pc]
  ) {
    pc += 1;
  }
  return pc;
}

function endOfRun(set: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && set[bytes[at] ?? 0] === 1) at += 1;
  return at;
}

/**
 * All ways through the expression at once, those that fail and those that are never gone included: two characters that none of
 * the tests at a place tells apart are one there. Null for what looks at anything else, back or at the text's end.
 */
function masksOf(code: readonly Instruction[], begin: number, bytes: Uint8Array): Uint8Array[] | null {
  const singles = singleCharacters(code);
  const masks: Uint8Array[] = [];
  let ways: readonly Way[] | null = reached(code, [{ pc: begin, left: 0 }]);
  for (let at = 0; ways !== null && ways.length > 0; at += 1) {
    if (at >= places_max || at + 2 >= bytes.length) return null;
    const byte = bytes[at] ?? 0;
    const mask = new Uint8Array(128).fill(1);
    masks.push(mask);
    const next: Way[] = [];
    for (const { pc, left } of ways) {
      const one = code[pc];
      if (one?.op === 'boundary') {
        const before = masks[at - 1];
        if (before === undefined && begin > 0) return null;
        narrow(mask, one.word.low, byte);
        if (before !== undefined) narrow(before, one.word.low, bytes[at - 1] ?? 0);
      } else if (one?.op === 'backref') {
        if (!singles.has(pc)) return null;
        next.push({ pc: pc + 1, left: 0 });
      } else if (one?.op === 'char' || one?.op === 'run') {
        narrow(mask, one.test.low, byte);
        if (one.test.low[byte] === 1) next.push(behind(one, pc, left));
      }
      if (singles.has(pc)) only(mask, byte);
    }
    ways = reached(code, next);
  }
  return ways === null || masks.length === 0 ? null : masks;
}

/** An instruction that is alive, and how many more of its characters may come; 0 before the first. */
interface Way {
  readonly pc: number;
  readonly left: number;
}

/** Where an instruction stands that has taken a character. */
function behind(one: Instruction & { op: 'char' | 'run' }, pc: number, left: number): Way {
  const most = one.op === 'run' ? one.max : one.count;
  if (most === Infinity) return { pc, left: 0 };
  const more = (left === 0 ? most : left) - 1;
  return more === 0 ? { pc: pc + 1, left: 0 } : { pc, left: more };
}

/** What asks for a character, reached without one; null for what looks back, or for line ends. */
function reached(code: readonly Instruction[], from: readonly Way[]): Way[] | null {
  const found = new Map(from.map((way) => [way.pc + code.length * way.left, way]));
  for (const { pc } of found.values()) {
    const one = code[pc];
    if (one === undefined || (one.op === 'look' && one.back !== null)) return null;
    if (
      one.op === 'anchor' &&
      one.anchor !== 'text-start' &&
      one.anchor !== 'text-end' &&
      one.anchor !== 'last-line-end'
    )
      return null;
    if (one.op === 'char' || one.op === 'backref') continue;
    for (const next of successors(one, pc + 1)) if (!found.has(next)) found.set(next, { pc: next, left: 0 });
  }
  return [...found.values()].filter(({ pc }) => ['char', 'run', 'backref', 'boundary'].includes(code[pc]?.op ?? ''));
}

/** Back references to groups of one character, and these characters: what stands there is compared, not tested. */
function singleCharacters(code: readonly Instruction[]): ReadonlySet<number> {
  const singles = new Set<number>();
  for (const [pc, one] of code.entries()) {
    if (one.op !== 'backref') continue;
    const groups = code.flatMap((other, at) => (other.op === 'save' && other.slot === 2 * one.group ? [at] : []));
    const chars = groups.map((at) => code[at + 1]);
    const closed = groups.every((at) => code[at + 2]?.op === 'save');
    if (!closed || !chars.every((char) => char?.op === 'char' && char.count === 1)) continue;
    for (const at of [pc, ...groups.map((at) => at + 1)]) singles.add(at);
  }
  return singles;
}

function narrow(mask: Uint8Array, set: Uint8Array, byte: number): void {
  for (let other = 0; other < 128; other += 1) if (set[other] !== set[byte]) mask[other] = 0;
}

function only(mask: Uint8Array, byte: number): void {
  mask.fill(0);
  mask[byte] = 1;
}
