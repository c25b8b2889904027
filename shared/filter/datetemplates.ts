/** Date templates: a pattern made ready to find a date and to read it; and fail2ban's default list of them. */
import { EdgebanError } from '../errors.ts';
import {
  boundExpression,
  type DateExpression,
  hasOwnGroup,
  lineBeginMark,
  translateDatePattern,
  unboundPattern,
} from './datepattern.ts';
import { asciiDigits, type DateContext, type DateResult, dateValue } from './datevalue.ts';
import type { Pattern, PatternMatch } from './regex/pattern.ts';

/** Compiles a date's Python regex; `numbered` keeps unnamed groups. */
export type CompileDate = (regex: string, numbered: boolean) => Pattern;

/** One way to find and read a date. */
export interface DateTemplate extends DateExpression {
  /** What it was written as; null for the built-in kinds, which have only a name. */
  readonly source: string | null;
  /** How much a hit of it counts against others: the default list prefers dates at the line's begin. */
  readonly weight: number;
  /** Compiled when it is first asked for: most logs never need more than the first few. */
  pattern(): Pattern;
  read(match: Pick<PatternMatch, 'groups'>, context: DateContext): DateResult;
}

/** What templates are made with: the regex engine and the present year. */
export interface TemplateKit {
  readonly compile: CompileDate;
  readonly year: number;
}

const clock = '%H:%M:%S';
const looseClock = '%k:%M:%S';
const fraction = String.raw`(?:\.%f)?`;
const anyFraction = '(?:[.,]%f)?';
const offset = String.raw`(?:\s*%z)?`;
const gap = '(?:T|  ?)';
const eitherDay = '(?:%a )?%b %d';
const separated = (marks: string, a: string, b: string) => `${a}(?P<_sep>[${marks}])${b}(?P=_sep)`;
const syslog = `${eitherDay} ${looseClock}${fraction}(?: %ExY)?`;

/** fail2ban's default formats, in the order in which they are tried. */
const defaultPatterns: readonly string[] = [
  `${separated('-/.', '%ExY', '%m')}%d${gap}${clock}${anyFraction}${offset}`, // ISO 8601
  syslog,
  `${eitherDay} %ExY ${looseClock}${fraction}`, // asctime
  `${separated('-/', '%d', '%m')}(?:%ExY|%Exy) ${looseClock}`, // 23/01/2005
  `${separated('-/', '%d', '%b')}%ExY[ :]?${clock}${fraction}(?: %z)?`, // Apache, named
  `%m/%d/%ExY:${clock}`, // CPanel
  `%m-%d-%ExY ${looseClock}${fraction}`,
  'EPOCH',
  `${lineBeginMark}${clock}`,
  `^<%m/%d/%Exy@${clock}>`,
  `%Exy%Exm%Exd  ?${clock}`, // MySQL
  '%b %d, %ExY %I:%M:%S %p', // Tomcat
  `^%b-%d-%Exy ${looseClock}`, // ASSP
  `%ExY%Exm%Exd${gap}%ExH%ExM%ExS${anyFraction}${offset}`,
  `(?:%Z )?${syslog}`, // monit
  `(?:%z )?${syslog}`,
  'TAI64N',
];

/** The 17 default templates as they are, in order. */
function plainDefaults(kit: TemplateKit): DateTemplate[] {
  return defaultPatterns.map((pattern) => makeTemplate(pattern, kit));
}

/** The whole default list: first the copies bound to the line's begin, which weigh more, then the plain ones. */
export function defaultTemplates(kit: TemplateKit): DateTemplate[] {
  const plain = plainDefaults(kit);
  const free = plain.filter(({ name }) => !name.startsWith(lineBeginMark) && !name.startsWith('^'));
  const bound = free.map((one) => ({ ...makeTemplate(lineBeginMark + (one.source ?? one.name), kit), weight: 100 }));
  return [...bound, ...plain];
}

/** The default templates set into a pattern that has `{DATE}` where the date stands. */
export function framedDefaults(frame: string, kit: TemplateKit): DateTemplate[] {
  const inside = (text: string) => frame.replace(/(?<!\\)\{DATE\}/gi, () => unboundPattern(text));
  return plainDefaults(kit).map((template) => makeTemplate(inside(template.source ?? template.name), kit));
}

