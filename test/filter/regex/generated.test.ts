/** The code that is generated for an expression finds what the exact matcher finds, in texts of ASCII: the same marks. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diskFiles } from '../../../host-agent/system/config-files.ts';
import { createRe2 } from '../../../host-agent/system/re2.ts';
import { readFilter } from '../../../shared/config/filter-values.ts';
import { dropLooks } from '../../../shared/filter/regex/analysis.ts';
import { assemble } from '../../../shared/filter/regex/assemble.ts';
import { newBudget } from '../../../shared/filter/regex/compile.ts';
import { Matcher } from '../../../shared/filter/regex/matcher.ts';
import { parsePattern } from '../../../shared/filter/regex/parse.ts';
import { compileProgram } from '../../../shared/filter/regex/program.ts';
import { quickSearch } from '../../../shared/filter/regex/quick.ts';
import type { Tree } from '../../../shared/filter/regex/tree.ts';
import { expandTags, localFlags } from '../../../shared/filter/tags.ts';
import { shippedDir } from '../shipped.ts';
import { Random, randomRegex, randomText } from './random-regex.ts';
import { sample } from './sample-text.ts';

/** More with FUZZ_REGEX=100000; another seed with FUZZ_SEED. */
const expressions = Number(process.env['FUZZ_REGEX'] ?? 1_500);
const seed = Number(process.env['FUZZ_SEED'] ?? 20261123);
const textsPerExpression = 12;
const steps = 300_000;

const re2 = createRe2();

interface Tally {
  /** Expressions for which there is code. */
  generated: number;
  left: number;
  searches: number;
  matches: number;
  /** Searches that one of the two gave up. */
  givenUp: number;
}

const newTally = (): Tally => ({ generated: 0, left: 0, searches: 0, matches: 0, givenUp: 0 });

function compare(source: string, multiline: boolean, random: Random, tally: Tally): void {
  const parsed = parsePattern(source, { multiline });
  const tree: Tree = { ...parsed, root: dropLooks(parsed.root) };
  const all = Array.from({ length: tree.groups }, (_, at) => at + 1);
  const quick = quickSearch(tree, re2, { kept: all, alike: false });
  if (quick === null) {
    tally.left += 1;
    return;
  }
  tally.generated += 1;
  const matcher = new Matcher(assemble(compileProgram(tree)));
  for (let n = 0; n < textsPerExpression; n += 1) {
    const text = textFor(tree, source, random);
    const bytes = Buffer.from(text, 'latin1');
    const [one, other] = [newBudget(steps), newBudget(steps)];
    const found = quick.search(bytes, 0, bytes.length, one, steps);
    const marks = matcher.search(text, other);
    tally.searches += 1;
    if (found === undefined || other.exhausted) tally.givenUp += 1;
    else {
      if (marks !== null) tally.matches += 1;
      expect({ source, multiline, text, marks: found }).toEqual({
        source,
        multiline,
        text,
        marks: marks === null ? null : [...marks],
      });
    }
  }
}

/** Mostly a text that the expression was made for, whole or damaged. */
function textFor(tree: Tree, source: string, random: Random): string {
  const kind = random.next(10);
  if (kind < 2) return ascii(randomText(random, source));
  const text = ascii(sample(tree.root, random));
  const whole = random.chance(30) ? `${ascii(randomText(random, source))}${text}` : text;
  if (kind < 6) return random.chance(50) ? `${whole}\n` : whole;
  const at = random.next(whole.length + 1);
  const gone = random.next(3);
  const put = ascii(randomText(random, source)).slice(0, random.next(3));
  return whole.slice(0, at) + put + whole.slice(at + gone);
}

function ascii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, '?');
}

/** All regexes of the filters in a folder of configuration, expanded. */
function regexesIn(folder: string): { source: string; multiline: boolean }[] {
  const names = readdirSync(join(folder, 'filter.d')).filter((name) => name.endsWith('.conf'));
  return names.flatMap((name) => {
    const { filter } = readFilter(diskFiles, folder, name.slice(0, -'.conf'.length), 'auto');
    if (filter === null) return [];
    const others = [...(filter.prefregex === null ? [] : [filter.prefregex]), ...filter.ignoreregex];
    const expand = ({ regex }: { readonly regex: string }, multiline: boolean) => ({
      source: localFlags(expandTags(regex, true)),
      multiline,
    });
    const lines = filter.maxlines > 1;
    return [...filter.failregex.map((regex) => expand(regex, lines)), ...others.map((regex) => expand(regex, false))];
  });
}

function compareAll(folder: string): Tally {
  const tally = newTally();
  for (const [n, { source, multiline }] of regexesIn(folder).entries()) {
    compare(source, multiline, new Random(seed + n), tally);
  }
  return tally;
}

describe('generated code and the matcher find the same', () => {
  test(`in ${expressions} random expressions`, { timeout: 20 * expressions + 60_000 }, () => {
    const tally = newTally();
    for (let n = 0; n < expressions; n += 1) {
      const random = new Random(seed + n);
      compare(randomRegex(random), random.chance(30), random, tally);
    }
    expect(tally.generated).toBeGreaterThan(expressions / 2);
    expect(tally.matches).toBeGreaterThan(tally.searches / 3);
    expect(tally.givenUp).toBeLessThan(tally.searches / 100);
  });

  test('in the filters that come along', () => {
    const tally = compareAll(shippedDir);
    expect(tally.generated).toBeGreaterThan(50);
    expect(tally.matches).toBeGreaterThan(tally.searches / 5);
    expect(tally.givenUp).toBeLessThan(tally.searches / 100);
  });

  test("in fail2ban's own", { timeout: 240_000 }, (context) => {
    const folder = join(process.env['F2B_CHECKOUT'] ?? '', 'config');
    if (!existsSync(join(folder, 'filter.d'))) return context.skip('needs F2B_CHECKOUT, a checkout of fail2ban 1.1.0');
    const tally = compareAll(folder);
    expect(tally.generated).toBeGreaterThan(200);
    expect(tally.matches).toBeGreaterThan(tally.searches / 5);
    expect(tally.givenUp).toBeLessThan(tally.searches / 100);
  });
});
