/** Random regular expressions and texts: ours find what Python's `re` finds, by both engines together and by each as far as it serves. */

import { afterAll, describe, expect, test } from 'vitest';
import { createRe2 } from '../../../host-agent/system/re2.ts';
import { compilePattern, newBudget } from '../../../shared/filter/regex/compile.ts';
import type { Pattern, Re2 } from '../../../shared/filter/regex/pattern.ts';
import { type Answer, Python, pythonMissing, type Question } from './python.ts';
import { Random, randomRegex, randomSyntax, randomText } from './random-regex.ts';

/** More with FUZZ_REGEX=100000; another seed with FUZZ_SEED. */
const expressions = Number(process.env['FUZZ_REGEX'] ?? 600);
const seed = Number(process.env['FUZZ_SEED'] ?? 20261122);
const textsPerExpression = 8;

const missing = pythonMissing();
const python = missing === null ? new Python() : null;
afterAll(() => python?.close());

const re2 = createRe2();
/** Refuses everything, so that the matcher has to do all. */
const noRe2: Re2 = {
  compile: () => {
    throw new Error('refused');
  },
  encode: re2.encode,
};

const engines = [{ re2 }, { re2, briefSteps: 0 }, { re2: noRe2 }];

function randomQuestion(random: Random): Question {
  const source = randomRegex(random);
  const texts = Array.from({ length: textsPerExpression }, () => randomText(random, source));
  return { source, multiline: random.chance(30), ignoreCase: random.chance(20), texts };
}

/** All spans as Python reports them, or why there are none. */
function spansOf(pattern: Pattern, text: string, groups: number): unknown {
  const budget = newBudget();
  const match = pattern.search(text, budget);
  if (budget.exhausted) return 'exhausted';
  if (match === null) return null;
  const spans = Array.from({ length: groups }, (_, group) => match.span(group) ?? [-1, -1]);
  const named = pattern.names.map((name) => [match.groups[name], match.span(name)] as const);
  for (const [value, span] of named) expect(value).toBe(span === null ? undefined : text.slice(...span));
  return spans;
}

interface Tally {
  searches: number;
  matches: number;
  exhausted: number;
  timeouts: number;
}

function compare(question: Question, answer: Exclude<Answer, { refused: string }>, tally: Tally): void {
  for (const engine of engines) {
    const pattern = compilePattern(question.source, { ...question, ...engine, numbered: true });
    expect(Object.keys(answer.names)).toEqual(pattern.names);
    question.texts.forEach((text, i) => {
      const expected = answer.found[i] ?? null;
      const found = spansOf(pattern, text, expected?.length ?? 0);
      tally.searches++;
      if (expected === 'timeout') tally.timeouts++;
      else if (found === 'exhausted') tally.exhausted++;
      else {
        if (expected !== null) tally.matches++;
        expect({ ...question, text, found }).toEqual({ ...question, text, found: expected });
      }
    });
  }
}

describe('against Python', () => {
  test(`${expressions} random expressions find the same`, { timeout: 20 * expressions + 30_000 }, async (ctx) => {
    if (python === null) return ctx.skip(missing ?? '');
    const tally: Tally = { searches: 0, matches: 0, exhausted: 0, timeouts: 0 };
    for (let i = 0; i < expressions; i++) {
      const question = randomQuestion(new Random(seed + i));
      const answer: Answer = await python.ask(question);
      if ('refused' in answer) expect.fail(`Python refuses ${JSON.stringify(question.source)}: ${answer.refused}`);
      compare(question, answer, tally);
    }
    expect(tally.matches).toBeGreaterThan(tally.searches / 5);
    expect(tally.exhausted + tally.timeouts).toBeLessThanOrEqual(tally.searches / 1000);
  });

  test('what Python refuses is refused, and nothing else', async (ctx) => {
    if (python === null) return ctx.skip(missing ?? '');
    let refused = 0;
    for (let i = 0; i < 2 * expressions; i++) {
      const source = randomSyntax(new Random(seed - i));
      // ((?i)…) is fail2ban's, not Python's.
      if (/\((\?:)?\(\?[a-z]+\)/.test(source)) continue;
      const answer = await python.ask({ source, multiline: false, ignoreCase: false, texts: [] });
      const ours = refusalOf(source);
      expect({ source, refused: ours !== null }).toEqual({ source, refused: 'refused' in answer });
      if (ours !== null) refused++;
    }
    expect(refused).toBeGreaterThan(expressions / 4);
    expect(refused).toBeLessThan(1.75 * expressions);
  });
});

function refusalOf(source: string): string | null {
  try {
    compilePattern(source, { re2: noRe2 });
    return null;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_REGEX_SYNTAX' });
    return String(error);
  }
}
