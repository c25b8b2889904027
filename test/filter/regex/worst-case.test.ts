/** Expressions and lines made to take long: no line may keep the agent busy for more than 50 ms. */

import { describe, expect, test } from 'vitest';
import { createRe2 } from '../../../host-agent/system/re2.ts';
import { compilePattern, lineStepsMax, newBudget } from '../../../shared/filter/regex/compile.ts';
import type { Re2 } from '../../../shared/filter/regex/pattern.ts';
import { cpuMs } from './cpu.ts';

const cpu_ms_max = 50;
const lengths = [300, 4096, 65_536, 1_048_576];

const address =
  '(?:\\[?(?:(?:\\d{1,3}\\.){3}\\d{1,3}|(?:[0-9a-f]{1,4}::?|:){1,7}(?:[0-9a-f]{1,4}|(?<=:):))\\]?|[\\w\\-.^_]*\\w)';

/** Letters in an order that keeps many ways open. */
function scrambled(length: number): string {
  return Array.from({ length }, (_, i) => ((i * i * 7 + (i >> 3)) % 13 < 6 ? 'a' : 'b')).join('');
}

const cases: readonly (readonly [source: string, line: (length: number) => string])[] = [
  ['(a+)+$', (n) => `${'a'.repeat(n)}!`],
  ['(a|a)*$', (n) => `${'a'.repeat(n)}!`],
  ['(a|aa)+b', (n) => 'a'.repeat(n)],
  ['(?:a*)*b', (n) => 'a'.repeat(n)],
  ['(?:(?:(?:a?)*)*)*b', (n) => 'a'.repeat(n)],
  ['(?P<x>(?:a|a)*)*(?!b)c', (n) => `${'a'.repeat(n)}cb`],
  ['(?P<x>\\w+\\s?)+(?=!)x', (n) => 'word '.repeat(n / 5)],
  ['.*.*.*=(?!x)y', (n) => '='.repeat(n)],
  ['(?=.*b)a.*c.*d', (n) => `${'ac'.repeat(n / 2)}b`],
  ['(a+)+\\1b', (n) => `${'a'.repeat(n)}b`],
  ['(?P<q>.*)(?P=q)x', (n) => `${'ab'.repeat(n / 2)}x`],
  ['(?:(?P<a>a)|b)+(?(a)c|d)e', (n) => `${'ab'.repeat(n / 2)}ce`],
  ['(?:(?!x)a|(?!y)a)*z', (n) => `${'a'.repeat(n)}zzz`],
  ['(?!b)(a+a+)+z(?!q)', (n) => `${'a'.repeat(n)}zq`],
  ['(?<!x)(?<=a)a*b(?!c)', (n) => `${'a'.repeat(n)}bc`],
  ['(?>a*?b|a)*c(?=d)', (n) => `${'a'.repeat(n)}c`],
  ['\\b(\\w+)\\b.*\\b\\1\\b!', (n) => 'ab cd é '.repeat(n / 8)],
  ['(?:a|b)*a(?:a|b){12}c', scrambled],
  ['(?:a|b)*a(?:a|b){300}c', scrambled],
  ['(?:[ab]{1,10}a){1,9}(?!a)c', scrambled],
  ['(?:[ab]{1,30}a){1,30}c', scrambled],
  ['(?P<a>x.{0,900}y).*(?P<b>k)?$', (n) => 'xy'.repeat(n / 2)],
  ['(?P<a>\\w+)(?P<b>\\W+)(?P<c>.*?)(?P<d>\\w*)x?$', (n) => `${'é '.repeat(n / 2)}\n`],
  [`^.*? from (?P<a>${address})(?: port \\d+)?\\s*$`, (n) => `${' from 1.2.3.4'.repeat(n / 13)}x`],
  [`^\\S* .*(?P<a>${address}).*(?P<b>${address})$`, (n) => `x ${'1:2:3.4 '.repeat(n / 8)}\0`],
  ['^(?P<a>\\S+ )*(?P<b>\\[[^\\]]*\\])*(?P<c>.*)\\u202e$', (n) => `${'[a] \u202e\0\u2028'.repeat(n / 7)}\n`],
];

const re2 = createRe2();
/** Refuses everything, so that the matcher has to do all. */
const noRe2: Re2 = {
  compile: () => {
    throw new Error('refused');
  },
  encode: re2.encode,
};

describe(`a line costs at most ${cpu_ms_max} ms`, () => {
  test.each(cases)('%s', (source, line) => {
    for (const engine of [re2, noRe2]) {
      const pattern = compilePattern(source, { re2: engine });
      pattern.search(line(40), newBudget());
      for (const length of lengths) {
        const text = line(length);
        expect(cpuMs(cpu_ms_max, () => pattern.search(text, newBudget()))).toBeLessThanOrEqual(cpu_ms_max);
      }
    }
  });

  test('under a filter of a hundred expressions too: they share the budget', () => {
    const patterns = cases.map(([source]) => compilePattern(source, { re2 }));
    const text = scrambled(1_048_576);
    let budget = newBudget();
    const spent = cpuMs(cpu_ms_max, () => {
      budget = newBudget();
      for (let i = 0; i < 100; i++) patterns[i % patterns.length]?.search(text, budget);
    });
    expect(spent).toBeLessThanOrEqual(2 * cpu_ms_max);
    expect(budget.exhausted).toBe(true);
  });
});

describe('a long line of the ordinary kind is not given up', () => {
  const text = `sshd[1]: Failed password for ${'x'.repeat(4000)} from 192.0.2.1 port 22 ssh2\n`;

  test.each([
    `^sshd\\[\\d+\\]: Failed \\w+ for (?P<user>.*) from (?P<a>${address}) port \\d+ ssh2$`,
    `^sshd\\[\\d+\\]: Failed \\w+ for (?P<user>(?:(?! from ).)*) from (?P<a>${address})(?: port \\d+)? ssh2$`,
  ])('%s', (source) => {
    const budget = newBudget();
    expect(compilePattern(source, { re2 }).search(text, budget)?.groups['a']).toBe('192.0.2.1');
    expect(budget.steps).toBeGreaterThan(lineStepsMax / 5);
  });
});
