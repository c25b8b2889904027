/** The pickles of fail2ban's clients: what is read, what is refused, and what Python makes of the answers. */
import { spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, type TestContext, test } from 'vitest';
import type { Reply } from '../../host-agent/control/framing.ts';
import { tupleOf } from '../../host-agent/control/framing.ts';
import { pickleLimits, readPickle } from '../../host-agent/control/pickle-reader.ts';
import { writeReply } from '../../host-agent/control/pickle-writer.ts';

/** What a line of Python prints; null if there is no Python. */
function python(code: string, input: string | Buffer = ''): string | null {
  const { status, stdout, stderr, error } = spawnSync('python3', ['-c', code], { input, encoding: 'utf8' });
  if (error !== undefined) return null;
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

const hasPython = python('') !== null;
const needsPython = (ctx: TestContext) => ctx.skip(!hasPython, 'needs python3');

function pickled(expression: string, protocol: number): Buffer {
  return Buffer.from(python(`import pickle; print(pickle.dumps(${expression}, ${protocol}).hex())`) ?? '', 'hex');
}

describe.each([0, 1, 2, 3, 4, 5])('protocol %i', (protocol) => {
  beforeEach(needsPython);

  test('plain values are read', () => {
    const expression =
      "['set', 'jail', 'banip', ('192.0.2.1',), (), ('a', 'b'), ('a', 'b', 'c', 'd'), [], ['x'], {'k': [1]}, {}, True, False, None, 0, 255, 256, 65536, -1, 1 << 40, -(1 << 40), 0.1, -2.5, 'ü€\\U0001f600\\n\\'']";
    expect(readPickle(pickled(expression, protocol))).toEqual([
      ...['set', 'jail', 'banip', ['192.0.2.1'], [], ['a', 'b'], ['a', 'b', 'c', 'd'], [], ['x']],
      ...[new Map([['k', [1]]]), new Map(), true, false, null, 0, 255, 256, 65536, -1, 2 ** 40, -(2 ** 40), 0.1, -2.5],
      "ü€\u{1f600}\n'",
    ]);
  });

  test('a value that is named twice is read twice', () => {
    expect(readPickle(pickled("(lambda x: [x, x])(['longer than one'])", protocol))).toEqual([
      ['longer than one'],
      ['longer than one'],
    ]);
  });

  test.each([
    ['an object', '__import__("datetime").date(2026, 1, 1)'],
    ['a function', 'print'],
    ['a class', 'dict'],
    ['a set', '{1}'],
    ['an exception', 'ValueError(1)'],
    ['a number without bound', '1 << 200'],
  ])('%s is refused', (_what, expression) => {
    expect(() => readPickle(pickled(expression, protocol))).toThrow(/the pickle is refused/);
  });
});

describe('what is not a pickle, or too much of one', () => {
  const refused = (...parts: readonly (string | Buffer)[]) => {
    const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
    expect(() => readPickle(bytes)).toThrow(expect.objectContaining({ code: 'ERR_CONTROL_PROTOCOL' }));
  };

  test('the classical attack is refused at its first opcode', () => refused("cos\nsystem\n(S'id'\ntR."));
  test('nothing', () => refused(''));
  test('an empty stack', () => refused('.'));
  test('a mark at the top', () => refused('(.'));
  test('an append to a number', () => refused('K\x01K\x02a.'));
  test('items of no dict', () => refused(']K\x01K\x02s.'));
  test('an odd dict', () => refused('(K\x01d.'));
  test('a list to no mark', () => refused('K\x01l.'));
  test('a memo that was never written', () => refused('h\x07.'));
  test('a text longer than what there is', () => refused('X\xff\xff\xff\xffabc.'));
  test('a text of 2^63 bytes', () => refused('\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.'));
  test('numbers that are none', () => {
    refused('I12x\n.');
    refused('Fabc\n.');
    refused('F\n.');
  });

  test('a list within itself', () => refused(']q\x00h\x00a.'));
  test('lists within lists', () => refused(`${'('.repeat(100)}${'l'.repeat(100)}.`));
  test('a small pickle of a large value', () => {
    // ten lists, each of ten times the one before
    const step = (from: number) => `(${`h${String.fromCharCode(from)}`.repeat(10)}lq${String.fromCharCode(from + 1)}`;
    refused(`(K\x01lq\x00${Array.from({ length: 9 }, (_, at) => step(at)).join('')}.`);
  });

  test('more values than there may be', () => refused('(', 'N'.repeat(pickleLimits.values_max + 1), 'l.'));
});

describe('what Python reads of an answer', () => {
  beforeEach(needsPython);

  const loaded = (reply: Reply) =>
    python('import pickle, sys; print(repr(pickle.loads(sys.stdin.buffer.read())))', writeReply(reply));

  test('values keep their types', () => {
    const ok = [
      ...['text', 'ü€\u{1f600}', 0, -1, 2 ** 31, -(2 ** 40), 1.5, true, false, null, []],
      ...[tupleOf('a', 2), tupleOf(), { jail: ['x'] }, {}],
    ];
    expect(loaded({ ok })).toBe(
      "(0, ['text', 'ü€😀', 0, -1, 2147483648, -1099511627776, 1.5, True, False, None, [], ('a', 2), (), {'jail': ['x']}, {}])",
    );
  });

  test('errors are exceptions', () => {
    const error = { code: 'ERR_COMMAND_INVALID', message: 'no', args: ['a', 2] };
    expect(loaded({ error })).toBe("(1, Exception('a', 2))");
    expect(loaded({ error: { ...error, exception: 'IndexError' } })).toBe("(1, IndexError('a', 2))");
    expect(loaded({ error: { ...error, exception: 'FileNotFoundError', args: [2, 'No such file'], file: '/x' } })).toBe(
      "(1, FileNotFoundError(2, 'No such file'))",
    );
  });

  test('50,000 ids are answered at once', () => {
    const ids = Array.from({ length: 50_000 }, (_, at) => `2001:db8::${at.toString(16)}`);
    const code = 'import pickle, sys; print(len(pickle.loads(sys.stdin.buffer.read())[1]))';
    expect(python(code, writeReply({ ok: ids }))).toBe('50000');
  });
});
