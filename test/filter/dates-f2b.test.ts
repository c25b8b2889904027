/** Mutated dates in mutated lines are found and read as fail2ban's own detector does it; it answers itself, at test time. */
import { execFileSync } from 'node:child_process';
import { beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { DateDetector } from '../../shared/filter/datedetector.ts';
import { compilePattern, newBudget } from '../../shared/filter/regex/compile.ts';
import { Subject } from '../../shared/filter/regex/subject.ts';
import { zoneMinutes } from '../../shared/filter/timezones.ts';
import { checkout } from '../config/oracle.ts';
import { centralEurope, re2 } from './kit.ts';
import { datePatterns, dateText, type Random, randomFrom } from './random-dates.ts';

const dateSchema = z.tuple([z.number(), z.number(), z.union([z.number(), z.null(), z.literal('error')]), z.string()]);
const answerSchema = z.union([z.object({ error: z.string() }), z.object({ dates: z.array(dateSchema.nullable()) })]);
type FoundDate = z.infer<typeof dateSchema> | null;
type Answer = z.infer<typeof answerSchema>;

interface Question {
  readonly datepattern: string | null;
  readonly logtimezone: string | null;
  readonly now: number;
  readonly lines: readonly string[];
}

const words = [
  'host sshd[1]: Failed',
  '[',
  '(',
  'x=1',
  '- -',
  '"GET / HTTP/1.1"',
  '192.0.2.1',
  'ſep',
  'é',
  '12:00',
  ' ',
];

function lineText(random: Random): string {
  const { int, pick, next } = random;
  const some = (count: number) => Array.from({ length: count }, () => pick(words));
  const parts = [...some(int(0, 2)), next() < 0.9 ? dateText(random) : pick(words), ...some(int(0, 3))];
  if (next() < 0.15) parts.push(dateText(random));
  const text = parts.join(pick([' ', ' ', '']));
  if (next() > 0.1) return text;
  const at = int(0, text.length);
  return text.slice(0, at) + pick(['x', '0', ' ', '\u2028']) + text.slice(at + int(0, 1));
}

function question(random: Random): Question {
  const { pick, next } = random;
  return {
    datepattern: next() < 0.5 ? null : pick(datePatterns),
    logtimezone: pick([null, null, 'UTC', 'UTC+0230', 'CEST', '-0400']),
    now: pick([1_124_013_600, 1_780_272_000, 1_764_000_000.5, 1_772_350_000, 1_735_689_500]),
    lines: Array.from({ length: 40 }, () => lineText(random)),
  };
}

function answer({ datepattern, logtimezone, now, lines }: Question): Answer {
  const detector = detectorOf(datepattern);
  if (detector === null) return { error: '' };
  const minutes = logtimezone === null ? null : Number(zoneMinutes(logtimezone));
  const dates = lines.map((line): FoundDate => {
    const found = detector.find(Subject.ofText(line), now, newBudget());
    if (found === null) return null;
    const time = found.template.read(found.match, { now, zone: centralEurope, defaultMinutes: minutes });
    return [found.start, found.end, time === 'invalid' ? null : time, found.template.name];
  });
  return { dates };
}

function detectorOf(datepattern: string | null): DateDetector | null {
  const compile = (regex: string, numbered: boolean) => compilePattern(regex, { re2, numbered });
  try {
    return new DateDetector(datepattern?.split('\n') ?? [], { compile, year: 2026 });
  } catch {
    return null;
  }
}

/** fail2ban finds a pattern that cannot be compiled with the first line only; a group without a part stands at -1. */
function told(answer: Answer, lines: readonly string[]): Answer {
  if ('error' in answer) return { error: '' };
  return {
    dates: answer.dates.map((date, index) =>
      date?.[0] === -1 ? [end(lines[index]), end(lines[index]), date[2], date[3]] : date,
    ),
  };
}

function end(line = ''): number {
  return Math.max(0, line.length - 1);
}

let checkoutPath = '';
beforeEach((context) => {
  checkoutPath = checkout(context);
});

it.each([1, 2])('finds and reads the dates of seed %i as fail2ban does', (seed) => {
  const random = randomFrom(seed);
  const questions = Array.from({ length: 60 }, () => question(random));
  const theirs = ask(checkoutPath, questions);
  const dated = theirs.flatMap((one) => ('dates' in one ? one.dates.filter((date) => date !== null) : []));
  expect(dated.length).toBeGreaterThan(500);
  for (const [index, asked] of questions.entries()) {
    const expected = told(theirs[index] ?? { error: 'no answer' }, asked.lines);
    expect(answer(asked), JSON.stringify(asked)).toEqual(expected);
  }
});

function ask(path: string, questions: readonly Question[]): Answer[] {
  const program = new URL('./f2b-dates.py', import.meta.url).pathname;
  const input = questions.map((one) => JSON.stringify(one)).join('\n');
  const output = execFileSync('python3', [program, path], { input, maxBuffer: 1 << 26 }).toString();
  return output
    .trim()
    .split('\n')
    .map((line) => answerSchema.parse(JSON.parse(line)));
}
