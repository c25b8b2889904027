/** Texts that are told to be alike are searched: the same is found in them. */
import { describe, expect, test } from 'vitest';
import { createRe2 } from '../../../host-agent/system/re2.ts';
import { defaultTemplates, framedDefaults } from '../../../shared/filter/datetemplates.ts';
import { Alike } from '../../../shared/filter/regex/alike.ts';
import { compilePattern, newBudget } from '../../../shared/filter/regex/compile.ts';
import { parsePattern } from '../../../shared/filter/regex/parse.ts';
import { compileProgram } from '../../../shared/filter/regex/program.ts';
import { type QuickSearch, quickSearch } from '../../../shared/filter/regex/quick.ts';
import { below, oneOf, randomOf } from '../../random.ts';
import { dateText, randomFrom } from '../random-dates.ts';
import { Random, randomRegex } from './random-regex.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20261123);
const expressions = Number(process.env['FUZZ_REGEX'] ?? 1_500);
const re2 = createRe2();
const next = randomOf(seed);

interface Tally {
  /** Texts of which it was remembered what was found. */
  known: number;
  alike: number;
  different: number;
}

/** Searches a text, and others made of it of which some are alike. */
function compare(source: string, texts: readonly string[], change: (text: string) => string, tally: Tally): void {
  const tree = parsePattern(source, {});
  const program = compileProgram(tree);
  const kept = Array.from({ length: tree.groups }, (_, at) => at + 1);
  const quick = quickSearch(tree, re2, { kept, alike: false });
  if (quick === null) return;
  for (const text of texts) {
    const marks = search(quick, text);
    const bytes = Buffer.from(text);
    const alike = marks === null ? null : Alike.of(program, bytes, 0, bytes.length, marks);
    if (alike === null) continue;
    tally.known += 1;
    for (let n = 0; n < 30; n += 1) {
      const other = change(text);
      const told = alike.marksIn(Buffer.from(`..${other}..`), 2, 2 + other.length);
      if (told === null) tally.different += 1;
      else {
        tally.alike += 1;
        expect(search(quick, other), `${source} in ${JSON.stringify(other)} as in ${JSON.stringify(text)}`).toEqual(
          told,
        );
      }
    }
  }
}

function search(quick: QuickSearch, text: string): readonly number[] | null {
  const found = quick.search(Buffer.from(text), 0, text.length, newBudget(), 2_000);
  return found === undefined ? null : found;
}

const signs = [...'0123456789 -/.:[]()aJunZT+\n'];

/** Other characters here and there, some cut out or put in. */
function changed(text: string): string {
  let other = text;
  for (let n = below(next, 5); n > 0; n -= 1) {
    const at = below(next, other.length + 1);
    other = other.slice(0, at) + oneOf(next, [...signs, '', '12']) + other.slice(at + below(next, 2));
  }
  return other;
}

describe('what is alike', () => {
  test('dates of all templates', () => {
    const regexes: string[] = [];
    const compile = (regex: string, numbered: boolean) => {
      regexes.push(regex);
      return compilePattern(regex, { re2, numbered });
    };
    const kit = { compile, year: 2026 };
    for (const template of [...defaultTemplates(kit), ...framedDefaults('^[^\\[]*\\[({DATE})', kit)])
      template.pattern();
    const tally: Tally = { known: 0, alike: 0, different: 0 };
    const random = randomFrom(seed);
    for (const regex of regexes) {
      const dates = Array.from({ length: 250 }, () => dateText(random));
      const texts = dates.flatMap((date) => [
        `${date} web1 sshd[12]: x`,
        `10.0.0.1 - - [${date}] "GET / HTTP/1.1" 200`,
      ]);
      compare(regex, texts, changed, tally);
    }
    expect(tally.known).toBeGreaterThan(100);
    expect(tally.alike).toBeGreaterThan(1_000);
    expect(tally.different).toBeGreaterThan(1_000);
  });

  test('random expressions', () => {
    const random = new Random(seed);
    const tally: Tally = { known: 0, alike: 0, different: 0 };
    const letters = [...'abcABC01_ -.\n'];
    const text = () => Array.from({ length: 12 }, () => oneOf(next, letters)).join('');
    const change = (whole: string) => {
      const at = below(next, whole.length);
      return `${whole.slice(0, at)}${oneOf(next, letters)}${whole.slice(at + 1)}${oneOf(next, letters)}`;
    };
    for (let n = 0; n < expressions; n += 1) {
      const source = randomRegex(random);
      // flags would have to stand first
      if (!/\(\?[a-z]+\)/.test(source)) compare(`^${source}`, [text(), text(), text()], change, tally);
    }
    expect(tally.known).toBeGreaterThan(100);
    expect(tally.alike).toBeGreaterThan(1_000);
  });
});
