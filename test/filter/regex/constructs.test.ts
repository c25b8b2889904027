/** One by one, what Python's `re` has that others lack or mean otherwise; the answers are Python 3.11's. */

import { describe, expect, test } from 'vitest';
import { createRe2 } from '../../../host-agent/system/re2.ts';
import { compilePattern, newBudget } from '../../../shared/filter/regex/compile.ts';

const re2 = createRe2();

interface Options {
  readonly multiline?: boolean;
  readonly ignoreCase?: boolean;
}

/** The text matched, or null. */
function found(source: string, text: string, options: Options = {}): string | null {
  const match = compilePattern(source, { re2, ...options }).search(text);
  return match === null ? null : text.slice(match.start, match.end);
}

function groups(source: string, text: string): Readonly<Record<string, string | undefined>> | null {
  const match = compilePattern(source, { re2 }).search(text);
  return match === null ? null : { ...match.groups };
}

function fitOf(source: string): string {
  return compilePattern(source, { re2 }).fit;
}

function refusal(source: string): unknown {
  try {
    compilePattern(source, { re2 });
  } catch (error) {
    return error;
  }
  return null;
}

describe('characters', () => {
  test('\\w, \\d and \\s are those of Unicode, and of ASCII under (?a)', () => {
    expect(found('\\w+', '- Grüße٣ -')).toBe('Grüße٣');
    expect(found('(?a)\\w+', '- Grüße٣ -')).toBe('Gr');
    expect(found('\\d+', 'x٣4')).toBe('٣4');
    expect(found('a\\sb', 'a\u2028b')).toBe('a\u2028b');
    expect(found('a\\sb', 'a\u001cb')).toBe('a\u001cb');
    expect(found('a\\sb', 'a\ufeffb')).toBeNull();
  });

  test('. takes all but a newline', () => {
    expect(found('a.b', 'a\rb')).toBe('a\rb');
    expect(found('a.b', 'a\u2028b')).toBe('a\u2028b');
    expect(found('a.b', 'a\0b')).toBe('a\0b');
    expect(found('a.b', 'a😀b')).toBe('a😀b');
    expect(found('a.b', 'a\nb')).toBeNull();
    expect(found('(?s)a.b', 'a\nb')).toBe('a\nb');
  });

  test('sets', () => {
    expect(found('[]a]+', 'x]a]')).toBe(']a]');
    expect(found('[^]]+', ']x')).toBe('x');
    expect(found('[a\\-z]+', 'b-z')).toBe('-z');
    expect(found('[\\w.-]+', '!é.x-')).toBe('é.x-');
    expect(found('[\\x41-\\u0043]+', 'xABCD')).toBe('ABC');
  });

  test('escapes by number', () => {
    expect(found('\\101\\0\\x42\\U0001f600', 'A\0B😀')).toBe('A\0B😀');
    expect(found('(a)\\1', 'aa')).toBe('aa');
  });
});

describe('case', () => {
  test('(?i) holds for all, (?i:…) for its group', () => {
    expect(found('(?i)failed', 'FAILED')).toBe('FAILED');
    expect(found('a(?i:b)c', 'aBc')).toBe('aBc');
    expect(found('a(?i:b)c', 'aBC')).toBeNull();
    expect(found('(?i)a(?-i:b)', 'Ab')).toBe('Ab');
    expect(found('(?i)a(?-i:b)', 'AB')).toBeNull();
  });

  test('((?i)…) is read as (?i:…), as fail2ban does', () => {
    expect(found('^x ((?i)user|host) ', 'x USER ')).toBe('x USER ');
    expect(found('^x (?:(?i)user) y', 'x User y')).toBe('x User y');
    expect(found('^X ((?i)user) ', 'x user ')).toBeNull();
  });

  test('letters with a common upper case are the same', () => {
    expect(found('(?i)k', '\u212a')).toBe('\u212a');
    expect(found('(?i)s', 'ſ')).toBe('ſ');
    expect(found('(?i)i', 'İ')).toBe('İ');
    expect(found('(?i)[a-z]', 'ſ')).toBe('ſ');
    expect(found('(?i)ß', 'ẞ')).toBe('ẞ');
    expect(found('(?i)ß', 'SS')).toBeNull();
  });
});

