/** Each house rule can fail: small made-up trees that break it, and their like that keep it. */
import { describe, expect, it } from 'vitest';
import { cycles } from './cycles.ts';
import { deadFiles, lonelyExports } from './dead.ts';
import { wrongImports } from './directions.ts';
import { brokenLinks, missingPaths, missingPrograms, missingScripts, untoldLimits, wrongCodes } from './docs.ts';
import { impurities } from './purity.ts';
import { lonelyFiles, longFiles, longFunctions } from './size.ts';
import { readSource, type Source } from './source.ts';
import type { TextFile } from './tree.ts';
import { emptyNames, foreignPackages, strayWords, withoutFirstSentence } from './words.ts';

const source = (path: string, ...lines: string[]): Source => readSource(path, lines.join('\n'));
const file = (path: string, text = '', isExecutable = false): TextFile => ({ path, text, isExecutable });
/** An import, as a text that this file's own imports cannot be mistaken for. */
const take = (names: string, from: string) => `import ${names} from '${from}';`;

describe('a source', () => {
  it('knows value imports from type imports', () => {
    const { imports } = source(
      'shared/a.ts',
      take('type { A }', './a.ts'),
      take('{ type B, type C as D }', './b.ts'),
      take('{ type E, f }', './c.ts'),
      `export { g } from './d.ts';`,
      `const h = await import('./e.ts');`,
      `import './f.ts';`,
    );
    expect(imports.map(({ from, names, typeOnly, line }) => [from, names.join(), typeOnly, line])).toEqual([
      ['./a.ts', 'A', true, 1],
      ['./b.ts', 'B,C', true, 2],
      ['./c.ts', 'E,f', false, 3],
      ['./d.ts', 'g', false, 4],
      ['./e.ts', '*', false, 5],
      ['./f.ts', '', false, 6],
    ]);
  });

  it('knows its exports and the length of its functions', () => {
    const { exports, functions, lines } = source(
      'shared/a.ts',
      'export const { a, b: [c] } = x, d = () => {',
      '  return 1;',
      '};',
      'export interface E { f(): void }',
      'class G { h() {',
      '} }',
      'export { G, type H };',
    );
    expect(exports.map(({ name, typeOnly }) => [name, typeOnly])).toEqual([
      ['a', false],
      ['c', false],
      ['d', false],
      ['E', true],
      ['G', false],
      ['H', true],
    ]);
    expect(functions.map((found) => [found.name, found.line, found.lines])).toEqual([
      ['d', 1, 3],
      ['h', 5, 2],
    ]);
    expect(lines).toBe(7);
  });
});

describe('directions', () => {
  it.each([
    ['shared/engine/a.ts', '../filter/b.ts'],
    ['shared/engine/a.ts', '../store/b.ts'],
    ['shared/ticket.ts', './engine/b.ts'],
    ['shared/errors.ts', 'node:fs'],
    ['shared/wire.ts', 'hono'],
    ['shared/a-new-room/a.ts', '../errors.ts'],
    ['host-agent/edge/a.ts', '../actions/b.ts'],
    ['host-agent/cli/a.ts', '../agent/b.ts'],
    ['host-agent/agent/a.ts', '../actions/b.ts'],
    ['host-agent/sources/a.ts', '../../worker/b.ts'],
    ['worker/a.ts', '../host-agent/b.ts'],
    ['worker/a.ts', '../test/b.ts'],
    ['worker/cloudflare/a.ts', '../ledger.ts'],
    ['worker/ledger/a.ts', 'node:crypto'],
  ])('%s may not import %s', (path, from) => {
    expect(wrongImports([source(path, take('{ a }', from))])).toHaveLength(1);
  });

  it.each([
    ['shared/engine/a.ts', '../ticket.ts'],
    ['shared/wire.ts', 'zod'],
    ['host-agent/cli/a.ts', '../control/client.ts'],
    ['host-agent/main.ts', './actions/b.ts'],
    ['worker/ledger/a.ts', '../cloudflare/b.ts'],
    ['test/a.ts', '../worker/b.ts'],
  ])('%s may import %s', (path, from) => {
    expect(wrongImports([source(path, take('{ a }', from))])).toEqual([]);
  });

  it('types may come from where values may not', () => {
    expect(wrongImports([source('host-agent/agent/a.ts', take('type { A }', '../actions/b.ts'))])).toEqual([]);
    expect(wrongImports([source('shared/engine/a.ts', take('type { A }', '../store/b.ts'))])).toHaveLength(1);
  });
});

