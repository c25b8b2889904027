/** The layout of --dp beside Python's own pprint, on values at random. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { pythonPretty } from '../../shared/config/python-pretty.ts';
import type { Plain } from '../../shared/config/python-text.ts';
import { below, oneOf, randomOf } from '../random.ts';

const program = `
import json, sys
from pprint import pformat
for line in sys.stdin: print(json.dumps(pformat(json.loads(line), width=1000, indent=2)))
`;

const pieces = [
  'word ',
  'two  ',
  'x'.repeat(200),
  '\n',
  '\r\n',
  '\u2028',
  '\t',
  "it's ",
  '"',
  'é',
  '😀 ',
  '\\',
  ' ',
  '',
];

function randomText(random: () => number): string {
  return Array.from({ length: below(random, 40) }, () => oneOf(random, pieces)).join('');
}

function randomValue(random: () => number, depth: number): Plain {
  const length = below(random, 6);
  if (depth > 0 && length > 0) return Array.from({ length }, () => randomValue(random, depth - 1 - below(random, 2)));
  return oneOf<Plain>(random, [null, true, below(random, 1000), 'set', randomText(random), randomText(random)]);
}

test("a value is laid out as Python's pprint lays it out", (context) => {
  if (spawnSync('python3', ['--version']).status !== 0) context.skip('needs python3');
  const random = randomOf(7);
  const values = Array.from({ length: 2_000 }, () => randomValue(random, 3)).filter((value) => Array.isArray(value));
  const { stdout } = spawnSync('python3', ['-c', program], {
    input: values.map((value) => JSON.stringify(value)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const theirs = stdout
    .trim()
    .split('\n')
    .map((line): string => JSON.parse(line));
  const differing = values.flatMap((value, index) => (pythonPretty(value) === theirs[index] ? [] : [value]));
  expect([theirs.length, differing]).toEqual([values.length, []]);
  // otherwise nothing was laid out at all
  expect(theirs.filter((text) => text.includes('\n')).length).toBeGreaterThan(100);
});
