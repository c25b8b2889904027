/** Dates and date patterns at random, in all the forms that logs have, some of them wrong. */
import { randomOf } from '../random.ts';

/** The same numbers and choices for the same seed; `int` includes both ends. */
export function randomFrom(seed: number) {
  const next = randomOf(seed);
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  const pick = <T>(values: readonly T[]): T => {
    const value = values[int(0, values.length - 1)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  };
  return { next, int, pick };
}
export type Random = ReturnType<typeof randomFrom>;

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'JUN', 'jul', 'Aug', 'Sep', 'Nov', 'Dec'];
const two = (value: number) => String(value).padStart(2, '0');

/** Times in October's doubled hour are left out: there the C library's answer depends on what it was asked before. */
export function dateText({ int, pick }: Random): string {
  const year = pick([2024, 2025, 2026, 2026, 2004, 1999, 2031]);
  const short = two(year % 100);
  const day = pick([two(int(1, 31)), String(int(1, 28)), ` ${int(1, 9)}`]);
  const digits = `${two(pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]))}`;
  const clock = `${two(int(3, 24))}:${two(int(0, 59))}:${two(int(0, 61))}`;
  const fraction = pick(['', '', '.5', '.123456', ',123']);
  const zone = pick(['', '', ' +0200', '-04:00', 'Z', ' UTC', ' CEST', ' +05', ' PDT']);
  const named = `${pick(['', 'Mon ', 'Sun '])}${pick(months)} ${day}`;
  const mark = pick(['-', '/', '.']);
  return pick([
    `${year}${mark}${digits}${pick([mark, '-'])}${two(int(1, 31))}${pick(['T', ' ', '  '])}${clock}${fraction}${zone}`,
    `${named} ${clock}${fraction}${pick(['', ` ${year}`])}`,
    `${named} ${year} ${clock}${fraction}`,
    `${two(int(1, 31))}${mark}${digits}${mark}${pick([String(year), short])} ${clock}`,
    `${two(int(1, 31))}${mark}${pick(months)}${mark}${year}${pick([' ', ':'])}${clock}${fraction}${zone}`,
    `${digits}/${two(int(1, 31))}/${year}:${clock}`,
    `${digits}-${two(int(1, 31))}-${year} ${clock}${fraction}`,
    `${pick(['', '[', 'audit('])}${int(1_600_000_000, 1_800_000_000)}${pick(['', '.123', '123', ']', ':4)'])}`,
    clock,
    `<${digits}/${two(int(1, 31))}/${short}@${clock}>`,
    `${short}${digits}${two(int(1, 31))} ${clock}`,
    `${pick(months)} ${day}, ${year} ${int(3, 12)}:05:06 ${pick(['AM', 'pm'])}`,
    `${pick(months)}-${two(int(1, 31))}-${short} ${clock}`,
    `${year}${digits}${two(int(1, 31))}${pick(['T', ' '])}${clock.replaceAll(':', '')}${fraction}${zone}`,
    `${pick(['PDT ', 'XYZ ', '+00:00 ', 'error '])}${named} ${clock}`,
    `@40000000${int(0x50000000, 0x6fffffff).toString(16)}00000000`,
  ]);
}

export const datePatterns = [
  ...[
    '{^LN-BEG}',
    '{DEFAULT}',
    '{NONE}',
    'EPOCH',
    'LEPOCH',
    '{^LN-BEG}EPOCH',
    'TAI64N',
    '^\\[{DATE}\\]',
    '{DATE} x',
    '\\[{EPOCH}\\]',
  ],
  ...[
    '^%Y-%m-%d %H:%M:%S',
    '%Y-%m-%dT%H:%M:%S%z',
    '{^LN-BEG}%b %d %H:%M:%S\n{^LN-BEG}',
    '%d/%b/%Y:%H:%M:%S %z',
    '{UNB}%H:%M:%S',
  ],
  ...[
    '%Exy%Exm%Exd %H:%M:%S\n%b %d %H:%M:%S',
    '**%H:%M:%S**',
    '%Y-%j %H:%M',
    '%Exz %b %d %H:%M:%S',
    '%b %d %I:%M:%S( %p)?',
    '%Q',
  ],
  ...['(?:%a )?%b (%d) %H:%M:%S', '%c', '%b %d\n%b %d', '%m %H', '{LEPOCH}', '%y-%m-%d', '(%Y', '^(%b %d) {DATE}'],
];