describe('cycles', () => {
  const ring = (last: string) => [
    source('a.ts', take('{ b }', './b.ts')),
    source('b.ts', take('{ c }', './c.ts')),
    source('c.ts', take(last, './a.ts')),
    source('d.ts', take('{ a }', './a.ts'), take('{ c }', './c.ts')),
  ];

  it('are found', () => {
    expect(cycles(ring('{ a }'))).toEqual(['import each other: a.ts, b.ts, c.ts']);
    expect(cycles([source('a.ts', take('{ a }', './a.ts'))])).toHaveLength(1);
  });

  it('are none where only types come back', () => expect(cycles(ring('type { A }'))).toEqual([]));
});

describe('purity', () => {
  it.each([
    'const a = Date.now();',
    'const a = new Date(0);',
    'const a = Math.random();',
    'const a = { performance };',
    'const a = globalThis.crypto;',
    'setTimeout(a, 1);',
    'const a = process.env;',
    'const a = import.meta.url;',
  ])('refuses %s', (line) => {
    expect(impurities([source('shared/a.ts', line)])).not.toEqual([]);
    expect(impurities([source('worker/a.ts', line)])).toEqual([]);
  });

  it.each(['const a = b.Date;', 'const a = Math.max(1, 2);', 'const a = { Date: 1 };', '/** Date.now() */'])(
    'allows %s',
    (line) => expect(impurities([source('shared/a.ts', line)])).toEqual([]),
  );
});

describe('sizes', () => {
  const body = (lines: number) => Array.from({ length: lines }, () => 'a();');

  it('of files', () => {
    const long = source('worker/a.ts', ...body(301));
    expect(longFiles([source('worker/b.ts', ...body(300)), long])).toHaveLength(1);
    expect(longFiles([long], { 'worker/a.ts': 'a reason' })).toEqual([]);
    expect(longFiles([], { 'worker/a.ts': 'a reason' })).toHaveLength(1);
  });

  it('of functions, suites of tests left out', () => {
    const within = (head: string, lines: number, foot: string) => source('test/a.ts', head, ...body(lines - 2), foot);
    expect(longFunctions([within('function a() {', 60, '}')])).toEqual([]);
    expect(longFunctions([within('function a() {', 61, '}')])).toHaveLength(1);
    expect(longFunctions([within(`it('a', () => {`, 61, '});')])).toHaveLength(1);
    expect(longFunctions([within(`describe('a', () => {`, 61, '});')])).toEqual([]);
    expect(longFunctions([within(`describe.for(a)('a', () => {`, 61, '});')])).toEqual([]);
  });

  it('of folders', () => {
    expect(lonelyFiles([file('worker/a/b.ts')])).toHaveLength(1);
    expect(lonelyFiles([file('worker/a/b.ts'), file('worker/a/c.ts'), file('test/a/b.ts')])).toEqual([]);
  });
});

