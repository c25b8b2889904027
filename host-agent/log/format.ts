/** How a line of the log looks: fail2ban's format by default, or the one that logtarget asks for. */
import { parseNamedOptions } from '../../shared/config/options-syntax.ts';
import { EdgebanError } from '../../shared/errors.ts';

export const levels = {
  CRITICAL: 50,
  ERROR: 40,
  WARNING: 30,
  NOTICE: 25,
  INFO: 20,
  MSG: 18,
  DEBUG: 10,
  TRACEDEBUG: 7,
  HEAVYDEBUG: 5,
} as const;

export type Level = keyof typeof levels;

export const logLimits = {
  /** A message longer than this is cut, in UTF-16 units: attackers write much of it. */
  message_length_max: 8 * 1024,
  /** What waits for a log daemon that does not read, in bytes; what comes beyond that is lost, and counted. */
  waiting_bytes_max: 1024 * 1024,
  /** So many lines are written at once, at most. */
  together_max: 1_000,
} as const;

export interface Entry {
  readonly at: Date;
  readonly name: string;
  readonly pid: number;
  readonly level: string;
  readonly message: string;
}

/** An entry as one line, without its line end. */
export type Format = (entry: Entry) => string;

/** What stands in a logtarget: `FILE[datetime=off, padding=on, format="…"]`. */
export interface TargetText {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

/** Throws ERR_LOG_TARGET for options that there are not. */
export function parseTarget(text: string): TargetText {
  try {
    const { name, options } = parseNamedOptions({ text, origins: [{ file: 'logtarget', line: 1 }] });
    const texts = new Map([...options].map(([option, value]) => [option, value.text]));
    const unknown = [...texts.keys()].find((option) => !['facility', 'datetime', 'padding', 'format'].includes(option));
    if (unknown !== undefined) throw badTarget(text, `it has no option '${unknown}'`);
    return { name: name.trim(), options: texts };
  } catch (error) {
    if (!(error instanceof EdgebanError) || error.code === 'ERR_LOG_TARGET') throw error;
    throw badTarget(text, error.message);
  }
}

export function badTarget(target: string, why: string): EdgebanError {
  return new EdgebanError('ERR_LOG_TARGET', `cannot log to '${printable(target)}': ${why}`, {
    remedy: 'set logtarget to an absolute path, STDOUT, STDERR, SYSLOG or SYSTEMD-JOURNAL',
  });
}

/** `datetime`, `padding`: what the target has by itself where the options say nothing. */
export function formatOf(
  { name, options }: TargetText,
  otherwise: { readonly datetime: boolean; readonly padding: boolean },
): Format {
  const format = options.get('format') ?? '';
  if (format !== '') return customFormat(name, format);
  const datetime = switched(name, options, 'datetime') ?? otherwise.datetime;
  const padding = switched(name, options, 'padding') ?? otherwise.padding;
  const head = headOf(datetime, padding);
  return (entry) => head(entry) + printable(entry.message);
}

type Head = Omit<Entry, 'message'>;

/** What stands before the message. A burst has thousands of lines with the same. */
function headOf(datetime: boolean, padding: boolean): (entry: Head) => string {
  let last: Head | null = null;
  let text = '';
  return (entry) => {
    if (last !== null && isSameHead(last, entry)) return text;
    last = entry;
    const { at, name, pid, level } = entry;
    const rest = `${padding ? name.padEnd(24) : name}[${pid}]: ${padding ? level.padEnd(7) : level} `;
    text = datetime ? `${localTime(at)} ${rest}` : rest;
    return text;
  };
}

function isSameHead(a: Head, b: Head): boolean {
  return a.at === b.at && a.name === b.name && a.level === b.level && a.pid === b.pid;
}

function switched(target: string, options: ReadonlyMap<string, string>, name: string): boolean | null {
  const text = options.get(name)?.toLowerCase();
  if (text === undefined) return null;
  if (['1', 'on', 'true', 'yes'].includes(text)) return true;
  if (['0', 'off', 'false', 'no'].includes(text)) return false;
  throw badTarget(target, `${name} is on or off, not '${text}'`);
}

const fields: Readonly<Record<string, (entry: Entry) => string>> = {
  asctime: ({ at }) => localTime(at),
  name: ({ name }) => name,
  process: ({ pid }) => String(pid),
  levelname: ({ level }) => level,
  levelno: ({ level }) => String(isLevel(level) ? levels[level] : 0),
  message: ({ message }) => printable(message),
};

export function isLevel(name: string): name is Level {
  return Object.hasOwn(levels, name);
}

/** Python's %-format with the fields of its logging that there are here. Throws ERR_LOG_TARGET. */
function customFormat(target: string, format: string): Format {
  const parts: Format[] = [];
  const piece = /%%|%\((\w+)\)(-)?(\d{1,3})?(?:\.(\d{1,3}))?[sd]|[^%]+|%/g;
  for (const [text, name, left, width, most] of format.matchAll(piece)) {
    const field = name === undefined ? undefined : Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field !== undefined) parts.push((entry) => padded(field(entry), Number(width ?? 0), left === '-', most));
    else if (name === undefined && text !== '%') parts.push(() => (text === '%%' ? '%' : printable(text)));
    else throw badTarget(target, `format: ${text} is not one of ${Object.keys(fields).join(', ')}`);
  }
  return (entry) => parts.map((part) => part(entry)).join('');
}

function padded(text: string, width: number, left: boolean, most: string | undefined): string {
  const cut = most === undefined ? text : text.slice(0, Number(most));
  return left ? cut.padEnd(width) : cut.padStart(width);
}

const usual = formatOf({ name: '', options: new Map() }, { datetime: true, padding: true });

/** fail2ban's line, without its line end: `2026-11-22 15:17:39,096 fail2ban.actions        [1854]: NOTICE  [sshd] Ban 192.0.2.50`. */
export function formatLogLine(at: Date, name: string, pid: number, level: string, message: string): string {
  return usual({ at, name, pid, level, message });
}

/** escapeControls for a log message: cut to its limit first. */
export function printable(text: string): string {
  const max = logLimits.message_length_max;
  return escapeControls(text.length > max ? `${text.slice(0, max)}…` : text);
}

const control = /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

/** One line that no terminal or log reader can misread: control, bidirectional and line separating characters become escapes. */
export function escapeControls(text: string): string {
  if (!control.test(text)) return text;
  return text.replace(new RegExp(control, 'g'), (char) => {
    if (char === '\n') return '\\n';
    if (char === '\r') return '\\r';
    if (char === '\t') return '\t';
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** The millisecond and the second that were told last: a burst tells many lines of one. */
let millisecond = Number.NaN;
let millisecondText = '';
let second = Number.NaN;
let secondText = '';

/** `2026-11-22 15:17:39,096`, in local time. */
function localTime(at: Date): string {
  const time = at.getTime();
  if (time === millisecond) return millisecondText;
  const now = Math.floor(time / 1000);
  if (now !== second) {
    second = now;
    secondText = textOf(at);
  }
  millisecond = time;
  millisecondText = `${secondText},${String(time - now * 1000).padStart(3, '0')}`;
  return millisecondText;
}

function textOf(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
