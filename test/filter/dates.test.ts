/** Dates: fail2ban's default formats, its guesses for what a line leaves out, and its rule of choosing among templates. */
import { describe, expect, it } from 'vitest';
import { secondsOf } from '../../shared/filter/calendar.ts';
import { DateDetector } from '../../shared/filter/datedetector.ts';
import { compilePattern, newBudget } from '../../shared/filter/regex/compile.ts';
import { Subject } from '../../shared/filter/regex/subject.ts';
import { zoneMinutes } from '../../shared/filter/timezones.ts';
import { centralEurope, re2 } from './kit.ts';

const kit = { compile: (regex: string, numbered: boolean) => compilePattern(regex, { re2, numbered }), year: 2026 };

/** 2026-03-10 12:00 in central Europe. */
const now = at(2026, 3, 10, 12, 0, 0) - 3_600;

function at(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  return secondsOf({ year, month, day, hour, minute, second });
}

function read(
  line: string,
  { datepattern = [], minutes = null }: { datepattern?: string[]; minutes?: number | null } = {},
) {
  const found = new DateDetector(datepattern, kit).find(Subject.ofText(line), now, newBudget());
  if (found === null) return null;
  return found.template.read(found.match, { now, zone: centralEurope, defaultMinutes: minutes });
}

describe('the default formats', () => {
  it.each([
    ['2026-01-23 21:59:59', at(2026, 1, 23, 20, 59, 59)],
    ['2026-07-23T21:59:59.981746 x', at(2026, 7, 23, 19, 59, 59)],
    ['2026-07-23T21:59:59.981746+00:00 x', at(2026, 7, 23, 21, 59, 59)],
    ['2026/01/23  8:59:59,1 -0130', at(2026, 1, 23, 10, 29, 59)],
    ['Jan 23 21:59:59 host', at(2026, 1, 23, 20, 59, 59)],
    ['Fri Jan  9 21:59:59.011 2026', at(2026, 1, 9, 20, 59, 59)],
    ['Jan 23 2026 21:59:59', at(2026, 1, 23, 20, 59, 59)],
    ['23/01/26 21:59:59', at(2026, 1, 23, 20, 59, 59)],
    ['1.2.3.4 - - [23/Jan/2026:21:59:59 +0200] "GET /"', at(2026, 1, 23, 19, 59, 59)],
    ['01/23/2026:21:59:59', at(2026, 1, 23, 20, 59, 59)],
    ['01-23-2026 21:59:59.252', at(2026, 1, 23, 20, 59, 59)],
    ['1769205599.250 x', 1_769_205_599.25],
    ['[1769205599] x', 1_769_205_599],
    ['type=USER msg=audit(1769205599.123:42)', 1_769_205_599.123],
    ['11:59:59 x', at(2026, 3, 10, 10, 59, 59)],
    ['<01/23/26@21:59:59> x', at(2026, 1, 23, 20, 59, 59)],
    ['260123 21:59:59 x', at(2026, 1, 23, 20, 59, 59)],
    ['Jan 23, 2026 9:59:59 PM', at(2026, 1, 23, 20, 59, 59)],
    ['Jan 23, 2026 12:59:59 AM', at(2026, 1, 22, 23, 59, 59)],
    ['Jan-23-26 21:59:59', at(2026, 1, 23, 20, 59, 59)],
    ['20260123T215959Z', at(2026, 1, 23, 21, 59, 59)],
    ['PDT Jan 23 21:59:59', at(2026, 1, 24, 4, 59, 59)],
    ['@4000000050d506482d1f4a7c x', 0x50d50648],
  ])('%s', (line, time) => {
    expect(read(line)).toBe(time);
  });
});