describe('places', () => {
  test('$ holds at the end and before a last newline', () => {
    expect(found('a$', 'a\n')).toBe('a');
    expect(found('a$', 'a\n\n')).toBeNull();
    expect(found('a$', 'a\nb')).toBeNull();
    expect(found('a\\Z', 'a\n')).toBeNull();
    expect(found('a\\s*$', 'a \n')).toBe('a \n');
    expect(found('(?P<x>a$)\\n?', 'a\n')).toBe('a\n');
  });

  test('^ and $ hold at every line under re.MULTILINE', () => {
    expect(found('^b$', 'a\nb\nc', { multiline: true })).toBe('b');
    expect(found('^b$', 'a\nb\nc')).toBeNull();
    expect(found('^$', 'a\n', { multiline: true })).toBe('');
    expect(found('\\Ab', 'a\nb', { multiline: true })).toBeNull();
  });

  test('\\b is where Unicode words begin and end', () => {
    expect(found('\\bb', 'éb')).toBeNull();
    expect(found('\\Bb', 'éb')).toBe('b');
    expect(found('(?a:\\b)b', 'éb')).toBe('b');
    expect(found('\\B', '')).toBeNull();
  });
});

describe('groups', () => {
  test('a group keeps the value of the last round that set it', () => {
    expect(groups('(?:(?P<a>a)|(?P<b>b))*c', 'abac')).toEqual({ a: 'a', b: 'b' });
    expect(groups('(?:x(?P<n>\\d)?)+', 'x1x')).toEqual({ n: '1' });
    expect(groups('(?P<a>a*)*b', 'aab')).toEqual({ a: '' });
  });

  test('a group that took no part is undefined, and has no span', () => {
    const match = compilePattern('(?P<a>a)|(?P<b>b)', { re2 }).search('b');
    expect(match?.groups).toEqual({ a: undefined, b: 'b' });
    expect([match?.span('a'), match?.span('b'), match?.span('c')]).toEqual([null, [0, 1], null]);
  });

  test('spans count UTF-16 units', () => {
    const match = compilePattern('(?P<x>b+)', { re2 }).search('😀é bb');
    expect(match?.span('x')).toEqual([4, 6]);
  });

  test('numbered groups are kept on demand', () => {
    const match = compilePattern('(a)(?P<x>b)(c)?', { re2, numbered: true }).search('ab');
    expect([0, 1, 2, 3].map((group) => match?.span(group))).toEqual([[0, 2], [0, 1], [1, 2], null]);
  });
});

describe('repeats', () => {
  test('lazy, counted, and beyond what RE2 can count', () => {
    expect(found('a{2,3}?', 'aaaa')).toBe('aa');
    expect(found('a{,2}', 'aaaa')).toBe('aa');
    expect(found('a{,b', 'a{,b')).toBe('a{,b');
    expect(found('^a{1500}$', 'a'.repeat(1500))).toHaveLength(1500);
    expect(found('^a{1500}$', 'a'.repeat(1501))).toBeNull();
    expect(found('^(?:ab){0,1200}c', `${'ab'.repeat(1200)}c`)).toHaveLength(2401);
    expect(found('^(?:ab){0,1200}c', `${'ab'.repeat(1201)}c`)).toBeNull();
  });

  test('possessive and atomic', () => {
    expect(found('a*+a', 'aaa')).toBeNull();
    expect(found('(?>a|ab)c', 'abc')).toBeNull();
    expect(found('(?>ab|a)c', 'abc')).toBe('abc');
  });
});

