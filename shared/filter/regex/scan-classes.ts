/** The columns of a scan's table: bytes that no part of its expressions tells apart share one. */

import { ascii, beyondAscii, type CharSet, contains, intersect, pairsOf } from './charset.ts';
import { type ScanInstruction, side } from './scan-nfa.ts';
import { asciiWord } from './unicode.ts';

const lineFeed = 10;
const newline: CharSet = [lineFeed, lineFeed];

export interface Columns {
  /** The column of each byte. */
  readonly ofByte: Uint8Array;
  /** The same for the last byte of a text: a newline is another thing there. */
  readonly ofLast: Uint8Array;
  /** Of the end of the text. */
  readonly end: number;
  /** Of all bytes beyond ASCII. */
  readonly beyond: number;
  readonly count: number;
  /** What stands at the place that the column stands for, as bits of `side`. */
  readonly sides: readonly number[];
  /** For each set of characters, 1 at the columns of what is in it. */
  readonly members: ReadonlyMap<CharSet, Uint8Array>;
}

/** Splits each class into those of its bytes that are in the set and those that are not. */
function refine(classes: Uint8Array, count: number, set: CharSet): number {
  const split = new Map<number, number>();
  const sizes = new Uint8Array(count);
  for (const one of classes) sizes[one] = (sizes[one] ?? 0) + 1;
  const inside = new Uint8Array(count);
  const codes = pairsOf(intersect(set, ascii)).flatMap(([lo, hi]) =>
    Array.from({ length: hi - lo + 1 }, (_, i) => lo + i),
  );
  for (const code of codes) inside[classes[code] ?? 0] = (inside[classes[code] ?? 0] ?? 0) + 1;
  let next = count;
  for (const code of codes) {
    const old = classes[code] ?? 0;
    if (inside[old] === sizes[old]) continue;
    const made = split.get(old) ?? next++;
    split.set(old, made);
    classes[code] = made;
  }
  return next;
}

function sideOf(code: number): number {
  if (code === lineFeed) return side.newline;
  return contains(asciiWord, code) ? side.word : side.other;
}

function setsOf(code: readonly ScanInstruction[]): ReadonlySet<CharSet> {
  return new Set(code.flatMap((one) => (one.kind === 'char' ? [one.set] : [])));
}

export function columnsOf(code: readonly ScanInstruction[]): Columns {
  const sets = setsOf(code);
  const classes = new Uint8Array(128);
  let count = 1;
  const asserts = code.some(({ kind }) => kind === 'assert');
  for (const set of [...sets, ...(asserts ? [newline, asciiWord] : [])]) count = refine(classes, count, set);
  const [beyond, lastNewline, end] = [count, count + 1, count + 2];
  const ofByte = new Uint8Array(256).fill(beyond);
  ofByte.set(classes);
  const ofLast = ofByte.slice();
  ofLast[lineFeed] = lastNewline;
  const codeOf = Array.from({ length: count }, (_, column) => classes.indexOf(column));
  const sides = [...codeOf.map(sideOf), side.word | side.other, side.lastNewline, side.edge];
  const members = new Map<CharSet, Uint8Array>();
  for (const set of sets) {
    const has = codeOf.map((code) => contains(set, code));
    const hasBeyond = intersect(set, beyondAscii).length > 0;
    members.set(set, Uint8Array.from([...has, hasBeyond, contains(set, lineFeed), false].map(Number)));
  }
  return { ofByte, ofLast, end, beyond, count: end + 1, sides, members };
}
