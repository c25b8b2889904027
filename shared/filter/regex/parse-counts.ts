/** `*`, `+`, `?` and `{m,n}`: how often a part of a regular expression is repeated. */

import { digits } from './parse-escape.ts';
import type { Scanner } from './scanner.ts';
import { repeatMax } from './width.ts';

export interface Counts {
  readonly min: number;
  /** Infinity where there is no limit. */
  readonly max: number;
}

/** The counts of a quantifier that starts at `start` and whose first character is taken; null for a brace that is only a brace. */
export function parseCounts(scanner: Scanner, quantifier: string, start: number): Counts | null {
  if (quantifier === '*') return { min: 0, max: Infinity };
  if (quantifier === '+') return { min: 1, max: Infinity };
  if (quantifier === '?') return { min: 0, max: 1 };
  return parseBraces(scanner, start);
}

function parseBraces(scanner: Scanner, start: number): Counts | null {
  if (scanner.next === '}') return null;
  const low = scanner.take(10, digits);
  const high = scanner.match(',') ? scanner.take(10, digits) : low;
  if (!scanner.match('}')) {
    scanner.seek(start + 1);
    return null;
  }
  const min = low === '' ? 0 : Number(low);
  const max = high === '' ? Infinity : Number(high);
  const back = scanner.position - start;
  if (min >= repeatMax || (high !== '' && max >= repeatMax))
    throw scanner.error('the repetition number is too large', back);
  if (max < min) throw scanner.error('min repeat greater than max repeat', back);
  return { min, max };
}
