/** What `-o` prints: of each failure an id, a group, a line, a text with tags; or one JSON object a line of the log. */
import { parsePrefix } from '../../shared/address.ts';
import { captureOf, reverseName } from '../../shared/config/dynamic-tags.ts';
import { pythonRepr } from '../../shared/config/python-text.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { FilterFailure, LineResult } from '../../shared/filter/filter.ts';

/** Makes the lines to be printed of the failures of one line. */
export type Format = (line: Dated, failures: readonly FilterFailure[], names: Names) => string[];

/** The time of a line is all that is told of it beside its failures. */
type Dated = Pick<LineResult, 'time'>;

/** Throws ERR_USAGE for a tag that only a running jail knows. */
export function formatOf(out: string, hostname: string): Format {
  switch (out) {
    case 'id':
    case 'fid':
      return each(({ id }) => id);
    case 'ip':
      return each(({ ip, id }) => ip ?? id);
    case 'msg':
      return (_, failures) => failures.flatMap(({ matches }) => matches);
    case 'row':
      return (line, failures) => failures.map((failure) => row(line, failure));
    default:
      return out.includes('<') ? tagged(out, hostname) : each((failure) => groupText(failure, out));
  }
}

function each(text: (failure: FilterFailure) => string): Format {
  return (_, failures) => failures.map(text);
}

/** A group as Python prints it. */
function groupText({ groups, matches, users }: FilterFailure, name: string): string {
  if (name === 'matches') return pythonRepr([...matches]);
  if (name === 'users' && users.length > 0) return `{${users.map((user) => pythonRepr(user)).join(', ')}}`;
  return Object.hasOwn(groups, name) ? (groups[name] ?? 'None') : 'None';
}

function row({ time }: Dated, failure: FilterFailure): string {
  const groups = Object.entries(failure.groups).map(([name, value]) => `${pythonRepr(name)}: ${pythonRepr(value)}`);
  const users = failure.users.map((user) => pythonRepr(user)).join(', ');
  if (users !== '') groups.push(`'users': {${users}}`);
  return `[${pythonRepr(failure.id)},\t${time === null ? 'None' : pythonFloat(time)},\t{${groups.join(', ')}}],`;
}

function pythonFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** The names of addresses that have been asked for; null where there is none. */
export type Names = Map<string, string | null>;

const tag = /<([\w.-]+)>/g;
/** Tags that only a jail with bans and a database could fill; fail2ban-regex ends with a traceback. */
const unknowable = /^(?:bantime|ip(?:jail)?(?:matches|failures)|jail\.\w+)$/;

/** `<ip-host>` needs an answer of the DNS. */
export function asksNames(out: string): boolean {
  return out.includes('<ip-host>');
}

/** `<ip> <F-USER>`: tags of fail2ban's actions; one that nothing knows stays as it is. */
function tagged(out: string, hostname: string): Format {
  for (const [whole, name = ''] of out.matchAll(tag)) {
    if (!unknowable.test(name)) continue;
    throw new EdgebanError('ERR_USAGE', `option --out: ${whole} is known only in a jail that runs`, {
      remedy: 'use <ip>, <fid>, <family>, <time>, <matches>, <msg>, <ip-rev>, <ip-host>, <fq-hostname> or <F-…>',
    });
  }
  const severalLines = out.includes('<msg>');
  return (line, failures, names) => {
    const long = failures.some(({ matches }) => matches.length > 1);
    return failures.flatMap((failure) => {
      const messages = severalLines && long ? failure.matches : [failure.matches.join('\n')];
      const known = { line, failure, names, hostname };
      return messages.map((message) =>
        out.replace(tag, (whole, name: string) => (name === 'msg' ? message : tagText(known, name)) ?? whole),
      );
    });
  };
}

interface Known {
  readonly line: Dated;
  readonly failure: FilterFailure;
  readonly names: Names;
  readonly hostname: string;
}

function tagText({ line, failure, names, hostname }: Known, name: string): string | null {
  const address = failure.ip ?? failure.id;
  // without a date, a ticket is of now
  const time = pythonFloat(line.time ?? failure.time);
  const texts: Readonly<Record<string, () => string>> = {
    ip: () => address,
    fid: () => failure.id,
    family: () => familyOf(address) ?? 'None',
    time: () => time,
    failures: () => '0',
    bancount: () => '0',
    restored: () => '0',
    matches: () => failure.matches.join('\n'),
    'ip-rev': () => reverseName(address),
    'ip-host': () => names.get(address) ?? 'None',
    'fq-hostname': () => hostname,
    'sh-hostname': () => hostname.replace(/\..*$/s, ''),
    'raw-ticket': () => ticketText(failure, time),
    br: () => '\n',
    sp: () => ' ',
  };
  if (Object.hasOwn(texts, name)) return texts[name]?.() ?? null;
  const field = captureOf(name);
  return field === null ? null : fieldText(failure, field);
}

function ticketText({ id, matches }: FilterFailure, time: string): string {
  return `BanTicket: ip=${id} time=${time} bantime=None bancount=0 #attempts=0 matches=${pythonRepr([...matches])}`;
}

function fieldText(failure: FilterFailure, field: string): string {
  const text = groupText(failure, field);
  return text === 'None' && !Object.hasOwn(failure.groups, field) ? '' : text;
}

function familyOf(text: string): 'inet4' | 'inet6' | null {
  const prefix = parsePrefix(text);
  if (prefix === null) return null;
  return prefix.family === 4 ? 'inet4' : 'inet6';
}

const unsafe = /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The verdict on one line. Characters that could play with a terminal are escaped; it stays the same JSON. */
export function verdictJson(line: number, result: LineResult, failures: readonly FilterFailure[]): string {
  const status = failures.length > 0 ? 'match' : result.status;
  const text = JSON.stringify({ line, status, failures: failures.map((failure) => failureJson(result, failure)) });
  return text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function failureJson({ time }: LineResult, failure: FilterFailure) {
  const { id, ip, regex, groups, users } = failure;
  const shown: [string, string | readonly string[]][] = Object.entries(groups);
  if (users.length > 0) shown.push(['users', users.toSorted()]);
  if (ip !== null && ip !== id) shown.push(['ip', ip]);
  const sorted = shown.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const whom = ip ?? id;
  const at = time === null ? null : failure.time;
  return { fid: id, ip: whom, family: familyOf(whom), time: at, regex, groups: Object.fromEntries(sorted) };
}