describe('words', () => {
  it('a file begins with its purpose', () => {
    const texts = ['import a;', '// a\n', '/** */', '/** What it is for. */', '#!/bin/a\n"""What it is for."""'];
    expect(withoutFirstSentence(texts.map((text, n) => file(`test/${n}.ts`, text)))).toEqual(
      ['test/0.ts', 'test/1.ts', 'test/2.ts'].map((path) => expect.stringContaining(path)),
    );
  });

  it('names say something', () => {
    expect(emptyNames([source('worker/ban-manager.ts')])).toHaveLength(1);
    expect(emptyNames([source('worker/a.ts', 'export const pageHandler = 1; const inner_util = 1;')])).toHaveLength(1);
  });

  it('nothing is left behind', () => {
    const left = ['TO', 'DO'].join('');
    const here = ['/wo', 'rk/main'].join('');
    expect(strayWords([file('a.md', `one\n${left}: two`)])).toEqual([expect.stringContaining('a.md:2')]);
    expect(strayWords([file('a.ts', `cd ${here}`), file('b.ts', '/worker/main and frame/work')])).toHaveLength(1);
  });

  it('packages are public', () => {
    const lock = (host: string) => `"resolved": "https://${host}/zod/-/zod-4.tgz"`;
    expect(foreignPackages(lock('registry.npmjs.org'))).toEqual([]);
    expect(foreignPackages(lock('mirror.example'))).toHaveLength(1);
  });
});

describe('what nothing needs', () => {
  it('files: tests keep no file of the product alive', () => {
    const sources = [
      source('worker/index.ts', take('{ a }', './a.ts')),
      source('worker/a.ts', 'export const a = 1;'),
      source('worker/b.ts', 'export const b = 1;'),
      source('test/c.test.ts', take('{ b }', '../worker/b.ts'), `run('d.ts');`),
      source('test/d.ts'),
      source('test/e.ts'),
    ];
    const files = sources.map(({ path, text }) => file(path, text));
    expect(deadFiles(files, sources)).toEqual(
      ['worker/b.ts', 'test/e.ts'].map((path) => expect.stringContaining(path)),
    );
  });

  it('exports', () => {
    const sources = [
      source('worker/a.ts', 'export const a = 1, b = 2, cLimits = 3;', 'export type D = 1;'),
      source('worker/b.ts', take('{ a }', './a.ts')),
    ];
    expect(lonelyExports(sources)).toEqual([expect.stringContaining('b is exported')]);
  });
});

describe('documents', () => {
  const document = (text: string) => [file('README.md', text)];

  it('name programs', () => {
    const files = [file('host-agent/bin/edgeban-server', '', true), file('host-agent/bin/edgeban-client')];
    expect(missingPrograms(document('`edgeban-server`'), files)).toEqual([]);
    expect(missingPrograms(document('`edgeban-client`'), files)).toEqual([expect.stringContaining('executed')]);
    expect(missingPrograms(document('`edgeban-nothing` and `edgeban edge status`'), files)).toHaveLength(2);
  });

  it('name scripts, paths, links', () => {
    expect(missingScripts(document('npm run demo, npm test, npm run fly'), ['demo', 'test'])).toHaveLength(1);
    const files = [file('shared/a.ts'), file('docs/b.md')];
    expect(missingPaths(document('`shared/`, `shared/a.ts`, `shared/b.ts`'), files)).toHaveLength(1);
    expect(brokenLinks(document('[b](docs/b.md#c) [d](docs/d.md) [e](https://e.example/)'), files)).toHaveLength(1);
    expect(brokenLinks([file('docs/c.md', '[a](../shared/a.ts)')], files)).toEqual([]);
  });

  it('name limits', () => {
    const limits = [source('worker/a.ts', 'export const aLimits = {};')];
    expect(untoldLimits(limits, 'aLimits')).toHaveLength(1);
    expect(untoldLimits(limits, '`aLimits`')).toEqual([]);
  });

  it.each([
    ['a code is missing', '', 1],
    ['all is well', '| `ERR_A` | 400 | it happened | do this about it |', 0],
    ['a code too many', '| `ERR_A` | 400 | it happened | do this about it |\n| `ERR_B` | 1 | a | do this |', 1],
    ['another status and title', '| `ERR_A` | 401 | it came about | do this about it |', 2],
    ['no remedy', '| `ERR_A` | 400 | it happened | |', 1],
  ])('list codes: %s', (_, text, findings) => {
    expect(wrongCodes(text, { ERR_A: { status: 400, title: 'it happened' } })).toHaveLength(findings);
  });
});
