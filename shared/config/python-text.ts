/** Text as Python writes it (repr) and as its shlex splits it: the command stream shows both. */

/** What the command stream holds. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** Python's `repr`. */
export function pythonRepr(value: Plain): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return stringRepr(value);
  if (isList(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  const items = Object.entries(value).map(([key, item]) => `${stringRepr(key)}: ${pythonRepr(item)}`);
  return `{${items.join(', ')}}`;
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}

function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let inner = '';
  for (const char of text) inner += char === quote || char === '\\' ? `\\${char}` : charRepr(char);
  return quote + inner + quote;
}

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function charRepr(char: string): string {
  if (char === ' ' || !/[\p{C}\p{Z}]/u.test(char)) return char;
  const known = named[char];
  if (known !== undefined) return known;
  const hex = (char.codePointAt(0) ?? 0).toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** The words of a line as a POSIX shell would split it (Python's shlex.split); null if a quote is not closed. */
export function shellWords(text: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '\\' && escapes(quote, text.charAt(at + 1))) {
      at++;
      if (at >= text.length) return null;
      word = (word ?? '') + text.charAt(at);
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/[ \t\r\n]/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== '') return null;
  return word === null ? words : [...words, word];
}

/** Inside of double quotes a backslash only escapes the quote and itself; inside of single ones nothing. */
function escapes(quote: string, next: string): boolean {
  return quote === '' || (quote === '"' && (next === '"' || next === '\\'));
}
