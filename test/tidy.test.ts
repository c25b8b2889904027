/** The house rules, held against the checkout; test/tidy/ has the rules and tests that each of them can fail. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { errorCodes } from '../shared/errors.ts';
import { cycles } from './tidy/cycles.ts';
import { deadFiles, lonelyExports } from './tidy/dead.ts';
import { wrongImports } from './tidy/directions.ts';
import { brokenLinks, missingPaths, missingPrograms, missingScripts, untoldLimits, wrongCodes } from './tidy/docs.ts';
import { impurities } from './tidy/purity.ts';
import { lonelyFiles, longFiles, longFunctions } from './tidy/size.ts';
import { readTree, sourcesOf } from './tidy/tree.ts';
import { emptyNames, foreignPackages, strayWords, withoutFirstSentence } from './tidy/words.ts';

const files = readTree(fileURLToPath(new URL('..', import.meta.url)));
const sources = sourcesOf(files);
const documents = files.filter(({ path }) => path.endsWith('.md'));
const textOf = (path: string) => files.find((file) => file.path === path)?.text ?? '';
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(textOf('package.json')));

describe('imports', () => {
  it('go the allowed way', () => expect(wrongImports(sources)).toEqual([]));
  it('make no cycle', () => expect(cycles(sources)).toEqual([]));
});

describe('code', () => {
  it('of shared is pure', () => expect(impurities(sources)).toEqual([]));
  it('stands in short files', () => expect(longFiles(sources)).toEqual([]));
  it('is made of short functions', () => expect(longFunctions(sources)).toEqual([]));
  it('has no folder for one file', () => expect(lonelyFiles(files)).toEqual([]));
  it('has no name that says nothing', () => expect(emptyNames(sources)).toEqual([]));
  it('has no file that nothing needs', () => expect(deadFiles(files, sources)).toEqual([]));
  it('exports nothing that nobody else uses', () => expect(lonelyExports(sources)).toEqual([]));
});

describe('each file', () => {
  it('begins with what it is for', () => expect(withoutFirstSentence(files)).toEqual([]));
  it('has no notes to oneself, and is at home anywhere', () => expect(strayWords(files)).toEqual([]));
  it('of a package comes from the public registry', () =>
    expect(foreignPackages(textOf('package-lock.json'))).toEqual([]));
});

describe('the documents', () => {
  it('are there', () =>
    expect(documents.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/errors.md']),
    ));
  it('name programs that there are', () => expect(missingPrograms(documents, files)).toEqual([]));
  it('name npm scripts that there are', () =>
    expect(
      missingScripts([...documents, ...files.filter(({ path }) => path === '.ci/run')], Object.keys(scripts)),
    ).toEqual([]));
  it('name paths that there are', () => expect(missingPaths(documents, files)).toEqual([]));
  it('link to files that there are', () => expect(brokenLinks(documents, files)).toEqual([]));
  it('name every table of limits', () => expect(untoldLimits(sources, textOf('ARCHITECTURE.md'))).toEqual([]));
  it('list all error codes and only those, each with what to do', () =>
    expect(wrongCodes(textOf('docs/errors.md'), errorCodes)).toEqual([]));
});
