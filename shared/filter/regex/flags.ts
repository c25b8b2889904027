/** Python's flags `(?aimsux-imsx)`, and what they make of a set of characters. */

import type { CharSet } from './charset.ts';
import type { Scanner } from './scanner.ts';
import { asciiWord, foldAsciiCase, foldCase, word } from './unicode.ts';

export interface Flags {
  readonly ascii: boolean;
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly verbose: boolean;
}

type FlagName = keyof Flags;

const letters: Readonly<Record<string, FlagName>> = {
  a: 'ascii',
  i: 'ignoreCase',
  m: 'multiline',
  s: 'dotAll',
  x: 'verbose',
};
/** `u` is the default and may be said; `t` once did something. */
const known = 'aimsxut';

export function wordOf(flags: Flags): CharSet {
  return flags.ascii ? asciiWord : word;
}

/** Widens the set by its letters' other case under IGNORECASE. */
export function fold(set: CharSet, flags: Flags): CharSet {
  if (!flags.ignoreCase) return set;
  return flags.ascii ? foldAsciiCase(set) : foldCase(set);
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const changed: Record<FlagName, boolean> = { ...flags };
  if (on.includes('u')) changed.ascii = false;
  for (const letter of on) changed[letters[letter] ?? 'ascii'] = letters[letter] === undefined ? changed.ascii : true;
  for (const letter of off) changed[letters[letter] ?? 'ascii'] = letters[letter] === undefined ? changed.ascii : false;
  return changed;
}

function takeLetters(scanner: Scanner, first: string, ends: string): string {
  let taken = '';
  for (let letter: string | null = first; ; letter = scanner.get()) {
    if (letter === null) throw scanner.error(`missing one of ${ends}`);
    if (taken !== '' && ends.includes(letter)) return taken + letter;
    if (letter === 'L') throw scanner.error("bad inline flags: cannot use 'L' flag with a str pattern");
    if (!known.includes(letter))
      throw scanner.error(/[a-z]/i.test(letter) ? 'unknown flag' : `missing one of ${ends}`, letter.length);
    taken += letter;
  }
}

function checkLetters(scanner: Scanner, on: string, off: string): void {
  if (on.includes('a') && on.includes('u')) throw scanner.error("bad inline flags: flags 'a' and 'u' are incompatible");
  if (/[aut]/.test(off)) throw scanner.error("bad inline flags: cannot turn off flags 'a', 'u' and 't'");
  if ([...on].some((letter) => off.includes(letter)))
    throw scanner.error('bad inline flags: flag turned on and off', 1);
}

/**
 * Reads the flags after `(?`, up to `)` or `:`. `scoped` tells which it was: `(?i:…)` holds for its group, `(?i)` for all.
 * `first` is the item already taken.
 */
export function parseFlags(scanner: Scanner, first: string, flags: Flags): { flags: Flags; scoped: boolean } {
  const on = first === '-' ? '-' : takeLetters(scanner, first, ')-:');
  const end = on.at(-1);
  const letters = on.slice(0, -1);
  if (end !== '-') {
    checkLetters(scanner, letters, '');
    if (end === ':' && letters.includes('t')) throw scanner.error('bad inline flags: cannot turn on global flag', 1);
    return { flags: withFlags(flags, letters, ''), scoped: end === ':' };
  }
  const off = takeLetters(scanner, scanner.get() ?? '', ':').slice(0, -1);
  checkLetters(scanner, letters, off);
  return { flags: withFlags(flags, letters, off), scoped: true };
}
