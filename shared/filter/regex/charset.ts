/** Sets of code points as sorted ranges: the alphabet of the whole room. */

/** Flat pairs `[lo, hi, lo, hi, …]`, both ends included, ascending, never touching. */
export type CharSet = readonly number[];

export const maxCodePoint = 0x10ffff;
export const anyChar: CharSet = [0, maxCodePoint];
export const noChar: CharSet = [];
export const notNewline: CharSet = [0, 9, 11, maxCodePoint];
export const ascii: CharSet = [0, 127];
export const beyondAscii: CharSet = [128, maxCodePoint];

/** The bound at `index`, which the callers' loops keep inside the array. */
function bound(set: CharSet, index: number): number {
  return set[index] ?? maxCodePoint + 1;
}

/** Sorts pairs and merges those that overlap or touch. */
export function fromPairs(pairs: readonly (readonly [number, number])[]): CharSet {
  const merged: number[] = [];
  let last = -2;
  for (const [lo, hi] of pairs.toSorted((a, b) => a[0] - b[0])) {
    if (merged.length > 0 && lo <= last + 1) last = Math.max(last, hi);
    else {
      if (merged.length > 0) merged.push(last);
      merged.push(lo);
      last = hi;
    }
  }
  if (merged.length > 0) merged.push(last);
  return merged;
}

export function pairsOf(set: CharSet): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < set.length; i += 2) pairs.push([bound(set, i), bound(set, i + 1)]);
  return pairs;
}

const asciiSingles: readonly CharSet[] = Array.from({ length: 128 }, (_, code) => [code, code]);

export function single(code: number): CharSet {
  return asciiSingles[code] ?? [code, code];
}

export function union(...sets: readonly CharSet[]): CharSet {
  const [only] = sets;
  if (only !== undefined && sets.length === 1) return only;
  return fromPairs(sets.flatMap(pairsOf));
}

export function negate(set: CharSet): CharSet {
  const rest: number[] = [];
  let next = 0;
  for (const [lo, hi] of pairsOf(set)) {
    if (lo > next) rest.push(next, lo - 1);
    next = hi + 1;
  }
  if (next <= maxCodePoint) rest.push(next, maxCodePoint);
  return rest;
}

export function intersect(a: CharSet, b: CharSet): CharSet {
  const common: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const lo = Math.max(bound(a, i), bound(b, j));
    const hi = Math.min(bound(a, i + 1), bound(b, j + 1));
    if (lo <= hi) common.push(lo, hi);
    if (bound(a, i + 1) < bound(b, j + 1)) i += 2;
    else j += 2;
  }
  return common;
}

export function isSubset(part: CharSet, whole: CharSet): boolean {
  const common = intersect(part, whole);
  return common.length === part.length && common.every((code, i) => code === part[i]);
}

/** Binary search. */
export function contains(set: CharSet, code: number): boolean {
  let lo = 0;
  let hi = set.length >> 1;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (bound(set, 2 * middle + 1) < code) lo = middle + 1;
    else hi = middle;
  }
  return lo < set.length >> 1 && bound(set, 2 * lo) <= code;
}
