/** Escapes of a regular expression, inside and outside of `[…]`. */

import { type CharSet, maxCodePoint, negate, single } from './charset.ts';
import { type Flags, fold, wordOf } from './flags.ts';
import type { Scanner } from './scanner.ts';
import type { Node } from './tree.ts';
import { asciiDigit, asciiSpace, asciiWord, digit, space, word } from './unicode.ts';

const octal = '01234567';
export const digits = '0123456789';
const hex = '0123456789abcdefABCDEF';
const controls: Readonly<Record<string, number>> = {
  '\\a': 7,
  '\\b': 8,
  '\\f': 12,
  '\\n': 10,
  '\\r': 13,
  '\\t': 9,
  '\\v': 11,
};
const hexLength: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** what an escape stands for: one character, a class of them, or neither. */
export type Escape = { readonly code: number } | { readonly set: CharSet } | null;

type Categories = Readonly<Record<string, CharSet>>;

function categories(digits: CharSet, spaces: CharSet, words: CharSet): Categories {
  const not = { '\\D': negate(digits), '\\S': negate(spaces), '\\W': negate(words) };
  return { '\\d': digits, '\\s': spaces, '\\w': words, ...not };
}

const unicodeCategories = categories(digit, space, word);
const asciiCategories = categories(asciiDigit, asciiSpace, asciiWord);

function hexEscape(scanner: Scanner, escaped: string, length: number): number {
  const number = scanner.take(length, hex);
  if (number.length !== length)
    throw scanner.error(`incomplete escape ${escaped}${number}`, escaped.length + number.length);
  const code = Number.parseInt(number, 16);
  if (code > maxCodePoint) throw scanner.error(`bad escape ${escaped}${number}`, escaped.length + number.length);
  return code;
}

function octalCode(scanner: Scanner, number: string): number {
  const code = Number.parseInt(number, 8);
  if (code > 0o377) throw scanner.error(`octal escape value \\${number} outside of range 0-0o377`, number.length + 1);
  return code;
}

/** Escapes that mean the same inside and outside of `[…]`, digits left out. */
function plainEscape(scanner: Scanner, escaped: string, flags: Flags): Escape {
  const set = (flags.ascii ? asciiCategories : unicodeCategories)[escaped];
  if (set !== undefined) return { set };
  const control = controls[escaped];
  if (control !== undefined) return { code: control };
  const letter = escaped.slice(1);
  const length = hexLength[letter];
  if (length !== undefined) return { code: hexEscape(scanner, escaped, length) };
  if (letter === 'N') throw scanner.unsupported('\\N{…}', escaped.length, 'write the character itself, or \\uXXXX');
  if (/^[A-Za-z0-9]$/.test(letter)) throw scanner.error(`bad escape ${escaped}`, escaped.length);
  return { code: letter.codePointAt(0) ?? 0 };
}

/** An escape inside `[…]`. */
export function classEscape(scanner: Scanner, escaped: string, flags: Flags): Escape {
  const first = escaped.slice(1);
  if (!octal.includes(first)) return plainEscape(scanner, escaped, flags);
  return { code: octalCode(scanner, first + scanner.take(2, octal)) };
}

/** A number after a backslash, outside of `[…]`: an octal code, or the number of a group. */
function numberEscape(scanner: Scanner, first: string): { code: number } | { group: number } {
  if (first === '0') return { code: Number.parseInt(`0${scanner.take(2, octal)}`, 8) };
  const second = scanner.take(1, digits);
  if (second === '' || !octal.includes(first) || !octal.includes(second)) return { group: Number(first + second) };
  const third = scanner.take(1, octal);
  return third === '' ? { group: Number(first + second) } : { code: octalCode(scanner, first + second + third) };
}

const anchors: Readonly<Record<string, Node>> = {
  '\\A': { kind: 'anchor', anchor: 'text-start' },
  '\\Z': { kind: 'anchor', anchor: 'text-end' },
};

/** An escape outside of `[…]`; `backref` makes the node for the number of a group. */
export function escapeNode(
  scanner: Scanner,
  escaped: string,
  flags: Flags,
  backref: (group: number, back: number) => Node,
): Node {
  const anchor = anchors[escaped];
  if (anchor !== undefined) return anchor;
  if (escaped === '\\b' || escaped === '\\B')
    return { kind: 'boundary', negative: escaped === '\\B', word: wordOf(flags) };
  if (digits.includes(escaped.slice(1))) {
    const number = numberEscape(scanner, escaped.slice(1));
    if ('group' in number) return backref(number.group, String(number.group).length + 1);
    return { kind: 'char', set: fold(single(number.code), flags) };
  }
  const plain = plainEscape(scanner, escaped, flags);
  if (plain === null) throw scanner.error(`bad escape ${escaped}`, escaped.length);
  return { kind: 'char', set: 'code' in plain ? fold(single(plain.code), flags) : plain.set };
}
