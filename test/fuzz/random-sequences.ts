/** Sequences at random: a filter, how it is asked, and the lines of a log whose sessions are mixed. */
import { datePatterns, dateText, type Random } from '../filter/random-dates.ts';
import { generatedLines } from './generated-lines.ts';
import type { Conf, FuzzLine, Sequence } from './oracle.ts';
import { asLogtype, bytesOfLine, changedLine } from './random-lines.ts';
import type { Variant } from './variants.ts';

export const lines_per_sequence = 30;
/** The corpus' own day, and the year of our samples. */
const days = [1_124_013_600, 1_124_013_600, 1_795_388_747, 1_780_272_000.25];

const plainLines = [
  'DATE host app[1]: login failed for root from 192.0.2.1',
  'DATE [error] client 192.0.2.1 denied',
  '192.0.2.1 - - [DATE] "GET / HTTP/1.1" 401 12',
  'DATE from 2001:db8::1',
  'x DATE from example.com',
  'DATE 192.0.2.1 DATE',
];
const dateConf = { failregex: ['^(?P<head>.*?)(?:from |client |^|" )<HOST>(?P<rest>.*)$'], ignoreregex: [] };

/** `judged` says what may be put on top of a filter's conf: other dates, other numbers of lines. */
export function randomSequence(variant: Variant, conf: Conf, random: Random): Sequence {
  const dates = random.next() < 0.12;
  const lines = dates ? plainLines : linesFor(variant, conf, random);
  return {
    conf: changedConf(dates ? dateConf : conf, dates, random),
    ...manner(random),
    lines: linesOf(lines, variant, random),
  };
}

/** Of the filter's own logs, or such as its regexes ask for. */
function linesFor({ lines }: Variant, conf: Conf, random: Random): readonly string[] {
  if (lines.length > 0 && random.next() < 0.8) return lines;
  const generated = generatedLines(conf, random);
  return generated.length === 0 ? plainLines : generated;
}

function manner({ pick, next }: Random) {
  return {
    all: next() < 0.4,
    usedns: pick(['warn', 'warn', 'raw', 'no', 'yes'] as const),
    mode: pick(['unchecked', 'unchecked', 'operation', 'initial'] as const),
    findtime: pick([600, 86_400, 1_000_000_000]),
  };
}

function changedConf(conf: Conf, dates: boolean, { pick, next, int }: Random): Conf {
  const datepattern = next() < (dates ? 0.7 : 0.08) ? { datepattern: pick(datePatterns) } : {};
  const logtimezone = next() < (dates ? 0.4 : 0.05) ? { logtimezone: pick(['UTC', 'UTC+0230', 'CEST', '-0400']) } : {};
  const maxlines = next() < 0.08 ? { maxlines: int(1, 5) } : {};
  return { ...conf, ...datepattern, ...logtimezone, ...maxlines };
}

/** Pieces of the log, two at a time, with the lines of each in their order. */
function linesOf(lines: readonly string[], variant: Variant, random: Random): FuzzLine[] {
  const { int, pick, next } = random;
  const piece = () => {
    const start = int(0, lines.length - 1);
    return lines.slice(start, start + int(2, 8));
  };
  const open = [piece(), piece()];
  const taken: FuzzLine[] = [];
  let now = pick(days);
  while (taken.length < lines_per_sequence) {
    const from = int(0, 1);
    const [line = '', ...rest] = open[from] ?? [];
    open[from] = rest.length === 0 ? piece() : rest;
    if (next() < 0.2) now += pick([0, 0.5, 1, 5]);
    taken.push(fuzzLine(line, now, variant.options['logtype'], random));
  }
  return taken;
}

function fuzzLine(line: string, now: number, logtype: string | undefined, random: Random): FuzzLine {
  const dated = asLogtype(
    line.replaceAll('DATE', () => dateText(random)),
    logtype,
  );
  const text = bytesOfLine(changedLine(dated, random), random);
  const isJournal = logtype === 'journal' ? random.next() < 0.9 : random.next() < 0.02;
  return isJournal ? { text, now, time: now - random.pick([0, 0.25, 3, 700, -100]) } : { text, now };
}
