/** The syntax `name[option=value, other="…"][more='…']` of filter=, action=, backend= and the like. */
import { configError } from './finding.ts';
import { originAt, type Sourced, sliceSourced, trimSourced } from './sourced.ts';

export interface NamedOptions {
  readonly name: string;
  /** In the order in which they were first written; a later value wins. */
  readonly options: Map<string, Sourced>;
}

const optionKey = /[\p{L}\p{N}_\-.]+(?:\?\w+=[\w.-]+)?=/uy;

/**
 * Reads one `name[options]`. The condition in `blocktype?family=inet6="…"` is fail2ban 1.1.1's.
 * Throws where what is in the brackets is no list of options.
 */
export function parseNamedOptions(value: Sourced): NamedOptions {
  const match = /^([^[]+)(?:\[([\s\S]*)\])?\s*$/.exec(value.text);
  if (match === null) throw syntaxError(value, 0, 'unexpected option syntax');
  const [, name = '', inside] = match;
  const options = new Map<string, Sourced>();
  if (inside !== undefined) readOptions(sliceSourced(value, name.length + 1, name.length + 1 + inside.length), options);
  return { name, options };
}

function readOptions(list: Sourced, options: Map<string, Sourced>): void {
  const { text } = list;
  let at = 0;
  while (!/^,?\s*$/.test(text.slice(at))) {
    const start = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
    const key = keyAt(text, start);
    if (key === null) throw syntaxError(list, at, `expected option, wrong syntax at ${at}: ${text.slice(at, at + 25)}`);
    const value = valueAt(text, start + key.length + 1);
    options.set(key, trimSourced(sliceSourced(list, value.start, value.end)));
    const separator = /^(?:,|\]\s*\[|\n?$)/.exec(text.slice(value.after));
    if (separator === null) {
      const wrong = text.slice(value.after, value.after + 25);
      throw syntaxError(list, value.after, `unexpected syntax at ${value.after} after option '${key}': ${wrong}`);
    }
    at = value.after + separator[0].length;
  }
}

function keyAt(text: string, start: number): string | null {
  optionKey.lastIndex = start;
  return optionKey.exec(text)?.[0].slice(0, -1) ?? null;
}

interface ValueSpan {
  readonly start: number;
  readonly end: number;
  /** Behind the closing quote, if there is one. */
  readonly after: number;
}

/** A value in quotes (nothing can be escaped in them), or without them up to a comma or bracket. */
function valueAt(text: string, start: number): ValueSpan {
  const quote = text[start];
  const closing = quote === '"' || quote === "'" ? text.indexOf(quote, start + 1) : -1;
  if (closing > 0) return { start: start + 1, end: closing, after: closing + 1 };
  const end = start + (/^[^,\]]*/.exec(text.slice(start))?.[0].length ?? 0);
  return { start, end, after: end };
}

/** Splits at white space that is not inside of brackets: the `action` option holds several. */
export function splitNamedOptions(value: Sourced): Sourced[] {
  const items: Sourced[] = [];
  const word = /\S/g;
  for (let found = word.exec(value.text); found !== null; found = word.exec(value.text)) {
    const end = itemEnd(value.text, found.index);
    items.push(trimSourced(sliceSourced(value, found.index, end)));
    word.lastIndex = end;
  }
  return items;
}

function itemEnd(text: string, start: number): number {
  const name = /^[^[\s]+\s*/.exec(text.slice(start))?.[0];
  const bracket = name === undefined ? null : bracketEnd(text, start + name.length);
  if (bracket !== null && /^(?:\s|$)/.test(text.slice(bracket))) return bracket;
  return start + (/^\S+/.exec(text.slice(start))?.[0].length ?? 1);
}

/** The end of `[…]` with a list of options in it, the longest one; null if that is not what stands at `start`. */
function bracketEnd(text: string, start: number): number | null {
  if (text[start] !== '[') return null;
  const skip = (from: number, pattern: RegExp) => from + (pattern.exec(text.slice(from))?.[0].length ?? 0);
  let complete: number | null = null;
  let at = skip(start + 1, /^\s*/);
  while (text[at] !== ']') {
    const key = keyAt(text, at);
    if (key === null) return complete;
    const from = at + key.length + 1;
    const quoted = valueAt(text, from).after;
    const next = skip(quoted, /^\s*/);
    const separated = /[,\]]/.test(text[next] ?? '') || keyAt(text, next) !== null;
    const end = skip(separated ? quoted : skip(from, /^[^,\]]*/), /^\s*/);
    if (/^\](?:\s|$)/.test(text.slice(end))) complete = end + 1;
    at = skip(skip(end, /^(?:,|\]\s*\[)/), /^\s*/);
  }
  return at + 1;
}

function syntaxError(value: Sourced, at: number, message: string): Error {
  return configError(
    'ERR_CONFIG_SYNTAX',
    message,
    originAt(value, at),
    'write name[option=value, other="value with , or ]"]',
  );
}
