/** The evaluator of Python's arithmetic, and what is made of it: bantime.formula and lengths of time. */
import type { Seconds } from '../time.ts';
import { type Expression, parseExpression, refused } from './expression.ts';
import { functions } from './math-functions.ts';

/** Python tells whole numbers from others: 7//2 is 3, 7.0//2 is 3.0, and only whole ones can be shifted. */
export interface PythonNumber {
  readonly value: number;
  readonly float: boolean;
}

/** What an expression may name. */
export interface Names {
  readonly [name: string]: number;
}

/** Whole numbers end here with 308 digits; Python's have no such end. */
const shift_max = 1_000;

/**
 * The value of an expression. `random` gives numbers in [0, 1) for random.random() and its like. Throws
 * ERR_CONFIG_EXPRESSION for names and functions that are not there, a division by zero, or a number without end.
 */
export function evaluate(expression: Expression, names: Names, random: () => number): number {
  return evaluateNumber(expression, names, random).value;
}

/** As `evaluate`, with Python's kind of number. */
function evaluateNumber(expression: Expression, names: Names, random: () => number): PythonNumber {
  const inner = (of: Expression) => evaluateNumber(of, names, random);
  switch (expression.kind) {
    case 'number':
      return expression;
    case 'name':
      return named(expression.name, names);
    case 'unary':
      return unary(expression.op, inner(expression.of));
    case 'binary':
      return checked(binary(expression.op, inner(expression.left), inner(expression.right)), expression.op);
    case 'compare':
      return compare(expression, inner);
    case 'logical': {
      const left = inner(expression.left);
      return (left.value !== 0) === (expression.op === 'or') ? left : inner(expression.right);
    }
    case 'if':
      return inner(expression.test).value === 0 ? inner(expression.otherwise) : inner(expression.then);
    case 'call':
      return call(expression.name, expression.args.map(inner), random);
  }
}

const constants: Names = {
  'math.pi': Math.PI,
  'math.e': Math.E,
  'math.tau': 2 * Math.PI,
  'math.inf': Number.POSITIVE_INFINITY,
};

function named(name: string, names: Names): PythonNumber {
  const given = Object.hasOwn(names, name) ? names[name] : undefined;
  if (given !== undefined) return { value: given, float: !Number.isInteger(given) };
  const constant = Object.hasOwn(constants, name) ? constants[name] : undefined;
  if (constant !== undefined) return { value: constant, float: true };
  const known = [...Object.keys(names), 'math'].join(', ');
  throw refused(`the name '${name}' is not known`, `use ${known}, and functions of math`);
}

function unary(op: string, { value, float }: PythonNumber): PythonNumber {
  if (op === 'not') return { value: value === 0 ? 1 : 0, float: false };
  if (op === '~') return { value: -whole({ value, float }, op) - 1, float: false };
  return { value: op === '-' ? -value : value, float };
}

function binary(op: string, left: PythonNumber, right: PythonNumber): PythonNumber {
  const float = left.float || right.float;
  const [a, b] = [left.value, right.value];
  if ((op === '/' || op === '//' || op === '%') && b === 0)
    throw refused('division by zero', 'divide by something else');
  switch (op) {
    case '+':
      return { value: a + b, float };
    case '-':
      return { value: a - b, float };
    case '*':
      return { value: a * b, float };
    case '/':
      return { value: a / b, float: true };
    case '//':
      return { value: floorQuotient(a, b), float };
    case '%':
      return { value: modulo(a, b), float };
    case '**':
      return { value: a ** b, float: float || b < 0 };
    default:
      return bitwise(op, left, right);
  }
}

/** Exact, with the sign of `b`, as in Python. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** Python takes the rest off first, so that the quotient is off by less than one half. */
function floorQuotient(a: number, b: number): number {
  return Math.round((a - modulo(a, b)) / b);
}

function bitwise(op: string, left: PythonNumber, right: PythonNumber): PythonNumber {
  const [a, b] = [whole(left, op), whole(right, op)];
  if (op === '<<' || op === '>>') {
    if (b < 0 || (op === '<<' && b > shift_max)) throw refused(`a shift by ${b}`, `shift by 0 to ${shift_max}`);
    return { value: op === '<<' ? a * 2 ** b : Math.floor(a / 2 ** Math.min(b, shift_max)), float: false };
  }
  const [x, y] = [BigInt(a), BigInt(b)];
  const bits = op === '&' ? x & y : op === '|' ? x | y : x ^ y;
  return { value: Number(bits), float: false };
}

function whole({ value, float }: PythonNumber, op: string): number {
  if (float || !Number.isInteger(value)) throw refused(`${op} takes whole numbers only`, 'put int(…) around the other');
  return value;
}

