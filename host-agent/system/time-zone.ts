/** The time zone of TZ where Node does not understand it as the C library does: a path, or a rule (POSIX). */
import { existsSync, realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';

/** A rule's changes in a year: to summer time and back, as UTC in milliseconds. */
type Changes = (year: number) => readonly [begin: number, end: number];

interface Rule {
  /** Milliseconds east of UTC. */
  readonly standard: number;
  readonly summer: { readonly offset: number; readonly changes: Changes } | null;
}

const zoneinfo = '/usr/share/zoneinfo';
const hour_ms = 3_600_000;
const day_ms = 24 * hour_ms;
/** Each side of a change is looked at so far from it. */
const near_ms = 60_000;
/** The C library's, for a rule that names summer time but not when it is. */
const usualChanges = 'M3.2.0,M11.1.0';

/**
 * Puts a zone that Node knows in the place of `env.TZ` (of the process: Node looks there), one that has the same time this
 * year and the next. `warn` is told if there is none, and then it is UTC.
 */
export function honourZone(env: NodeJS.ProcessEnv, year: number, warn: (text: string) => void): void {
  const given = env['TZ'] ?? '';
  if (given === '' || isKnown(given)) return;
  const word = given.replace(/^:/, '');
  // whose link or copy Node finds by itself
  if (word === '/etc/localtime') return void delete env['TZ'];
  env['TZ'] = nameOf(word) ?? zoneLike(ruleOf(word), env, year) ?? 'UTC';
  if (env['TZ'] !== 'UTC' || word === 'UTC') return;
  warn(`TZ=${given} is no time zone that edgeban knows: times are UTC; name one, such as TZ=Europe/Berlin`);
}

function isKnown(zone: string): boolean {
  try {
    return /^[A-Za-z]/.test(zone) && new Intl.DateTimeFormat('en', { timeZone: zone }) !== null;
  } catch {
    return false;
  }
}

/** Of a file of the time zone database. */
function nameOf(word: string): string | null {
  const file = isAbsolute(word) ? word : resolve(zoneinfo, word);
  if (!existsSync(file)) return null;
  const name = realpathSync(file)
    .replace(`${zoneinfo}/`, '')
    .replace(/^(?:posix|right)\//, '');
  return isKnown(name) ? name : null;
}

/** A zone that has the same offset right before and after each change. */
function zoneLike(rule: Rule | null, env: NodeJS.ProcessEnv, year: number): string | null {
  if (rule === null) return null;
  const wanted = samplesOf(rule, year);
  const fixed = Array.from({ length: 27 }, (_, i) => `Etc/GMT${i > 12 ? `+${i - 12 - 1}` : `-${14 - i}`}`);
  const zones =
    rule.summer === null ? [...fixed, ...Intl.supportedValuesOf('timeZone')] : Intl.supportedValuesOf('timeZone');
  return zones.find((zone) => isKnown(zone) && follows(zone, wanted, env)) ?? null;
}

type Samples = readonly (readonly [at: number, offset: number])[];

function samplesOf({ standard, summer }: Rule, year: number): Samples {
  if (summer === null) return Array.from({ length: 8 }, (_, quarter) => [Date.UTC(year, quarter * 3, 10), standard]);
  return [year, year + 1].flatMap((each) => {
    const [begin, end] = summer.changes(each);
    return [
      ...[begin - near_ms, end + near_ms].map((at) => [at, standard] as const),
      ...[begin + near_ms, end - near_ms].map((at) => [at, summer.offset] as const),
    ];
  });
}

function follows(zone: string, wanted: Samples, env: NodeJS.ProcessEnv): boolean {
  env['TZ'] = zone;
  return wanted.every(([at, offset]) => -new Date(at).getTimezoneOffset() * 60_000 === offset);
}

const name = '(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)';
const offset = '([+-]?\\d{1,2}(?::\\d{1,2}){0,2})';
const ruleForm = new RegExp(`^${name}${offset}(?:${name}${offset}?(?:,(.+))?)?$`);
const hasSummer = new RegExp(`^${name}${offset}${name}`);

/** Null if it is no rule. */
function ruleOf(word: string): Rule | null {
  const match = ruleForm.exec(word);
  if (match === null) return null;
  const standard = -duration(match[1] ?? '0');
  if (!hasSummer.test(word)) return { standard, summer: null };
  const summer = match[2] === undefined ? standard + hour_ms : -duration(match[2]);
  const [begin, end, ...more] = (match[3] ?? usualChanges).split(',').map(changeOf);
  if (begin === undefined || end === undefined || begin === null || end === null || more.length > 0) return null;
  return { standard, summer: { offset: summer, changes: (year) => [begin(year) - standard, end(year) - summer] } };
}

function duration(text: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = text.replace(/^[+-]/, '').split(':').map(Number);
  const size = (hours * 60 + minutes) * 60_000 + seconds * 1_000;
  return text.startsWith('-') ? -size : size;
}

/** When on the local clock, as if that were UTC: `M3.5.0/2`, `J60`, `59`. */
function changeOf(text: string): ((year: number) => number) | null {
  const match = /^(?:M(\d{1,2})\.([1-5])\.([0-6])|(J?)(\d{1,3}))(?:\/([+-]?\d{1,3}(?::\d{1,2}){0,2}))?$/.exec(text);
  if (match === null) return null;
  const [, month, week, weekday, julian, day] = match;
  const time = duration(match[6] ?? '2');
  if (month !== undefined) return (year) => weekdayOf(year, Number(month), Number(week), Number(weekday)) + time;
  return (year) => dayOf(year, Number(day), julian === 'J') + time;
}

/** The fifth is the last. */
function weekdayOf(year: number, month: number, week: number, weekday: number): number {
  const first = Date.UTC(year, month - 1, 1);
  const inWeek = (weekday - new Date(first).getUTCDay() + 7) % 7;
  const at = first + (inWeek + (week - 1) * 7) * day_ms;
  return at < Date.UTC(year, month, 1) ? at : at - 7 * day_ms;
}

/** Days from 0, or from 1 without the 29th of February. */
function dayOf(year: number, day: number, isJulian: boolean): number {
  const isLeap = Date.UTC(year, 1, 29) < Date.UTC(year, 2, 1);
  const days = isJulian ? day - 1 + (isLeap && day > 59 ? 1 : 0) : day;
  return Date.UTC(year, 0, 1) + days * day_ms;
}
