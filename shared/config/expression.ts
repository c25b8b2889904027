/** Python's arithmetic, parsed: what fail2ban hands to eval() in bantime.formula and in lengths of time. Nothing else of Python. */
import { EdgebanError } from '../errors.ts';

export type Expression =
  | { readonly kind: 'number'; readonly value: number; readonly float: boolean }
  /** `ban.Time` is one name. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'unary'; readonly op: string; readonly of: Expression }
  | { readonly kind: 'binary'; readonly op: string; readonly left: Expression; readonly right: Expression }
  /** `a < b < c` */
  | {
      readonly kind: 'compare';
      readonly first: Expression;
      readonly rest: readonly { op: string; right: Expression }[];
    }
  | { readonly kind: 'logical'; readonly op: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'if'; readonly test: Expression; readonly then: Expression; readonly otherwise: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

export const expressionLimits = { chars_max: 2_000, depth_max: 100 } as const;

/** Throws ERR_CONFIG_EXPRESSION with what it does not take, by name. */
export function parseExpression(text: string): Expression {
  if (text.length > expressionLimits.chars_max) throw refused(`longer than ${expressionLimits.chars_max} characters`);
  const parser = new Parser(tokens(text));
  const expression = parser.conditional();
  parser.end();
  return expression;
}

export function refused(
  message: string,
  remedy = 'use numbers, + - * / // % ** << >>, comparisons, a if c else b, and functions of math',
): EdgebanError {
  return new EdgebanError('ERR_CONFIG_EXPRESSION', message, { remedy });
}

interface Token {
  readonly kind: 'number' | 'word' | 'sign' | 'end';
  readonly text: string;
}

const tokenPattern =
  /\s*(?:(0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*(?:\s*\.\s*[\p{L}_][\p{L}\p{N}_]*)*)|(\*\*|\/\/|<<|>>|<=|>=|==|!=|[-+*/%<>&|^~(),]))/uy;

function tokens(text: string): Token[] {
  const found: Token[] = [];
  // Python's comments: `bantime = 3600 # an hour` is taken by fail2ban for that reason alone
  const trimmed = text.replace(/#[^\n]*/g, '').trim();
  let depth = 0;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < trimmed.length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(trimmed);
    if (match === null) throw refused(`'${trimmed.slice(at, at + 20).trim()}' is no part of an arithmetic expression`);
    const [, number, word, sign] = match;
    if (depth === 0 && /^\s*\n/.test(match[0])) throw refused('it goes on in another line');
    if (sign === '(') depth++;
    if (sign === ')') depth--;
    if (number !== undefined) found.push({ kind: 'number', text: number });
    else if (word !== undefined) found.push({ kind: 'word', text: word.replace(/\s+/g, '') });
    else found.push({ kind: 'sign', text: sign ?? '' });
  }
  return [...found, { kind: 'end', text: 'the end' }];
}

/** Binary operators from the loosest to the tightest; all group to the left. */
const levels: readonly ReadonlySet<string>[] = [
  new Set(['|']),
  new Set(['^']),
  new Set(['&']),
  new Set(['<<', '>>']),
  new Set(['+', '-']),
  new Set(['*', '/', '//', '%']),
];
const comparisons: ReadonlySet<string> = new Set(['<', '<=', '>', '>=', '==', '!=']);
const keywords: ReadonlySet<string> = new Set(['if', 'else', 'and', 'or', 'not']);
const constants: Readonly<Record<string, number>> = { True: 1, False: 0 };

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  end(): void {
    if (this.#token.kind !== 'end') throw refused(`'${this.#token.text}' is not expected there`);
  }

  conditional(): Expression {
    if (++this.#depth > expressionLimits.depth_max) throw refused('the expression nests too deep');
    const then = this.#or();
    if (!this.#takes('if')) {
      this.#depth--;
      return then;
    }
    const test = this.#or();
    this.#expect('else');
    const otherwise = this.conditional();
    this.#depth--;
    return { kind: 'if', test, then, otherwise };
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#takes('or')) left = { kind: 'logical', op: 'or', left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#takes('and')) left = { kind: 'logical', op: 'and', left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (!this.#takes('not')) return this.#comparison();
    return this.#deeper(() => ({ kind: 'unary', op: 'not', of: this.#not() }));
  }

  #comparison(): Expression {
    const first = this.#level(0);
    const rest: { op: string; right: Expression }[] = [];
    while (comparisons.has(this.#token.text)) rest.push({ op: this.#next().text, right: this.#level(0) });
    return rest.length === 0 ? first : { kind: 'compare', first, rest };
  }

  #level(index: number): Expression {
    const signs = levels[index];
    if (signs === undefined) return this.#unary();
    let left = this.#level(index + 1);
    while (this.#token.kind === 'sign' && signs.has(this.#token.text)) {
      left = { kind: 'binary', op: this.#next().text, left, right: this.#level(index + 1) };
    }
    return left;
  }

  #unary(): Expression {
    const { text } = this.#token;
    if (text !== '-' && text !== '+' && text !== '~') return this.#power();
    this.#at++;
    return this.#deeper(() => ({ kind: 'unary', op: text, of: this.#unary() }));
  }

  /** `**` groups to the right and binds tighter than a sign on its left: -2**2 is -4. */
  #power(): Expression {
    const left = this.#atom();
    if (!this.#takes('**')) return left;
    return this.#deeper(() => ({ kind: 'binary', op: '**', left, right: this.#unary() }));
  }

  #atom(): Expression {
    const token = this.#next();
    if (token.kind === 'number') return numberOf(token.text);
    if (token.text === '(') {
      const inside = this.conditional();
      this.#expect(')');
      return inside;
    }
    if (token.kind !== 'word' || keywords.has(token.text)) throw refused(`'${token.text}' is not expected there`);
    const constant = Object.hasOwn(constants, token.text) ? constants[token.text] : undefined;
    if (constant !== undefined) return { kind: 'number', value: constant, float: false };
    return this.#takes('(')
      ? { kind: 'call', name: token.text, args: this.#args() }
      : { kind: 'name', name: token.text };
  }

  #args(): Expression[] {
    const args: Expression[] = [];
    while (!this.#takes(')')) {
      args.push(this.conditional());
      if (!this.#takes(',') && this.#token.text !== ')') throw refused(`'${this.#token.text}' is not expected there`);
    }
    return args;
  }

  #deeper(parse: () => Expression): Expression {
    if (++this.#depth > expressionLimits.depth_max) throw refused('the expression nests too deep');
    const expression = parse();
    this.#depth--;
    return expression;
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: 'the end' };
  }

  #next(): Token {
    const token = this.#token;
    this.#at++;
    return token;
  }

  #takes(text: string): boolean {
    const taken = this.#token.kind !== 'end' && this.#token.text === text;
    if (taken) this.#at++;
    return taken;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) throw refused(`'${text}' is missing before '${this.#token.text}'`);
  }
}

function numberOf(text: string): Expression {
  if (/^0\d*[1-9]/.test(text) && /^[\d_]+$/.test(text))
    throw refused(`the number ${text} begins with 0`, 'write it without the zero in front');
  if (/_$|__|_\.|\._/.test(text)) throw refused(`the number ${text} has an underscore where none may be`);
  const value = Number(text.replaceAll('_', ''));
  return { kind: 'number', value, float: /^(?!0[xX]).*[.eE]/.test(text) };
}