function checked(result: PythonNumber, what: string): PythonNumber {
  if (Number.isFinite(result.value)) return result;
  throw refused(`the result of ${what} is no finite number`, 'bound the exponent or the shift');
}

function compare(
  { first, rest }: Extract<Expression, { kind: 'compare' }>,
  inner: (of: Expression) => PythonNumber,
): PythonNumber {
  let left = inner(first).value;
  for (const { op, right: of } of rest) {
    const right = inner(of).value;
    if (!holds(op, left, right)) return { value: 0, float: false };
    left = right;
  }
  return { value: 1, float: false };
}

function holds(op: string, left: number, right: number): boolean {
  if (op === '<') return left < right;
  if (op === '<=') return left <= right;
  if (op === '>') return left > right;
  if (op === '>=') return left >= right;
  return op === '==' ? left === right : left !== right;
}

function call(name: string, args: readonly PythonNumber[], random: () => number): PythonNumber {
  const called = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (called === undefined)
    throw refused(
      `the function '${name}' is not known`,
      'use functions of math, or min, max, abs, round, int, float, pow',
    );
  const [least, most] = called.args;
  if (args.length < least || args.length > most)
    throw refused(`${name}() does not take ${args.length} arguments`, 'see Python');
  const value = called.of(
    args.map((arg) => arg.value),
    random,
  );
  if (called.float === 'whole') args.forEach((arg) => void whole(arg, name));
  const chosen = args.find((arg) => arg.value === value)?.float ?? args.some((arg) => arg.float);
  const float = called.float === 'as given' ? chosen || !Number.isInteger(value) : called.float === true;
  return checked({ value, float }, `${name}()`);
}

/** The names that bantime.formula may use. */
const formulaNames = { 'ban.Time': 600, 'ban.Count': 1, banFactor: 1 };

/**
 * A `bantime.formula` as a function of the jail's bantime, the number of earlier bans, and the factor. It is tried once
 * here, so that what is wrong shows when it is read. The function gives NaN where it fails later: no bantime.
 */
export function formulaOf(
  text: string,
  random: () => number,
): (bantime: Seconds, count: number, factor: number) => number {
  const expression = parseExpression(text);
  evaluate(expression, formulaNames, random);
  return (bantime, count, factor) => {
    try {
      return evaluate(expression, { 'ban.Time': bantime, 'ban.Count': count, banFactor: factor }, random);
    } catch {
      return Number.NaN;
    }
  };
}

/** `bantime.factor`: an expression of numbers. */
export function factorOf(text: string): number {
  return evaluate(parseExpression(text), {}, noRandom);
}

function noRandom(): number {
  throw refused('random is not known here', 'use it in bantime.formula, or set bantime.rndtime');
}

const day = 86_400;
/** A year of 365.25 days, and its twelfth. */
const year = 365.25 * day;

/** Python's spelling of the numbers: years and months are not whole numbers there. */
const units: readonly (readonly [RegExp, string])[] = [
  [/(?<=[\d\s])(?:days?|da|dd?)\b/gi, `*${day}`],
  [/(?<=[\d\s])(?:weeks?|wee?|ww?)\b/gi, `*${7 * day}`],
  [/(?<=[\d\s])(?:months?|mon?)\b/gi, `*${year / 12}.0`],
  [/(?<=[\d\s])(?:years?|yea?|yy?)\b/gi, `*${year}.0`],
  [/(?<=[\d\s])(?:seconds?|sec?|ss?)\b/gi, '*1'],
  [/(?<=[\d\s])(?:minutes?|min?|mm?)\b/gi, '*60'],
  [/(?<=[\d\s])(?:hours?|hou?|hh?)\b/gi, '*3600'],
];

/** A length of time such as `10m`, `1d12h`, `1h*2+30m`, `-1`, in seconds (fail2ban's str2seconds). */
export function parseSeconds(text: string): Seconds {
  return secondsNumber(text).value;
}

/** As Python prints it: `2629800.0` for a month, `600` for ten minutes (fail2ban-client --str2sec). */
export function printSeconds(text: string): string {
  const { value, float } = secondsNumber(text);
  if (float && Math.abs(value) >= 1e16) return value.toExponential();
  return float && Number.isInteger(value) ? `${value}.0` : String(value);
}

function secondsNumber(text: string): PythonNumber {
  let expression = text.replace(/(?<=[a-z])(\d)/gi, ' $1');
  for (const [unit, factor] of units) expression = expression.replace(unit, factor);
  expression = expression.replace(/(\d)\s+(\d)/g, '$1+$2');
  return evaluateNumber(parseExpression(expression), {}, noRandom);
}
