/** `[…]`: a set of characters in a regular expression. */

import { type CharSet, negate, single, union } from './charset.ts';
import { type Flags, fold } from './flags.ts';
import { classEscape, type Escape } from './parse-escape.ts';
import type { Scanner } from './scanner.ts';

function member(scanner: Scanner, item: string, flags: Flags): NonNullable<Escape> {
  if (!item.startsWith('\\')) return { code: item.codePointAt(0) ?? 0 };
  const escaped = classEscape(scanner, item, flags);
  if (escaped === null) throw scanner.error(`bad escape ${item}`, item.length);
  return escaped;
}

function setOf(part: NonNullable<Escape>): CharSet {
  return 'code' in part ? single(part.code) : part.set;
}

function need(scanner: Scanner, start: number): string {
  const item = scanner.get();
  if (item === null) throw scanner.error('unterminated character set', scanner.position - start);
  return item;
}

/** What follows `a-`: the end of a range, or `]`, which makes the `-` a member. */
function rangeFrom(
  scanner: Scanner,
  from: NonNullable<Escape>,
  first: string,
  start: number,
  flags: Flags,
): { set: CharSet; closed: boolean } {
  const item = need(scanner, start);
  if (item === ']') return { set: union(setOf(from), single(45)), closed: true };
  const to = member(scanner, item, flags);
  if (!('code' in from) || !('code' in to) || to.code < from.code)
    throw scanner.error(`bad character range ${first}-${item}`, first.length + 1 + item.length);
  return { set: [from.code, to.code], closed: false };
}

/** Reads a set after its `[`. */
export function parseSet(scanner: Scanner, flags: Flags): CharSet {
  const start = scanner.position - 1;
  const negated = scanner.match('^');
  const parts: CharSet[] = [];
  for (let closed = false; !closed; ) {
    const item = need(scanner, start);
    if (item === ']' && parts.length > 0) break;
    const part = member(scanner, item, flags);
    const range = scanner.match('-')
      ? rangeFrom(scanner, part, item, start, flags)
      : { set: setOf(part), closed: false };
    parts.push(range.set);
    closed = range.closed;
  }
  const set = fold(union(...parts), flags);
  return negated ? negate(set) : set;
}
