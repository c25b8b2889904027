/** Words: what a file begins with, what nothing is called, what nobody leaves behind. */
import { basename } from 'node:path';
import type { Source } from './source.ts';
import type { TextFile } from './tree.ts';

/** A doc comment, in Python a docstring; a shebang may stand before. */
export function withoutFirstSentence(files: readonly TextFile[]): string[] {
  return files
    .filter(({ path }) => /\.(tsx?|mjs|py)$/.test(path))
    .filter(({ text }) => !/^(#!.*\n)?(\/\*\*[\s*]*[^\s*/]|"""\s*[^\s"])/.test(text))
    .map(({ path }) => `${path}:1: no sentence that says what the file is for`);
}

/** Names that say nothing, and what they hide. */
const empty = /manager|helper|util|handler/i;

export function emptyNames(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, exports }) => [
    ...(empty.test(basename(path)) ? [`${path}: the name says nothing; instead: what it does`] : []),
    ...exports
      .filter(({ name }) => empty.test(name))
      .map(({ name, line }) => `${path}:${line}: ${name} says nothing; instead: what it does`),
  ]);
}

/** Written so that this file does not find itself. */
const leftovers = /\b(?:TO[D]O|FIXM[E]|XX[X]|HAC[K])\b/;

/** This project is at home anywhere: no path, tool or mirror of the place where it happened to be written. */
const workplaces = [
  /(?<![\w.-])\/wor[k](?![\w-])/,
  /\.librar[y]\b/,
  /\bissue[s] (?:show|list|close)\b/,
  /(?<![\w.-])\/tm[p]\/(?:brie[f]|f2[b]|clon[e])\b/,
];

export function strayWords(files: readonly TextFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => {
      const at = `${path}:${index + 1}`;
      return [
        ...(leftovers.test(line) ? [`${at}: a note to oneself: do it, or file an issue`] : []),
        ...(workplaces.some((words) => words.test(line)) ? [`${at}: names the place where it was written`] : []),
      ];
    }),
  );
}

/** Packages come from the public registry; another one's address in the lock file would fail everywhere else. */
export function foreignPackages(lock: string): string[] {
  const addresses = [...lock.matchAll(/"resolved": "([^"]*)"/g)].map(([, address]) => address ?? '');
  return addresses
    .filter((address) => !address.startsWith('https://registry.npmjs.org/'))
    .map((address) => `package-lock.json: ${address} is not of the public registry`);
}
