/** Lines at random: known ones, changed as attackers, daemons, log rotations and broken disks change them. */
import { dateText, type Random } from '../filter/random-dates.ts';

const addresses = [
  ...[
    '192.0.2.1',
    '1.2.3.4',
    '255.255.255.255',
    '0.0.0.0',
    '256.1.1.1',
    '010.1.1.1',
    '1.2.3',
    '1.2.3.4.5',
    '127.0.0.1',
  ],
  ...['2001:db8::1', '[2001:db8::1]', '::1', '::', '::ffff:192.0.2.1', '::ffff:c000:201', 'fe80::1%eth0', '1::2::3'],
  ...['2001:DB8:0:0:0:0:0:1', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8:9', '::192.0.2.1', '[::1', '2001:db8::1]'],
  ...['192.0.2.1/24', '192.0.2.0/33', '2001:db8::/32', '192.0.2.1:22', '[2001:db8::1]:22', '192.0.2.1,198.51.100.1'],
  ...[
    'localhost',
    'example.com',
    'a-b.example.co.uk',
    'host_1',
    'exa mple.com',
    'xn--bcher-kva.example',
    '1.2.3.4.example',
    '-',
  ],
];
const users = [
  ...[
    'root',
    'a b',
    "o'brien",
    '"quoted"',
    'from',
    'from 1.2.3.4',
    'root from 1.2.3.4 port 22 ssh2',
    'x: y',
    '',
    ' ',
    '  ',
  ],
  ...[
    'invalid user admin',
    '<script>',
    '[preauth]',
    '%n',
    '\\x41',
    '../../etc/passwd',
    'é',
    'ſ',
    'ı',
    'İ',
    'σς',
    '😀',
    'ß',
  ],
  ...['user=<x>', 'user@example.com', 'rhost=192.0.2.9', ') from (', '\u202e1.2.3.4', '١٢٣', 'a\u0300', 'A'.repeat(80)],
];
const scraps = [
  ...[
    '\0',
    '\u2028',
    '\u2029',
    '\u0085',
    '\u00a0',
    '\u200b',
    '\ufeff',
    '\t',
    '\r',
    '\v',
    '\f',
    '\x1c',
    '\x1f',
    '\x7f',
    '\x1b[31m',
  ],
  ...[
    '  ',
    '[',
    ']',
    '(',
    ')',
    '"',
    "'",
    '<',
    '>',
    ':',
    ': ',
    ';',
    ',',
    '=',
    '#',
    '\\',
    '/',
    '.',
    '-',
    '|',
    '$',
    '^',
    '*',
    '0',
  ],
  ...[
    '[1234]',
    ' port 22',
    ' on ::1',
    ' ssh2',
    ' [preauth]',
    '#012',
    '#033',
    '{"a":1}',
    'é',
    '\u{1f600}',
    '\u00ad',
    'ǅ',
    '٣',
  ],
];

const addressForm = /\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[0-9a-f]*:(?::?[0-9a-f]+)+\b/i;
const dateForm =
  /^(?:\w{3} +\d+ [\d:]{8}|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)|\d{2}\/\w{3}\/\d{4}:[\d:]{8}(?: [+-]\d{4})?|\d{4}[-/]\d\d[-/]\d\d[T ][\d:]{8}/;

type Change = (line: string, random: Random) => string;

function tokens(line: string): string[] {
  return line.split(/(?<=\s)(?=\S)/);
}

function place(line: string, { int }: Random): number {
  return int(0, line.length);
}

function atToken(line: string, random: Random, change: (token: string) => string): string {
  const all = tokens(line);
  const index = random.int(0, all.length - 1);
  return all.map((token, i) => (i === index ? change(token) : token)).join('');
}

const changes: readonly Change[] = [
  (line, { pick }) => line.replace(addressForm, () => pick(addresses)),
  (line, { pick }) => line.replace(addressForm, () => pick(addresses)),
  (line, { pick }) =>
    line.replace(addressForm, (found) => `${found}${pick([':22', '/24', '.', ' port 1', ',::1', ']', '%1'])}`),
  (line, random) => atToken(line, random, () => `${random.pick(addresses)} `),
  (line, random) => atToken(line, random, () => `${random.pick(users)} `),
  (line, random) => line.replace(/\b(user|for|login)\b(.)\S+/i, (_, word, gap) => `${word}${gap}${random.pick(users)}`),
  (line, random) => atToken(line, random, (token) => token.toUpperCase()),
  (line, random) => atToken(line, random, (token) => token.toLowerCase()),
  (line, random) => atToken(line, random, (token) => token + token),
  (line, random) => atToken(line, random, () => ''),
  (line, random) => {
    const all = tokens(line);
    const [i, j] = [random.int(0, all.length - 1), random.int(0, all.length - 1)];
    return all.map((token, k) => (k === i ? (all[j] ?? '') : k === j ? (all[i] ?? '') : token)).join('');
  },
  (line, random) => {
    const at = place(line, random);
    return line.slice(0, at) + random.pick(scraps) + line.slice(at);
  },
  (line, random) => {
    const at = place(line, random);
    return line.slice(0, at) + random.pick(scraps) + line.slice(at + random.int(1, 4));
  },
  (line, random) => line.slice(0, place(line, random)),
  (line, random) => line.slice(random.int(0, Math.min(40, line.length))),
  (line, random) => line.slice(0, random.int(10, 50)) + line,
  (line, random) => `${line}${random.pick([' ', '\r', '.', ' from 1.2.3.4', ' [preauth]', '\u00a0', '\x00'])}`,
  (line, random) => line.replace(dateForm, () => dateText(random)),
  (line, random) => line.replace(dateForm, () => dateText(random)),
  (line) => line.replace(dateForm, ''),
  (line, random) => line.replace(/\[\d+\]/, () => `[${random.pick(['1', '2', '3', '', 'x'])}]`),
  (line, random) => line.replace(/\d+/g, (digits) => (random.next() < 0.2 ? String(random.int(0, 70_000)) : digits)),
];

/** A line that may be none of the log's any more. It holds no line feed. */
export function changedLine(line: string, random: Random): string {
  let changed = line;
  for (let count = random.pick([0, 1, 1, 1, 2, 2, 3, 5]); count > 0; count -= 1)
    changed = random.pick(changes)(changed, random);
  return changed.replaceAll('\n', ' ').toWellFormed();
}

/** The bytes of a line as latin-1; now and then one that is no UTF-8. */
export function bytesOfLine(line: string, random: Random): string {
  const bytes = Buffer.from(line).toString('latin1');
  if (random.next() > 0.04) return bytes;
  const at = random.int(0, bytes.length);
  return (
    bytes.slice(0, at) +
    random.pick(['\xff', '\xc3', '\xe2\x80', '\xf0\x9f\x98', '\xed\xa0\x80', '\xc0\xaf']) +
    bytes.slice(at)
  );
}

const syslogForm = /^(\w{3} +\d+ [\d:]{8}|\d{4}-\d\d-\d\dT\S+) (\S+) ([^\s[:]+)(?:\[(\d+)\])?: (.*)$/;

/** A line of a syslog file as another log type has it; others stay. */
export function asLogtype(line: string, logtype: string | undefined): string {
  if (logtype === undefined || logtype === 'file') return line;
  return line.replace(
    syslogForm,
    (_, date: string, host: string, daemon: string, pid: string | undefined, text: string) => {
      if (logtype === 'rfc5424')
        return `<38>1 ${/T/.test(date) ? date : '2005-08-14T11:59:59.5+02:00'} ${host} ${daemon} ${pid ?? '-'} - - ${text}`;
      const prefix = `${host} ${daemon}${pid === undefined ? '' : `[${pid}]`}: `;
      return logtype === 'journal' ? prefix + text : `${date} ${prefix}${text}`;
    },
  );
}
