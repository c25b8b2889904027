/** Values as Python prints them: fail2ban's client prints some answers with repr(), and scripts take them apart. */
import { isList, type ReplyValue, Tuple } from '../control/framing.ts';

/** `[{'sshd': ['192.0.2.1']}, None, True]` */
export function repr(value: ReplyValue): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return reprText(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (value instanceof Tuple) return reprTuple([...value]);
  if (isList(value)) return `[${value.map(repr).join(', ')}]`;
  const items = Object.entries(value).map(([key, part]) => `${reprText(key)}: ${repr(part)}`);
  return `{${items.join(', ')}}`;
}

/** A tuple: `('a',)`, `('a', 2)`. */
export function reprTuple(values: readonly ReplyValue[]): string {
  return `(${values.map(repr).join(', ')}${values.length === 1 ? ',' : ''})`;
}

/** print(value): a text is itself, all else its repr. */
export function str(value: ReplyValue): string {
  return typeof value === 'string' ? value : repr(value);
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function reprText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\\0-\x1f\x7f-\xa0]/g, (char) => {
    return escapes[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `${quote}${quote === "'" ? body.replaceAll("'", "\\'") : body}${quote}`;
}
