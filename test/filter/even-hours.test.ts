/** Dates that are told by the hour of the one before: each as its own text alone is read, wherever a zone jumps or a guess turns. */
import { expect, it } from 'vitest';
import { type CivilTime, civilOf, type LocalZone, secondsOf } from '../../shared/filter/calendar.ts';
import { DateDetector } from '../../shared/filter/datedetector.ts';
import { LineDates } from '../../shared/filter/line-date.ts';
import { compilePattern, newBudget } from '../../shared/filter/regex/compile.ts';
import { Subject } from '../../shared/filter/regex/subject.ts';
import { zoneMinutes } from '../../shared/filter/timezones.ts';
import { re2, startTime, utc } from './kit.ts';
import { randomFrom } from './random-dates.ts';

const hour = 3_600;
const kit = {
  compile: (regex: string, numbered: boolean) => compilePattern(regex, { re2, numbered, alike: true }),
  year: 2026,
};
const two = (value: number) => String(value).padStart(2, '0');
const clockOf = ({ hour: h, minute, second }: CivilTime) => `${two(h)}:${two(minute)}:${two(second)}`;
const dateOf = (civil: CivilTime) => `${civil.year}-${two(civil.month)}-${two(civil.day)} ${clockOf(civil)}`;

/** Hours east of UTC before and after a change; what the clock shows twice or never is taken as before it. */
function zoneWith(change: number, before: number, after: number): LocalZone {
  const offsetAt = (time: number) => hour * (time < change ? before : after);
  const early = (wall: number) => wall - hour * before;
  return {
    offsetAt,
    toUnix: (civil) => {
      const wall = secondsOf(civil);
      const late = wall - hour * after;
      return early(wall) < change || late < change ? early(wall) : late;
    },
  };
}

/** Of a date with a zone of its own fail2ban compares Unix time with the wall's: a guess turns five hours ago here. */
const westward = zoneWith(0, -5, -5);

interface Reading {
  readonly zone: LocalZone;
  readonly datepattern: string;
  readonly logtimezone: string | null;
}

/** Reads the lines after each other; each must have the time that its date has alone. */
function check({ zone, datepattern, logtimezone }: Reading, lines: readonly string[], now: number): void {
  const dates = new LineDates({ datepattern, logtimezone, kit, zone });
  const detector = new DateDetector([datepattern], kit);
  const minutes = logtimezone === null ? null : zoneMinutes(logtimezone);
  if (typeof minutes === 'string') throw new Error(minutes);
  for (const line of lines) {
    const text = Subject.ofText(line);
    const found = detector.find(text, now, newBudget());
    const wanted = found?.template.read(found.match, { now, zone, defaultMinutes: minutes });
    const given = dates.find(text, now, 'unchecked', newBudget());
    expect(given === 'error' ? given : given.time, `${line} at ${now}`).toBe(
      wanted === 'invalid' ? null : (wanted ?? null),
    );
  }
}

it.each([
  ['Antarctica/Casey, at 0:01 by three hours', '2020-10-03T16:01:00Z', 8, 11],
  ['Antarctica/Casey, back', '2021-03-13T13:00:00Z', 11, 8],
  ['Lord Howe, by half an hour', '2026-10-03T15:30:00Z', 10.5, 11],
  ['Lord Howe, back', '2026-04-04T15:00:00Z', 11, 10.5],
  ['Apia, by a day', '2011-12-30T10:00:00Z', -10, 14],
  ['Kiritimati, by more than a day', '1994-12-31T10:40:00Z', -10 - 2 / 3, 14],
  ['Troll, by two hours', '2026-03-29T01:00:00Z', 0, 2],
  ['Troll, back', '2026-10-25T01:00:00Z', 2, 0],
])('around a change of %s', (_, at, before, after) => {
  const random = randomFrom(1);
  const change = Date.parse(at) / 1_000;
  const lines: string[] = [];
  for (let wall = change - 48 * hour; wall < change + 48 * hour; wall += hour) {
    const start = Math.floor(wall / hour) * hour;
    for (let n = 0; n < 12; n += 1) lines.push(`${dateOf(civilOf(start + random.int(0, hour - 1)))} x`);
    // in the first minutes too
    for (let n = 0; n < 4; n += 1) lines.push(`${dateOf(civilOf(start + random.int(0, 180)))} x`);
  }
  const zone = zoneWith(change, before, after);
  check({ zone, datepattern: '{^LN-BEG}%Y-%m-%d %H:%M:%S', logtimezone: null }, lines, startTime + 400 * 24 * hour);
});

it.each([
  ['the day', '{^LN-BEG}%H:%M:%S', clockOf],
  ['the year', '{^LN-BEG}%m-%d %H:%M:%S', (civil: CivilTime) => dateOf(civil).slice(5)],
])('where %s is guessed', (_, datepattern, textOf) => {
  const random = randomFrom(2);
  for (const logtimezone of [null, 'UTC', 'UTC-0500', 'UTC+0530', 'UTC-1130', 'UTC+1300']) {
    for (let round = 0; round < 40; round += 1) {
      const now = startTime + random.int(0, 48 * hour);
      const lines: string[] = [];
      for (let wall = now - 28 * hour; wall < now + 42 * hour; wall += hour) {
        const start = Math.floor(wall / hour) * hour;
        // the minute in which a guess turns, in zones of whole and of half hours
        const minute = start + ((Math.floor(now / 60) * 60 + random.pick([0, 1_800])) % hour);
        for (let n = 0; n < 3; n += 1) lines.push(`${textOf(civilOf(start + random.int(0, hour - 1)))} x`);
        for (let n = 0; n < 6; n += 1) lines.push(`${textOf(civilOf(minute + random.int(0, 59)))} x`);
      }
      check({ zone: random.pick([utc, westward]), datepattern, logtimezone }, lines, now);
    }
  }
});

it('where the digits are no numbers of minutes and seconds', () => {
  const texts = ['10:20:30', '10:21:60', '10:61:30', '10:२१:30', '10:22:31', '1:022:31', '10:1:301', '10:22:59'];
  const lines = texts.flatMap((one) => texts.map((other) => [`2026-05-01 ${one} x`, `2026-05-01 ${other} x`])).flat();
  const datepattern = '{^LN-BEG}%Y-%m-%d %H:%M:%S';
  check({ zone: utc, datepattern, logtimezone: null }, lines, startTime);
});