describe('what is not regular', () => {
  test('look-around', () => {
    expect(found('\\w+(?=:)', 'ab cd:')).toBe('cd');
    expect(found('^(?!root)\\w+', 'root')).toBeNull();
    expect(found('(?<=ü)b', 'aübb')).toBe('b');
    expect(found('(?<!a)b', 'abb')).toBe('b');
    expect(groups('(?=(?P<x>ab))a', 'ab')).toEqual({ x: 'ab' });
    expect(groups('(?!(?P<x>ab))a', 'ac')).toEqual({ x: undefined });
  });

  test('back references', () => {
    expect(found('(?P<q>["\']).*?(?P=q)', `"it's" x`)).toBe(`"it's"`);
    expect(found('(?i)(a)\\1', 'aA')).toBe('aA');
    expect(found('(a)?\\1b', 'b')).toBeNull();
  });

  test('conditionals', () => {
    expect(found('^(<)?a(?(1)>|$)', '<a>')).toBe('<a>');
    expect(found('^(<)?a(?(1)>|$)', '<a')).toBeNull();
    expect(found('^(?P<x>b)?(?(x)c|d)', 'd')).toBe('d');
  });
});

describe('RE2 alone serves', () => {
  test.each([
    '^\\S+ (?P<a>\\w+)$',
    '(?i)from (?P<ip4>(?:\\d{1,3}\\.){3}\\d{1,3})\\b',
    '(?:[0-9a-f]{1,4}::?|:){1,7}(?:[0-9a-f]{1,4}|(?<=:):)',
    '(?:(?P<a>a)|b)*?c',
  ])('%s', (source) => {
    expect(fitOf(source)).not.toBe('wider');
  });

  test.each(['(?=a)', '(a)\\1', '(?<=b)a', '(?:a*)*', '.{0,900}b'])('but not for %s', (source) => {
    expect(fitOf(source)).toBe('wider');
  });
});

describe('refusals name the construct and its place', () => {
  test.each([
    ['a(b', 'missing ), unterminated subpattern at position 1'],
    ['a**', 'multiple repeat at position 2'],
    ['*a', 'nothing to repeat at position 0'],
    ['[b-a]', 'bad character range b-a at position 1'],
    ['a\\q', 'bad escape \\q at position 1'],
    ['(?<=a+)b', 'look-behind requires fixed-width pattern'],
    ['a(?i)b', 'global flags not at the start of the expression at position 1'],
    ['(?P<a>x)(?P<a>y)', "redefinition of group name 'a' as group 2; was group 1 at position 12"],
    ['(?P=b)', "unknown group name 'b' at position 4"],
  ])('%s', (source, message) => {
    expect(refusal(source)).toMatchObject({ code: 'ERR_REGEX_SYNTAX', message: expect.stringContaining(message) });
  });

  test.each([
    ['(?P<__proto__>a)', 'a group named __proto__ at position 4'],
    ['\\N{DASH}', '\\N{…} at position 0'],
    ['('.repeat(200), 'nesting deeper than 100 groups'],
    ['(?:(?:ab){1000}){1000}', 'more than 20000 steps'],
  ])('%s', (source, message) => {
    expect(refusal(source)).toMatchObject({ code: 'ERR_REGEX_UNSUPPORTED', message: expect.stringContaining(message) });
  });
});

describe('the budget', () => {
  const costly = '(?P<q>\\w+).*(?P=q)!';
  const text = 'ab'.repeat(2000);

  test('a search that uses it up says so, and finds nothing', () => {
    const budget = newBudget();
    expect(compilePattern(costly, { re2 }).search(`${text}!`, budget)).toBeNull();
    expect(budget).toEqual({ steps: expect.any(Number), exhausted: true });
    expect(compilePattern('a', { re2 }).search('a', budget)).toBeNull();
  });

  test('without one, the search throws', () => {
    expect(() => compilePattern(costly, { re2 }).search(`${text}!`)).toThrow(
      expect.objectContaining({ code: 'ERR_REGEX_STEPS' }),
    );
  });

  test('a text that is not well formed is searched as if its stray halves were U+FFFD', () => {
    expect(found('a\\ufffdb', 'a\ud800b')).toBe('a\ud800b');
  });
});
