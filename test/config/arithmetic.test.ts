/** Python's arithmetic without Python: lengths of time, bantime.formula, and what is refused. */
import { describe, expect, test } from 'vitest';
import { evaluate, factorOf, formulaOf, parseSeconds, printSeconds } from '../../shared/config/arithmetic.ts';
import { parseExpression } from '../../shared/config/expression.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { oneOf, randomOf } from '../random.ts';
import { ask, checkout } from './oracle.ts';

const half = () => 0.5;
const calculate = (text: string) => evaluate(parseExpression(text), {}, half);

test.each([
  ['10m', 600],
  ['1d12h', 129_600],
  ['1h*2+30m', 9_000],
  ['1year-6mo', 15_778_800],
  ['-1', -1],
  ['1w 2d', 777_600],
  ['3600', 3_600],
  ['1 hour 5 min', 3_900],
  ['3600 # 1 hour', 3_600],
  ['-1 # for ever (3 * 7d)', -1],
  ['(1h # and\n+1h)', 7_200],
])('%s is %d seconds', (text, seconds) => {
  expect(parseSeconds(text)).toBe(seconds);
});

test('a month is no whole number to Python', () => {
  expect(printSeconds('1mo')).toBe('2629800.0');
  expect(printSeconds('1d')).toBe('86400');
});

test.each([
  ['-2**2', -4],
  ['2**3**2', 512],
  ['7//-2', -4],
  ['-7 % 3', 2],
  ['1 < 2 < 3', 1],
  ['3 > 2 > 5 or 9', 9],
  ['1 if 0 else 2 if 0 else 3', 3],
  ['not 0 and ~5', -6],
  ['1<<20', 1_048_576],
  ['round(2.5) + round(3.5)', 6],
  ['min(3, max(1, 2), 5)', 2],
  ['random.uniform(2, 4)', 3],
  ['(1 +\n2)', 3],
])('%s is %d', (text, value) => {
  expect(calculate(text)).toBe(value);
});

describe('refused, by name', () => {
  test.each([
    ["__import__('os')", /__import__|is no part/],
    ['os.system(1)', /os\.system/],
    ['math.nix(1)', /math\.nix/],
    ['ban.__class__', /ban\.__class__/],
    ['lambda: 1', /lambda|is no part/],
    ['[1,2][0]', /\[1,2\]/],
    ['constructor', /constructor/],
    ['toString()', /toString/],
    ['1 +', /the end/],
    ['# 1', /the end/],
    ['1 # a\n+ 1', /another line/],
    ['1 2', /'2'/],
    ['1/0', /division by zero/],
    ['2.0 << 1', /whole numbers/],
    ['1 << 99999', /shift/],
    ['9**9**9', /no finite number/],
    ['max(1)', /arguments/],
    ['010', /begins with 0/],
  ])('%s', (text, message) => {
    expect(() => calculate(text)).toThrow(EdgebanError);
    expect(() => calculate(text)).toThrow(message);
  });
});

test('what nests too deep or is too long', () => {
  expect(() => calculate('('.repeat(200))).toThrow(/too deep/);
  expect(() => calculate(`1${'+1'.repeat(2_000)}`)).toThrow(/longer than/);
});

test('the formula of the manual', () => {
  const formula = formulaOf('ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)', half);
  expect(formula(600, 1, 1)).toBeCloseTo(600 * Math.E, 6);
  expect(formulaOf('ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor', half)(600, 25, 1)).toBe(
    600 * 2 ** 20,
  );
  expect(formulaOf('ban.Time / (ban.Count - 2)', half)(600, 2, 1)).toBeNaN();
  expect(() => formulaOf('ban.Tme', half)).toThrow(/ban\.Tme/);
  expect(factorOf('24/2')).toBe(12);
});

function expression(random: () => number, depth: number): string {
  const inner = () => expression(random, depth - 1);
  if (depth <= 0)
    return oneOf(random, [
      '0',
      '1',
      '2',
      '7',
      '10',
      '2.5',
      '1e2',
      '0x1f',
      '1_000',
      'True',
      'ban.Time',
      'ban.Count',
      'banFactor',
      'math.pi',
    ]);
  const form = oneOf(random, [
    'a+b',
    'a-b',
    'a*b',
    'a/b',
    'a//b',
    'a%b',
    '((a)<<2)',
    '((a)>>1)',
    '(a)&3',
    '(a)|b',
    '(a)^5',
    '(a)**2',
    '-a',
    'not a',
    '~a',
    'a if b else c',
    'a<b',
    'a<b<=c',
    'a==b',
    'a and b',
    'a or b',
    'int(a)',
    'float(a)',
    'abs(a)',
    'round(a)',
    'math.floor(a)',
    'math.sqrt(a)',
    'math.exp(a)',
    'min(a,b)',
    'max(a, b)',
    '(a)',
  ]);
  return form.replace(/\b[abc]\b/g, () => inner());
}

test('as Python evaluates it', (context) => {
  const f2b = checkout(context);
  const random = randomOf(Number(process.env['EDGEBAN_SEED'] ?? 1));
  const questions = Array.from({ length: 500 * Number(process.env['EDGEBAN_FUZZ'] ?? 1) }, () => {
    const [time, count, factor] = [oneOf(random, [60, 600]), oneOf(random, [0, 1, 5, 25]), oneOf(random, [1, 1.5])];
    return { ask: 'evaluate', text: expression(random, 3), time, count, factor };
  });
  const wrong = ask(f2b, questions).flatMap((theirs, index) => {
    const question = questions[index];
    if (question === undefined) throw new Error('more answers than questions');
    const names = { 'ban.Time': question.time, 'ban.Count': question.count, banFactor: question.factor };
    let ours: number | null = null;
    try {
      ours = evaluate(parseExpression(question.text), names, half);
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
    }
    // a complex number comes as text, a whole number of 310 digits as infinity: ours has neither, and refuses
    const expected =
      'value' in theirs && typeof theirs.value === 'number' && Number.isFinite(theirs.value) ? theirs.value : null;
    const near =
      ours !== null && expected !== null && Math.abs(ours - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
    return near || ours === expected ? [] : [{ question, ours, theirs }];
  });
  expect(wrong).toEqual([]);
});
