/** The scan of several expressions names each that matches, no other where it can know, and stays within its limits. */
import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../shared/filter/regex/compile.ts';
import { re2 } from '../kit.ts';
import { Random, randomRegex, randomText } from './random-regex.ts';
import { newTally, Scanned, scanned } from './scan-oracle.ts';

/** More with FUZZ_REGEX=100000; another seed with FUZZ_SEED. */
const rounds = Number(process.env['FUZZ_REGEX'] ?? 800);
const seed = Number(process.env['FUZZ_SEED'] ?? 20261123);

describe('of random expressions', () => {
  it(`names what matches, in ${rounds} rounds`, { timeout: 100 * rounds + 60_000 }, () => {
    const tally = newTally();
    for (let round = 0; round < rounds; round++) {
      const random = new Random(seed + round);
      const patterns = Array.from({ length: 1 + random.next(4) }, () =>
        compilePattern(randomRegex(random), { re2, multiline: random.chance(30), ignoreCase: random.chance(20) }),
      );
      const both = new Scanned(patterns);
      const tail = random.chance(50) ? '\n' : '';
      for (let i = 0; i < 10; i++) {
        const { source } = patterns[random.next(patterns.length)] ?? { source: '' };
        expect(both.faults(randomText(random, source) + tail, tally)).toEqual([]);
      }
    }
    expect(tally.matches).toBeGreaterThan(tally.searches / 5);
    expect(tally.exact).toBeGreaterThan(tally.searches / 5);
    expect(tally.needless).toBeLessThan(tally.searches / 10);
    expect(tally.undecided).toBe(0);
  });
});

const anchors: readonly (readonly [string, readonly string[]])[] = [
  ['ab', ['^ab', 'ab$', '\\bab\\b', '\\Aab\\Z', '(?m:^ab$)']],
  ['ab\n', ['^ab', 'ab$', '\\bab\\b', '(?m:^ab$)', '\\n', '\\n\\Z']],
  ['ab\nc', ['^ab', '\\bab\\b', '(?m:^ab$)', '(?m:^c)', 'c$', '\\n']],
  ['xab', ['ab$', 'ab\\Z', 'x\\Bab', '\\Bab$']],
  ['', ['^$', '(?m:^$)', 'a*', '']],
];
const asked = [...new Set(anchors.flatMap(([, hits]) => hits)), 'b\\b\\nc$', '^c', 'AB', '\\bb'];

describe('of anchors and boundaries', () => {
  it.each(anchors)('in %j', (text, hits) => {
    const all = scanned(asked);
    const named = (all.named(text) ?? []).map((index) => asked[index]);
    expect(all.faults(text, newTally())).toEqual([]);
    expect(named).toEqual(expect.arrayContaining([...hits]));
  });

  it('sees a last line end', () => {
    expect(scanned(['a\\n', 'a$', 'a\\Z']).named('a\n')).toEqual([0, 1]);
    expect(scanned(['a\\n', 'a$', 'a\\Z']).named('a')).toEqual([1, 2]);
  });

  it('minds case by scope', () => {
    expect(scanned(['(?i:ab)c', '(?i)abc', 'abc']).named('ABc')).toEqual([0, 1]);
  });
});

describe('of what it cannot follow', () => {
  it.each([
    ['(?=.*b)a(?!c)', 'ab'],
    ['(a+)x\\1', 'aaxaa'],
    ['(?:(a)|b)(?(1)c|d)', 'bd'],
    ['(?>a+)b', 'aab'],
    ['(?<=x)y', 'xy'],
    ['^(\\w+)=(?P<q>["\'])v(?P=q)$', 'k="v"'],
  ])('%s is named for %s', (source, text) => {
    expect(scanned([source, 'never']).named(text)).toEqual([0]);
  });

  it('bytes beyond ASCII may be any characters', () => {
    const all = scanned(['^é$', '^.$', '^\\w+ x$', '^[^é]$', '^..$', '^a\\b', '\\W', '^e']);
    for (const text of ['é', 'éé x', '😀', 'aé', '\u2028', 'İ x', '\ufeffe'])
      expect(all.faults(text, newTally())).toEqual([]);
    expect(all.named('é')).not.toContain(7);
    // of ISO 8859-1, and of no encoding
    const bytes = Uint8Array.of(0xe9, 0x80, 0xff);
    expect(scanned(['^\\w\\W?\\S$']).scan.scan(bytes, 0, 3)).toBe(0);
  });

  it('a count that is too large is not counted', () => {
    const all = scanned(['^a{2,900}b$', '^a{900}b$', '^(?:ab?){0,60}c$']);
    expect(all.named(`${'a'.repeat(300)}b`)).toEqual([0, 1]);
    expect(all.named('c')).toEqual([2]);
    expect(all.named('b')).toEqual([]);
  });

  it('an expression that is too large is always named', () => {
    const large = `^(?:${Array.from({ length: 2_500 }, (_, i) => `a${i}z`).join('|')})$`;
    expect(scanned([large, 'b', '^b$']).named('b')).toEqual([0, 1, 2]);
    expect(scanned([large, 'b', '^b$']).named('xyz')).toEqual([0]);
  });
});
