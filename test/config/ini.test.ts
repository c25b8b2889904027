/** One file of the configuration, line by line. */
import { expect, test } from 'vitest';
import { parseIni } from '../../shared/config/ini.ts';
import { originAt, replaceSpans, sourced } from '../../shared/config/sourced.ts';

function optionsOf(text: string, section = 'a') {
  const file = parseIni(text, 'x.conf');
  expect(file.problems).toEqual([]);
  return Object.fromEntries([...(file.sections.get(section) ?? [])].map(([name, value]) => [name, value.text]));
}

test.each([
  ['names in lower case, = or :', '[a]\nKey = v\nother: w = x\n', { key: 'v', other: 'w = x' }],
  ['deeper lines continue', '[a]\nk = one\n  two\n\tthree\nl = 4\n', { k: 'one\ntwo\nthree', l: '4' }],
  ['empty lines stay inside, not at the end', '[a]\nk = one\n\n  two\n\n\nl = 4\n', { k: 'one\n\ntwo', l: '4' }],
  ['comment lines vanish, indented ones too', '[a]\n# c\nk = one\n  # c\n; c\n  two\n', { k: 'one\ntwo' }],
  ['; behind white space begins a comment, # does not', '[a]\nk = v ; c\nl = v;w # x\n', { k: 'v', l: 'v;w # x' }],
  ['a value may begin in the next line', '[a]\nk =\n  one\n', { k: '\none' }],
  ['line ends of other systems', '[a]\r\nk = v\r\n  w\r', { k: 'v\nw' }],
  ['text behind the section is not read', '[a] x\nk = v', { k: 'v' }],
  ['an indented option continues nothing', '  [a]\n  k = v\n  l = w\n', { k: 'v', l: 'w' }],
])('%s', (_, text, options) => {
  expect(optionsOf(text)).toEqual(options);
});

test('each line knows its place', () => {
  const value = parseIni('[a]\nk = one\n  # comment\n\n  two\n', 'x.conf').sections.get('a')?.get('k');
  expect(value?.text).toBe('one\n\ntwo');
  expect(value?.origins.map(({ line }) => line)).toEqual([2, 4, 5]);
});

test.each([
  ['[a]\nk = 1\nK = 2\n', 'a', 3],
  ['[a]\n[b]\n[a]\n', 'a', 3],
  ['k = 1\n[a]\n', null, 1],
  ['[DEFAULT]\nk = 1\n[a]\n[DEFAULT]\nk = 2\n', 'DEFAULT', 5],
  ['[a]\nnothing\n', 'a', 2],
  ['[a]\n= v\n', 'a', 2],
])('%j has a problem', (text, section, line) => {
  const [problem, ...more] = parseIni(text, 'x.conf').problems;
  expect(problem).toMatchObject({ section, error: { file: 'x.conf', line } });
  expect(more).toEqual([]);
});

test('a replaced text keeps the place of what stands on a line of its own', () => {
  const outer = { text: 'a\nX\nb X c', origins: [1, 2, 3].map((line) => ({ file: 'outer', line })) };
  const inner = { text: 'p\nq', origins: [7, 8].map((line) => ({ file: 'inner', line })) };
  const whole = replaceSpans(outer, [
    { start: 2, end: 3, inner },
    { start: 6, end: 7, inner: sourced('y', { file: 'inner', line: 9 }) },
  ]);
  expect(whole.text).toBe('a\np\nq\nb y c');
  expect(whole.origins.map(({ file, line }) => file + line)).toEqual(['outer1', 'inner7', 'inner8', 'outer3']);
  expect(originAt(whole, whole.text.indexOf('q'))).toEqual({ file: 'inner', line: 8 });
});
