/** Lines whose date is that of the line before, or nearly: those that are not searched are told as those that are. */
import { expect, it } from 'vitest';

import { createFilter, type Filter, type LineMode } from '../../shared/filter/filter.ts';
import type { Line } from '../../shared/ticket.ts';
import { portsWith, re2, startTime, utc } from './kit.ts';
import { type Random, randomFrom } from './random-dates.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);
const rounds = Number(process.env['FUZZ_SAME_DATES'] ?? 15);
const encoder = new TextEncoder();

const datepatterns = [
  '{^LN-BEG}',
  '{DEFAULT}',
  '{^LN-BEG}%ExY(?P<_sep>[-/.])%m(?P=_sep)%d[T ]%H:%M:%S(?:[.,]%f)?(?:\\s*%z)?\n^[^\\[]*\\[({DATE})\n{^LN-BEG}',
  '^[^\\[]*\\[({DATE})',
  '^(?P<host>[^\\[]*)\\[%d/%b/%Y:%H:%M:%S',
  '{^LN-BEG}%b %d %H:%M:%S(?: (?P<more>x+))?',
];
const begins = ['', '192.0.2.1 - - [', '192.0.2.1 - - [', 'host-a ', '['];
const dates = ['Jun  1 00:00:07', 'Jun 11 10:00:59', '01/Jun/2026:00:00:00 +0000', '2026-06-01T00:00:09', '1780000000'];
const changes = [...'0123456789 :/[]x+-é'];

/** A line like the one before: another second, another address in front, a character changed, or one quite different. */
function next(line: string, { int, pick, next: chance }: Random): string {
  if (chance() < 0.04) return `${pick(begins)}${pick(dates)}${pick([' ', '] ', 'x '])}bad 192.0.2.${int(1, 9)}`;
  if (chance() < 0.5) return line.replace(/(:\d\d:)\d\d/, (_, before: string) => `${before}${int(0, 6)}${int(0, 9)}`);
  if (chance() < 0.8)
    return line.replace(/^[\d.a-f:]+ - - \[/, () => `${pick(['198.51.100.7', '192.0.2.1', '2001:db8::7'])} - - [`);
  const at = int(0, line.length - 1);
  return line.slice(0, at) + pick(changes) + line.slice(at + int(0, 1));
}

const shown = (filter: Filter, line: Line, now: number, mode: LineMode) => {
  const { failures, time, template, notice, trouble, status } = filter.process(line, now, mode);
  return {
    status,
    time,
    template,
    notice,
    trouble,
    failures: failures.map(({ id, matches, time: at }) => ({ id, matches, at })),
  };
};

it.each<LineMode>(['operation', 'initial', 'unchecked'])('in mode %s', (mode) => {
  const random = randomFrom(seed);
  const { compile, encode } = re2;
  let same = 0;
  for (let round = 0; round < rounds; round += 1) {
    const conf = {
      failregex: [{ regex: '^<F-ID>.*</F-ID>bad ' }],
      ignoreregex: [],
      findtime: 600,
      datepattern: random.pick(datepatterns),
    };
    const quick = createFilter(conf, portsWith({ zone: utc }), startTime);
    const searching = createFilter(conf, portsWith({ zone: utc, re2: { compile, encode } }), startTime);
    let line = random.pick(['Jun  1 00:00:07 bad 192.0.2.1', '192.0.2.1 - - [01/Jun/2026:00:00:00 +0000] bad 1']);
    let now = startTime + random.int(-40_000, 40_000);
    for (let n = 0; n < 150; n += 1) {
      const before = line;
      line = next(line, random);
      if (random.next() < 0.02) now += random.int(0, 100);
      const given = { bytes: encoder.encode(line) };
      expect(shown(quick, given, now, mode), line).toEqual(shown(searching, given, now, mode));
      expect(quick.templates, line).toEqual(searching.templates);
      if (before.length === line.length) same += 1;
    }
  }
  expect(same).toBeGreaterThan(75 * rounds);
});