/** Any one pattern of a `datepattern`, the built-in kinds by their names. */
export function makeTemplate(pattern: string, kit: TemplateKit): DateTemplate {
  const key = pattern.includes('%') ? pattern : pattern.toUpperCase();
  if (key.includes('EPOCH') && /(?<!\\)\{L?EPOCH\}/i.test(pattern))
    return framedEpoch(pattern, key.includes('LEPOCH'), kit);
  const kind = key.replace(/^(?:\{\^LN-BEG\}|\^)/, '');
  const begin = kind === key ? 'none' : 'line';
  if (kind === 'EPOCH' || kind === 'LEPOCH') return epochTemplate(begin, kind === 'LEPOCH', kit);
  if (kind === 'TAI64N') return tai64nTemplate(begin, kit);
  const expression = translateDatePattern(pattern, kit.year);
  return template(expression, pattern, kit, (match, context) => dateValue(match.groups, context));
}

function template(
  expression: DateExpression,
  source: string | null,
  kit: TemplateKit,
  read: DateTemplate['read'],
): DateTemplate {
  let pattern: Pattern | null = null;
  return {
    ...expression,
    source,
    weight: 1,
    pattern: () => {
      pattern ??= compiled(expression, kit);
      return pattern;
    },
    read,
  };
}

function compiled(expression: DateExpression, kit: TemplateKit): Pattern {
  try {
    return kit.compile(expression.regex, expression.dateGroup === 1);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const message = `datepattern ${JSON.stringify(expression.name)}: ${cause.message}`;
    throw new EdgebanError('ERR_FILTER_DATEPATTERN', message, { cause });
  }
}

const epochDigits = String.raw`\d{10,11}\b(?:\.\d{3,6})?`;
/** Seconds, milliseconds or microseconds. */
const longEpochDigits = String.raw`\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?`;

/** Unix time at the line's begin, in `[…]` there, or in SELinux's `audit(…)`. */
function epochTemplate(begin: 'none' | 'line', long: boolean, kit: TemplateKit): DateTemplate {
  const digits = long ? longEpochDigits : epochDigits;
  const free = String.raw`(?:^|(?<=^\[)|(?<=\baudit\())${epochGroup(digits)}`;
  const name = long ? 'LongEpoch' : 'Epoch';
  const expression = boundExpression(begin === 'line' ? epochGroup(digits) : free, name, begin, true);
  return template(expression, null, kit, (match) => epochValue(match.groups[epoch], long));
}

/** `{EPOCH}` inside a pattern: the pattern's own group is what is cut out, the next one the number. */
function framedEpoch(pattern: string, long: boolean, kit: TemplateKit): DateTemplate {
  const digits = epochGroup(long ? longEpochDigits : epochDigits);
  const inner = pattern.replace(/(?<!\\)\{L?EPOCH\}/i, () => digits);
  const expression = boundExpression(hasOwnGroup(pattern) ? inner : `(${inner})`, pattern, 'word', true);
  return template(expression, null, kit, (match) => epochValue(match.groups[epoch], long));
}

const epoch = '_epoch';

function epochGroup(digits: string): string {
  return `(?P<${epoch}>${digits})`;
}

function epochValue(text: string | undefined, long: boolean): DateResult {
  if (text === undefined) return 'error';
  const value = Number(asciiDigits(text));
  if (Number.isNaN(value)) return 'error';
  if (!long || text.length < 13) return value;
  return text.length >= 16 && !text.includes('.') ? value / 1_000_000 : value / 1_000;
}

/** `@` and 24 hex digits, of which 15 are the seconds. */
function tai64nTemplate(begin: 'none' | 'line', kit: TemplateKit): DateTemplate {
  const expression = boundExpression('@[0-9a-f]{24}', 'TAI64N', begin, true);
  return template(expression, null, kit, (match) => {
    const seconds = Number.parseInt(match.groups[expression.dateGroup]?.slice(2, 17) ?? '', 16);
    return Number.isNaN(seconds) ? 'error' : seconds;
  });
}
