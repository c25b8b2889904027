/** Makes functions of the code that is generated for regular expressions. */
import type { Search } from '../shared/filter/regex/pattern.ts';

/** The code is our own and holds nothing of an expression but numbers (shared/filter/regex/generate.ts). */
export function buildSearch(parameters: readonly string[], body: string): Search {
  const made: unknown = new Function(...parameters, body);
  if (!isSearch(made)) throw new Error('no function was made');
  return made;
}

function isSearch(made: unknown): made is Search {
  return typeof made === 'function';
}
