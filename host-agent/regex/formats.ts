/** What `-o` prints: of each failure an id, a group, a line, a text with tags; or one JSON object a line of the log. */
import { parseAddress, parsePrefix } from '../../shared/address.ts';
import { pythonRepr } from '../../shared/config/python-text.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { FilterFailure, LineResult } from '../../shared/filter/filter.ts';

/** Makes the lines to be printed of the failures of one line. */
export type Format = (result: LineResult, failures: readonly FilterFailure[]) => string[];

/** Throws ERR_USAGE for a tag that would need a name looked up or a database. */
export function formatOf(out: string): Format {
  switch (out) {
    case 'id':
    case 'fid':
      return each(({ id }) => id);
    case 'ip':
      return each(({ ip, id }) => ip ?? id);
    case 'msg':
      return (_, failures) => failures.flatMap(({ matches }) => matches);
    case 'row':
      return (result, failures) => failures.map((failure) => row(result, failure));
    default:
      return out.includes('<') ? tagged(out) : each((failure) => groupText(failure, out));
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

function row({ time }: LineResult, failure: FilterFailure): string {
  const groups = Object.entries(failure.groups).map(([name, value]) => `${pythonRepr(name)}: ${pythonRepr(value)}`);
  const users = failure.users.map((user) => pythonRepr(user)).join(', ');
  if (users !== '') groups.push(`'users': {${users}}`);
  return `[${pythonRepr(failure.id)},\t${time === null ? 'None' : pythonFloat(time)},\t{${groups.join(', ')}}],`;
}

function pythonFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

const refusedTags = ['ip-host', 'fq-hostname', 'sh-hostname', 'ipmatches', 'ipjailmatches', 'ipfailures'];
const tag = /<([\w:-]+)>/g;

/** `<ip> <F-USER>`: tags of fail2ban's actions; one that nothing knows stays as it is. */
function tagged(out: string): Format {
  for (const [whole, name = ''] of out.matchAll(tag)) {
    if (!refusedTags.includes(name)) continue;
    throw new EdgebanError('ERR_USAGE', `option --out: the tag ${whole} is not implemented`, {
      remedy: 'use <ip>, <fid>, <family>, <time>, <failures>, <matches>, <msg>, <ip-rev> or <F-…>',
    });
  }
  const severalLines = /<(?:msg)>/.test(out);
  return (result, failures) => {
    const long = failures.some(({ matches }) => matches.length > 1);
    return failures.flatMap((failure) => {
      const messages = severalLines && long ? failure.matches : [failure.matches.join('\n')];
      return messages.map((message) =>
        out.replace(tag, (whole, name: string) => tagText(result, failure, name, message) ?? whole),
      );
    });
  };
}

function tagText(result: LineResult, failure: FilterFailure, name: string, message: string): string | null {
  const address = failure.ip ?? failure.id;
  switch (name) {
    case 'ip':
      return address;
    case 'fid':
      return failure.id;
    case 'family':
      return familyOf(address) ?? '';
    case 'time':
      return result.time === null ? 'None' : pythonFloat(result.time);
    case 'failures':
      return '0';
    case 'matches':
      return failure.matches.join('\n');
    case 'msg':
      return message;
    case 'ip-rev':
      return reversed(address);
    case 'br':
      return '\n';
    case 'sp':
      return ' ';
    default:
      return name.startsWith('F-') ? fieldText(failure, name.slice(2)) : null;
  }
}

function fieldText({ groups, id }: FilterFailure, field: string): string {
  const lower = field.toLowerCase();
  if (lower === 'id' || lower === 'fid') return id;
  return groups[lower === 'port' ? 'fport' : lower] ?? '';
}

/** The parts of an address the other way round, as zones of the DNS have them. */
function reversed(text: string): string {
  const address = parseAddress(text);
  if (address === null) return '';
  if (familyOf(text) === 'inet4') return `${text.split('.').reverse().join('.')}.`;
  const nibbles = address.bits.toString(16).padStart(32, '0');
  return `${[...nibbles].reverse().join('.')}.`;
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
