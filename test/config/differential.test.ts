/** The same questions to fail2ban's own code and to ours: the stock tree, trees at random, and each part of the language. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { printSeconds } from '../../shared/config/arithmetic.ts';
import { readJails } from '../../shared/config/jail-conf.ts';
import { parseNamedOptions, splitNamedOptions } from '../../shared/config/options-syntax.ts';
import { pythonRepr } from '../../shared/config/python-text.ts';
import { sourced } from '../../shared/config/sourced.ts';
import { substituteTags } from '../../shared/config/tags.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { below, oneOf, randomOf } from '../random.ts';
import { diskFiles } from './files.ts';
import { type Answer, ask, checkout } from './oracle.ts';
import { randomTree } from './random-tree.ts';
import { differences, ourStream, write } from './streams.ts';

const scratch = mkdtempSync(join(tmpdir(), 'edgeban-config-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A longer run: EDGEBAN_FUZZ=20 takes 20 times as many cases, EDGEBAN_SEED another series. */
const effort = Number(process.env['EDGEBAN_FUZZ'] ?? 1);
const random = randomOf(Number(process.env['EDGEBAN_SEED'] ?? 1));
const origin = { file: 'x.conf', line: 1 };

function attempt(answer: () => unknown): Answer {
  try {
    return { value: answer() };
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    return { error: error.message };
  }
}

test('the stock tree with all of its jails gives the same command stream', (context) => {
  const f2b = checkout(context);
  const dir = join(scratch, 'stock');
  cpSync(join(f2b, 'config'), dir, { recursive: true });
  writeFileSync(join(dir, 'jail.local'), '[DEFAULT]\nenabled = true\n');
  const [theirs] = ask(f2b, [{ ask: 'stream', dir }]);
  expect(ourStream(dir)).toEqual(theirs);
  const { jails, findings } = readJails(diskFiles, dir, random);
  expect(jails).toHaveLength(94);
  // which logs there are is this machine's affair
  const told = findings.filter(({ severity, code }) => severity !== 'notice' && code !== 'ERR_CONFIG_LOGPATH');
  expect(told).toEqual([]);
});

test('so it does with overrides of every kind', (context) => {
  const f2b = checkout(context);
  const locals = [
    '[DEFAULT]\nbanaction = nftables\nbanaction_allports = nftables[type=allports]\nbackend = systemd\naction = %(action_mwl)s\n',
    '[DEFAULT]\nmode = aggressive\nbanaction = iptables-ipset-proto6\nbantime.increment = yes\naction = %(action_xarf)s\n',
    '[DEFAULT]\nmode = ddos\nbanaction = ufw\nchain = DOCKER-USER\n[sshd]\nfilter = sshd[logtype=rfc5424]\nfailregex = %(known/failregex)s\n  ^extra <HOST>$\n',
  ];
  const dirs = locals.map((local, index) => {
    const dir = join(scratch, `stock-${index}`);
    cpSync(join(f2b, 'config'), dir, { recursive: true });
    return write(dir, { 'jail.local': local, 'jail.d/99-all.local': '[DEFAULT]\nenabled = true\n' });
  });
  const questions = dirs.map((dir) => ({ ask: 'stream', dir }));
  expect(differences(questions, ask(f2b, questions), dirs.map(ourStream))).toEqual([]);
});

test('a file without [Definition] is one that says nothing', (context) => {
  const f2b = checkout(context);
  const dir = write(join(scratch, 'nothing'), {
    'fail2ban.conf': '[Definition]\nlogtarget = /x\ndbmaxmatches = 10\n',
    'jail.conf':
      '[a]\nenabled = 1\nfilter = f\nbackend = systemd\naction = e[actionban="true <ip>"]\n  e[actname=x, b=c]\n',
    'filter.d/f.conf': '',
    'action.d/e.conf': '# [Definition]\n',
  });
  const questions = [{ ask: 'stream', dir }];
  const theirs = ask(f2b, questions);
  expect(JSON.stringify(theirs)).toContain("['actionstart', None]");
  expect(differences(questions, theirs, [ourStream(dir)])).toEqual([]);
});

test('trees at random give the same command stream, or are refused by both', (context) => {
  const f2b = checkout(context);
  const dirs = Array.from({ length: 60 * effort }, (_, index) =>
    write(join(scratch, `tree-${index}`), randomTree(random)),
  );
  const questions = dirs.map((dir) => ({ ask: 'stream', dir }));
  const theirs = ask(f2b, questions);
  expect(differences(questions, theirs, dirs.map(ourStream))).toEqual([]);
  expect(theirs.filter((answer) => 'value' in answer).length).toBeGreaterThan(dirs.length / 2);
});

function pieces(most: number, from: readonly string[]): string {
  return Array.from({ length: below(random, most) }, () => oneOf(random, from)).join('');
}

