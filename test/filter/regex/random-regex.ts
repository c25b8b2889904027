/** Random regular expressions of Python's whole language, and texts that they are likely to match; the same for the same seed. */

/** A small generator of random numbers, mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to, and without, `below`. */
  next(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.next(from.length)] ?? from[0];
  }

  chance(percent: number): boolean {
    return this.next(100) < percent;
  }
}

const letters = ['a', 'b', 'c', 'A', 'B', 'k', 's', 'i', '1', '9', '_', ' ', ':', '-'] as const;
const odd = [
  '\n',
  '\r',
  '\0',
  '\t',
  'é',
  'É',
  'ı',
  'İ',
  'ſ',
  '\u212a',
  'ß',
  '٣',
  'Ж',
  'ж',
  'ς',
  'Σ',
  '\u2028',
  '\u0085',
  '\ufeff',
  '😀',
  '𐐨',
] as const;
const classes = [
  '\\w',
  '\\W',
  '\\d',
  '\\D',
  '\\s',
  '\\S',
  '.',
  '[^a]',
  '[a-c]',
  '[^\\s:]',
  '[\\w.]',
  '[A-Z]',
  '[^b\\d]',
  '[é-ж]',
  '[]a]',
  '[b-]',
  '[^\\W_]',
] as const;
const counts = [
  '*',
  '+',
  '?',
  '{2}',
  '{1,2}',
  '{0,3}',
  '{2,}',
  '{,2}',
  '*?',
  '+?',
  '??',
  '{1,3}?',
  '{0,2}?',
  '*+',
  '?+',
] as const;

class RegexWriter {
  readonly #random: Random;
  readonly #wild: boolean;
  #groups = 0;
  readonly #closed: number[] = [];

  constructor(random: Random, wild: boolean) {
    this.#random = random;
    this.#wild = wild;
  }

  choice(depth: number): string {
    const branches = Array.from({ length: this.#random.chance(30) ? 1 + this.#random.next(3) : 1 }, () =>
      this.#sequence(depth),
    );
    return branches.join('|');
  }

  #sequence(depth: number): string {
    return Array.from({ length: this.#random.next(4) + (depth > 2 ? 0 : 1) }, () => this.#item(depth)).join('');
  }

  #item(depth: number): string {
    const atom = this.#atom(depth);
    if (!this.#random.chance(35) || /^(\^|\$|\\[bBAZ])$/.test(atom)) return atom;
    return atom + this.#random.pick(counts);
  }

  #atom(depth: number): string {
    const kind = this.#random.next(100);
    if (kind < 45) return this.#literal();
    if (kind < 62) return this.#random.pick(classes);
    if (kind < 70) return this.#random.pick(['^', '$', '\\b', '\\B', '\\A', '\\Z', '$', '^']);
    if (depth > 3) return this.#literal();
    return kind < 88 || !this.#wild ? this.#group(depth) : this.#beyondRegular(depth);
  }

  #literal(): string {
    const char = this.#random.chance(88) ? this.#random.pick(letters) : this.#random.pick(odd);
    return char;
  }

  #group(depth: number): string {
    const kind = this.#random.next(10);
    if (kind < 3) return `(?:${this.choice(depth + 1)})`;
    if (kind < 4) return `(?i:${this.choice(depth + 1)})`;
    const number = ++this.#groups;
    const body = this.choice(depth + 1);
    this.#closed.push(number);
    return kind < 8 ? `(?P<g${number}>${body})` : `(${body})`;
  }

  #beyondRegular(depth: number): string {
    const [first, ...others] = this.#closed;
    const kind = this.#random.next(9);
    if (kind < 4 || first === undefined)
      return `(${this.#random.pick(['?=', '?!', '?>', '?:'])}${this.choice(depth + 1)})`;
    if (kind < 5) return `(${this.#random.pick(['?<=', '?<!'])}${this.#literal()}${this.#random.pick(classes)})`;
    const group = this.#random.pick([first, ...others]);
    return kind < 7 ? `(?:\\${group})` : `(?(${group})${this.#sequence(depth + 1)}|${this.#sequence(depth + 1)})`;
  }
}

export function randomRegex(random: Random): string {
  const writer = new RegexWriter(random, random.chance(60));
  // Not (?a:…): Python forgets it at the start of an expression, where it looks for the first character of a match.
  return (random.chance(5) ? '(?a)' : '') + writer.choice(0);
}

/** Characters of the expression itself, letters and odd ones, so that about half of all searches find something. */
export function randomText(random: Random, source: string): string {
  const own = [...source];
  const length = random.next(14);
  return Array.from({ length }, () => {
    const kind = random.next(100);
    if (kind < 45) return random.pick(letters);
    if (kind < 54) return random.pick(odd);
    // Not in an expression: Python does not find it in a set under IGNORECASE, where it lowers the text but not the set.
    if (kind < 55) return '𐐀';
    return own[random.next(Math.max(1, own.length))] ?? 'a';
  }).join('');
}

const scraps = [
  'a',
  'b',
  '1',
  '(',
  ')',
  '(?:',
  '(?P<n>',
  '(?P=n)',
  '(?=',
  '(?<=',
  '(?<!',
  '(?>',
  '(?i)',
  '(?i:',
  '(?-i:',
  '(?ms-x:',
  '(?#c)',
  '|',
  '*',
  '+',
  '?',
  '{',
  '}',
  '{1,2}',
  '{2,1}',
  '{,}',
  ',',
  '[',
  ']',
  '[^',
  '-',
  '[a-',
  '^',
  '$',
  '\\',
  '\\b',
  '\\d',
  '\\1',
  '\\2',
  '\\08',
  '\\101',
  '\\777',
  '\\x4',
  '\\x41',
  '\\u00e9',
  '\\U0001f600',
  '\\q',
  '\\-',
  '(?(1)',
  '(?(n)',
  '(?(2)',
  ' ',
  '#',
  '(?x)',
  '\n',
  '(?P<1>',
  '(?P<é>',
  '😀',
  '(?y)',
  '(?P>',
  '(?',
] as const;

/** Scraps of syntax in any order: about half of what comes out is refused by Python. */
export function randomSyntax(random: Random): string {
  return Array.from({ length: 1 + random.next(6) }, () => random.pick(scraps)).join('');
}
