/** Filters that share the lines of a log: each says what it would say alone, and a line is decoded once. */
import { expect, it } from 'vitest';
import { createFilter, type LineMode, type LineResult } from '../../shared/filter/filter.ts';
import type { Line } from '../../shared/ticket.ts';
import { randomOf } from '../random.ts';
import { portsWith, startTime, utc } from './kit.ts';

const encoder = new TextEncoder();
const random = randomOf(20_261_123);
const pick = (texts: readonly string[]) => texts[Math.floor(random() * texts.length)] ?? '';

const dates = ['2026-06-01T00:00:0', 'Jun  1 00:00:0', '[01/Jun/2026:00:00:0', '99:99:9', 'no date '];
const messages = [
  'bad 192.0.2.1',
  'worse 2001:db8::1',
  'fine',
  'bad é 192.0.2.2',
  `bad 192.0.2.3 ${'x'.repeat(3_000)}`,
];

function lineOf(index: number): Line {
  const bytes = encoder.encode(`${pick(dates)}${index % 10} ${pick(['', '- '])}${pick(messages)}\n`);
  return random() < 0.2 ? { bytes, time: startTime + index / 7 } : { bytes };
}

const confs = [
  { failregex: [{ regex: '^ ?(?:- )?bad (?:é )?<ADDR>' }], ignoreregex: [], findtime: 600 },
  { failregex: [{ regex: 'bad.* <ADDR>' }, { regex: 'worse <ADDR>$' }], ignoreregex: [{ regex: 'é' }], findtime: 5 },
  { failregex: [{ regex: '^ worse <ADDR>\\n ?fine' }], ignoreregex: [], findtime: 600, maxlines: 3 },
];

const shownOf = ({ status, failures, hits, ignoredBy, time, template, notice, trouble }: LineResult) => ({
  status,
  hits,
  ignoredBy,
  time,
  template,
  notice,
  trouble,
  failures: failures.map(({ id, matches, groups, time: at }) => ({ id, matches, groups, at })),
});

it.each<LineMode>(['operation', 'initial', 'unchecked'])('in mode %s', (mode) => {
  let decoded = 0;
  const decode = (bytes: Uint8Array) => {
    decoded += 1;
    return new TextDecoder().decode(bytes);
  };
  const alone = confs.map((conf) => createFilter(conf, portsWith({ zone: utc }), startTime));
  const [first = confs[0], ...others] = confs;
  if (first === undefined) throw new Error('no filter');
  const leader = createFilter(first, portsWith({ zone: utc, decode }), startTime);
  const shared = others.map((conf) => createFilter(conf, portsWith({ zone: utc, lines: leader.lines }), startTime));
  let failures = 0;
  for (let index = 0; index < 3_000; index += 1) {
    const line = lineOf(index);
    const now = startTime + index / 10;
    const expected = alone.map((filter) => shownOf(filter.process(line, now, mode)));
    expect([leader, ...shared].map((filter) => shownOf(filter.process(line, now, mode)))).toEqual(expected);
    failures += expected.filter(({ failures }) => failures.length > 0).length;
  }
  expect(failures).toBeGreaterThan(500);
  // those that are long or not ASCII, each once
  expect(decoded).toBeGreaterThan(500);
  expect(decoded).toBeLessThan(3_000);
});