describe('what a line leaves out', () => {
  it('takes last year for a day more than a day ahead', () => {
    expect(read('Mar 11 11:59:59 host')).toBe(at(2026, 3, 11, 10, 59, 59));
    expect(read('Mar 11 12:00:01 host')).toBe(at(2025, 3, 11, 11, 0, 1));
  });

  it('takes yesterday for an hour that is still to come', () => {
    expect(read('12:00:01 x')).toBe(at(2026, 3, 9, 11, 0, 1));
  });

  it('has no date for a day that is none, and an error for a zone that nobody knows', () => {
    expect(read('2026-02-30 21:59:59')).toBe('invalid');
    expect(read('2026-02-20 21:59:61')).toBe('invalid');
    expect(read('QQQ Jan 23 21:59:59')).toBe('error');
  });

  it('takes the zone of the line before logtimezone before the host', () => {
    expect(read('2026-01-23 21:59:59', { minutes: -240 })).toBe(at(2026, 1, 24, 1, 59, 59));
    expect(read('2026-01-23 21:59:59+0100', { minutes: -240 })).toBe(at(2026, 1, 23, 20, 59, 59));
  });
});

describe('zones', () => {
  it.each([
    ['UTC', 0],
    ['UTC+0230', 150],
    ['-04:30', -270],
    ['CEST', 120],
    ['Z', 0],
    ['NPT', 345],
    ['Europe/Paris', 'unreadable'],
    ['XYZ', 'unknown'],
  ])('%s', (zone, minutes) => {
    expect(zoneMinutes(zone)).toBe(minutes);
  });
});

describe('datepattern', () => {
  it.each([
    ['^%Y-%m-%d %H:%M', '2026-01-23 21:59', at(2026, 1, 23, 20, 59, 0)],
    ['%Y-%j %H', 'x 2026-023 21', at(2026, 1, 23, 20, 0, 0)],
    ['%Y %W %a %H', '2026 03 Fri 21', at(2026, 1, 23, 20, 0, 0)],
    ['\\[{EPOCH}\\]', 'x [1769205599] y', 1_769_205_599],
    ['LEPOCH', '1769205599123 y', 1_769_205_599.123],
    ['LEPOCH', '1769205599١٢٣ y', 1_769_205_599.123],
    ['^\\[{DATE}\\]', '[2026-01-23 21:59:59] x', at(2026, 1, 23, 20, 59, 59)],
    ['{^LN-BEG}', '[23/Jan/2026:21:59:59 +0200]', at(2026, 1, 23, 19, 59, 59)],
    ['**%H:%M:%S**', 'x11:59:59y', at(2026, 3, 10, 10, 59, 59)],
  ])('%s', (pattern, line, time) => {
    expect(read(line, { datepattern: [pattern] })).toBe(time);
  });

  it('keeps dates inside the line out where it is bound to the begin', () => {
    expect(read('GET /?2026-01-23 21:59:59', { datepattern: ['{^LN-BEG}'] })).toBe(null);
  });

  it.each([['%Y-%q'], ['100%'], ['(%Y'], ['%Y %Y']])('refuses %j', (pattern) => {
    expect(() => new DateDetector([pattern], kit)).toThrow(/datepattern/);
  });

  it('refuses a pattern that stands twice', () => {
    expect(() => new DateDetector(['%Y', '%Y'], kit)).toThrow(/stands twice/);
  });
});

describe('choosing among templates', () => {
  it('does not take a date out of the message once it knows where dates stand', () => {
    const detector = new DateDetector([], kit);
    const place = (line: string) => {
      const found = detector.find(Subject.ofText(line), now, newBudget());
      return found === null ? null : line.slice(found.start, found.end);
    };
    expect(place('1.2.3.4 - - [23/Jan/2026:21:59:59 +0200] "GET /"')).toBe('23/Jan/2026:21:59:59 +0200');
    expect(place('1.2.3.4 - 2026-01-01 00:00:00 [23/Jan/2026:21:59:59 +0200] "GET /"')).toBe('2026-01-01 00:00:00');
    expect(place('1.2.3.4 - - [23/Jan/2026:22:59:59 +0200] "GET /2026-01-01 00:00:00"')).toBe(
      '23/Jan/2026:22:59:59 +0200',
    );
  });

  it('brings the template that hits to the front', () => {
    const detector = new DateDetector([], kit);
    for (let line = 0; line < 3; line += 1)
      detector.find(Subject.ofText('1.2.3.4 - - [23/Jan/2026:21:59:59 +0200] "GET /"'), now, newBudget());
    const [first] = detector.templates;
    expect(first?.hits).toBe(3);
    expect(first?.name).toContain('MON');
  });
});
