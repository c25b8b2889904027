/** The `%` fields of a datepattern: what each one matches and what fail2ban calls it. */

/** One field: its Python regex and the word that stands for it in a template's name. */
export interface DateField {
  readonly regex: string;
  readonly label: string;
}

export const monthNames = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
export const dayNames = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
export const shortMonths = monthNames.map((name) => name.slice(0, 3));
export const shortDays = dayNames.map((name) => name.slice(0, 3));

/** A zone's abbreviation: one letter, or three to five. */
const abbreviation = '[A-Z](?:[A-Z]{2,4})?';
const offset = String.raw`[+-][01]\d(?::?\d{2})?`;

const group = (name: string, regex: string) => `(?P<${name}>${regex})`;
/** Longest first, as Python's strptime tries names. */
const oneOf = (names: readonly string[]) => names.toSorted((a, b) => b.length - a.length).join('|');

const names = {
  a: group('a', oneOf(shortDays)),
  A: group('A', oneOf(dayNames)),
  b: group('b', oneOf(shortMonths)),
  B: group('B', oneOf(monthNames)),
  p: group('p', 'am|pm'),
};

/** Python's own strptime fields, where fail2ban has not narrowed them. */
const plain = {
  d: group('d', String.raw`3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]`),
  m: group('m', '1[0-2]|0[1-9]|[1-9]'),
  H: group('H', String.raw`2[0-3]|[0-1]\d|\d`),
  M: group('M', String.raw`[0-5]\d|\d`),
  S: group('S', String.raw`6[0-1]|[0-5]\d|\d`),
  y: group('y', String.raw`\d\d`),
  Y: group('Y', String.raw`\d\d\d\d`),
};
const plainDate = `${plain.m}/${plain.d}/${plain.y}`;
const plainClock = `${plain.H}:${plain.M}:${plain.S}`;

const labels: Readonly<Record<string, string>> = {
  a: 'DAY',
  A: 'DAYNAME',
  b: 'MON',
  B: 'MONTH',
  d: 'Day',
  f: 'Microseconds',
  H: '24hour',
  I: '12hour',
  j: 'Yearday',
  m: 'Month',
  M: 'Minute',
  p: 'AMPM',
  S: 'Second',
  U: 'Yearweek',
  w: 'Weekday',
  W: 'Yearweek',
  y: 'Year2',
  Y: 'Year',
  z: 'Zone offset',
  Z: 'Zone name',
  '%': '%',
};

/** Fields that do not depend on the present year. */
const fixed: Readonly<Record<string, string>> = {
  ...names,
  '%': '%',
  c: String.raw`${names.a}\s+${names.b}\s+${plain.d}\s+${plainClock}\s+${plain.Y}`,
  x: plainDate,
  X: plainClock,
  d: group('d', String.raw`[1-2]\d|[0 ]?[1-9]|3[0-1]`),
  f: group('f', '[0-9]{1,6}'),
  G: group('G', String.raw`\d\d\d\d`),
  H: group('H', String.raw`[0-1]?\d|2[0-3]`),
  I: group('I', '1[0-2]|0[1-9]|[1-9]'),
  j: group('j', String.raw`36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]`),
  k: ` ?${group('H', String.raw`[0-2]?\d`)}`,
  l: ` ?${group('I', String.raw`1?\d`)}`,
  m: group('m', '0?[1-9]|1[0-2]'),
  M: group('M', String.raw`[0-5]?\d`),
  S: group('S', String.raw`[0-5]?\d|6[0-1]`),
  u: group('u', '[1-7]'),
  U: group('U', String.raw`5[0-3]|[0-4]\d|\d`),
  V: group('V', String.raw`5[0-3]|0[1-9]|[1-4]\d|\d`),
  w: group('w', '[0-6]'),
  W: group('W', String.raw`5[0-3]|[0-4]\d|\d`),
  y: plain.y,
  Y: group('Y', String.raw`\d{4}`),
  z: group('z', `Z|UTC|GMT|${offset}`),
  Z: group('Z', 'Z|[A-Z]{3,5}'),
  Exd: group('d', String.raw`[1-2]\d|0[1-9]|3[0-1]`),
  ExH: group('H', String.raw`[0-1]\d|2[0-3]`),
  Exk: ` ?${group('H', String.raw`[0-1]?\d|2[0-3]`)}`,
  Exl: ` ?${group('I', String.raw`1[0-2]|\d`)}`,
  Exm: group('m', '0[1-9]|1[0-2]'),
  ExM: group('M', String.raw`[0-5]\d`),
  ExS: group('S', String.raw`[0-5]\d|6[0-1]`),
  Exy: group('y', String.raw`\d{2}`),
  Exz: group('z', `(?:${abbreviation})?${offset}|${abbreviation}`),
  ExZ: group('Z', abbreviation),
};

/**
 * The field called `name` (`Y`, `ExY`, …) or null. `%ExY` takes the decades from 2000 to three years ahead of `year`,
 * so that a number somewhere in a line is not read as a year.
 */
export function dateField(name: string, year: number): DateField | null {
  if (name === 'ExY') return { regex: group('Y', String.raw`(?:${decades(year).join('|')})\d`), label: labelOf(name) };
  const regex = Object.hasOwn(fixed, name) ? fixed[name] : undefined;
  return regex === undefined ? null : { regex, label: labelOf(name) };
}

function labelOf(name: string): string {
  const base = name.startsWith('Ex') ? labels[name.slice(2)] : undefined;
  if (base !== undefined) return `Ex${base}`;
  return labels[name] ?? `%${name}`;
}

function decades(year: number): string[] {
  const last = Math.floor((year + 3) / 10);
  const count = Math.max(1, last - 200 + 1);
  return Array.from({ length: count }, (_, index) => String(200 + index));
}
