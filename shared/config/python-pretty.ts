/** Values as Python's pprint lays them out: `fail2ban-client --dp` prints its command stream so. */
import { type Plain, pythonRepr } from './python-text.ts';

/** fail2ban's own choice. */
const width = 1000;
const step = 2;

/** The value on one line where it fits, else one item a line. */
export function pythonPretty(value: Plain): string {
  return pretty(value, 0, 0);
}

/** `indent`: where the value begins; `allowance`: how much of the last line the brackets behind it take. */
function pretty(value: Plain, indent: number, allowance: number): string {
  const repr = pythonRepr(value);
  if (lengthOf(repr) <= width - indent - allowance) return repr;
  if (typeof value === 'string') return prettyText(value, indent, allowance);
  return isList(value) ? prettyList(value, indent, allowance) : repr;
}

function prettyList(list: readonly Plain[], indent: number, allowance: number): string {
  const inner = indent + step;
  const items = list.map((item, index) => pretty(item, inner, index === list.length - 1 ? allowance + 1 : 1));
  return `[${' '.repeat(step - 1)}${items.join(`,\n${' '.repeat(inner)}`)}]`;
}

const pythonSpace = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const wordWithSpace = new RegExp(`[^${pythonSpace}]*[${pythonSpace}]*`, 'g');
const wholeLine =
  /[^\n-\r\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029])|[^\n-\r\x1c-\x1e\x85\u2028\u2029]+$/g;

/** A long text becomes several literals, one below the other: its lines, and where those are too long, its words. */
function prettyText(text: string, indent: number, allowance: number): string {
  const lines = text.match(wholeLine) ?? [];
  const room = width - indent;
  const chunks = lines.flatMap((line, index) => {
    const last = index === lines.length - 1 ? allowance : 0;
    const repr = pythonRepr(line);
    return lengthOf(repr) <= room - last ? [repr] : wrapped(line, room, last);
  });
  return chunks.join(`\n${' '.repeat(indent)}`);
}

function wrapped(line: string, room: number, allowance: number): string[] {
  const parts = (line.match(wordWithSpace) ?? []).filter((part) => part !== '');
  const chunks: string[] = [];
  let current = '';
  for (const [index, part] of parts.entries()) {
    const most = index === parts.length - 1 ? room - allowance : room;
    if (lengthOf(pythonRepr(current + part)) <= most) current += part;
    else {
      if (current !== '') chunks.push(pythonRepr(current));
      current = part;
    }
  }
  return current === '' ? chunks : [...chunks, pythonRepr(current)];
}

/** Python counts code points. */
function lengthOf(text: string): number {
  return text.length < width / 2 ? text.length : [...text].length;
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}