test('lengths of time', (context) => {
  const f2b = checkout(context);
  const units = [
    'd',
    'days',
    'da',
    'w',
    'weeks',
    'mo',
    'months',
    'y',
    'years',
    's',
    'sec',
    'm',
    'min',
    'h',
    'hour',
    'H',
    'minuts',
  ];
  const signs = [
    '-',
    '+',
    '*',
    '/',
    '//',
    '%',
    '(',
    ')',
    ' ',
    '  ',
    '\n',
    '0',
    '007',
    '1',
    '2',
    '10',
    '1.5',
    '12',
    '1 ',
    '3 ',
  ];
  const texts = Array.from({ length: 400 * effort }, () =>
    `${oneOf(random, ['1', '2', '10'])}${pieces(6, [...units, ...signs, ...signs])}`.trimEnd(),
  );
  const questions = texts.map((text) => ({ ask: 'seconds', text }));
  expect(
    differences(
      questions,
      ask(f2b, questions),
      texts.map((text) => attempt(() => printSeconds(text))),
    ),
  ).toEqual([]);
});

test('name[options]', (context) => {
  const f2b = checkout(context);
  const parts = [
    'a=1',
    'b="x, y"',
    "c='z]'",
    'd=',
    'port="%(port)s"',
    ',',
    ', ',
    '][',
    ']\n [',
    '[',
    ']',
    ' ',
    '\n',
    '"',
    'e="two\n lines"',
    'é=ü',
  ];
  const texts = Array.from(
    { length: 400 * effort },
    () => `${oneOf(random, ['name', 'na me', ''])}[${pieces(6, parts)}]`,
  );
  const questions = texts.map((text) => ({ ask: 'options', text }));
  const ours = texts.map((text) =>
    attempt(() => {
      const { name, options } = parseNamedOptions(sourced(text, origin));
      return [name, Object.fromEntries([...options].map(([option, value]) => [option, value.text]))];
    }),
  );
  expect(differences(questions, ask(f2b, questions), ours)).toEqual([]);
});

test('several name[options] behind each other', (context) => {
  const f2b = checkout(context);
  const items = [
    'act',
    'act[]',
    'act[a=1]',
    'act[a="x y", b=2]',
    'act [ a=1 ]',
    "act[a='x\n]y'][b=2]",
    'act[a=1,\n b=2]',
    'act[bad',
    'act[a b]',
  ];
  const texts = Array.from({ length: 400 * effort }, () => {
    return Array.from(
      { length: 1 + below(random, 4) },
      () => oneOf(random, items) + oneOf(random, [' ', '\n', '\n  ']),
    ).join('');
  });
  const questions = texts.map((text) => ({ ask: 'split', text }));
  const ours = texts.map((text) => attempt(() => splitNamedOptions(sourced(text, origin)).map((item) => item.text)));
  expect(differences(questions, ask(f2b, questions), ours)).toEqual([]);
});

test('tags', (context) => {
  const f2b = checkout(context);
  const names = ['a', 'b', 'a-b', 'a?family=inet6', 'd', 'b?family=inet6', 'HOST'];
  const questions = Array.from({ length: 120 * effort }, () => {
    const tags = names.flatMap((name, index) => {
      const others = names.slice(index + 1).map((other) => `<${other}>`);
      return random() < 0.3
        ? []
        : [[name, pieces(4, [...others, 'x', '<a-', '<a-<d>>', '<', '>', ' ', '\n', '<no>', `<${name}>`])]];
    });
    const ignore = random() < 0.3 ? [oneOf(random, names)] : [];
    return { ask: 'tags', tags: Object.fromEntries(tags), ignore, conditional: oneOf(random, ['', 'family=inet6']) };
  });
  const ours = questions.map(({ tags, ignore, conditional }) =>
    attempt(() => {
      const values = Object.entries(tags).map(([name, text]): [string, ReturnType<typeof sourced>] => [
        name,
        sourced(String(text), origin),
      ]);
      const rules = { ignore: new Set(ignore), ...(conditional && { conditional }) };
      return Object.fromEntries([...substituteTags(new Map(values), rules)].map(([name, value]) => [name, value.text]));
    }),
  );
  expect(differences(questions, ask(f2b, questions), ours)).toEqual([]);
});

test('text as Python writes it', (context) => {
  const f2b = checkout(context);
  const chars = [
    "'",
    '"',
    '\\',
    '\n',
    '\t',
    '\x00',
    '\x7f',
    'é',
    '\u2028',
    '\u00a0',
    '😀',
    'a',
    '\ufeff',
    '\u0300',
    '\u200b',
  ];
  const values = Array.from({ length: 300 * effort }, () => pieces(8, chars));
  const questions = values.map((value) => ({ ask: 'repr', value }));
  expect(
    differences(
      questions,
      ask(f2b, questions),
      values.map((value) => ({ value: pythonRepr(value) })),
    ),
  ).toEqual([]);
});
