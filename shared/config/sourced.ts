/** Configuration text that remembers, line by line, in which file and line it was written. */

export interface Origin {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** `origins` has one entry for each line of `text`. */
export interface Sourced {
  readonly text: string;
  readonly origins: readonly Origin[];
}

/** A piece of an outer text that is to be replaced. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly inner: Sourced;
}

/** `text` all of whose lines stand at one place. */
export function sourced(text: string, origin: Origin): Sourced {
  return { text, origins: text.split('\n').map(() => origin) };
}

/** Where the character at `index` was written. */
export function originAt(value: Sourced, index = 0): Origin {
  const origin = value.origins[countNewlines(value.text.slice(0, index))];
  if (origin === undefined) throw new Error('a text with fewer origins than lines');
  return origin;
}

export function sliceSourced(value: Sourced, start: number, end: number): Sourced {
  const text = value.text.slice(start, end);
  const first = countNewlines(value.text.slice(0, start));
  return { text, origins: value.origins.slice(first, first + countNewlines(text) + 1) };
}

export function trimSourced(value: Sourced): Sourced {
  const start = value.text.length - value.text.trimStart().length;
  return sliceSourced(value, start, Math.max(start, value.text.trimEnd().length));
}

/** Each line by itself. */
export function linesOf(value: Sourced): Sourced[] {
  return value.text.split('\n').map((text, index) => {
    const origin = value.origins[index];
    if (origin === undefined) throw new Error('a text with fewer origins than lines');
    return { text, origins: [origin] };
  });
}

/**
 * Puts other text in the place of each span (in order, not overlapping). A line of the result belongs to where most of it
 * was written: to the inner text where that is the whole line, otherwise to the outer one.
 */
export function replaceSpans(outer: Sourced, spans: readonly Span[]): Sourced {
  let text = '';
  let at = 0;
  let line = 0;
  const origins: Origin[] = [originAt(outer)];
  const appendOuter = (end: number) => {
    const piece = outer.text.slice(at, end);
    const next = line + countNewlines(piece);
    origins.push(...outer.origins.slice(line + 1, next + 1));
    text += piece;
    at = end;
    line = next;
  };
  for (const { start, end, inner } of spans) {
    appendOuter(start);
    const alone = standsAlone(outer.text, start, end, inner.text);
    if (alone) origins.pop();
    origins.push(...inner.origins.slice(alone ? 0 : 1));
    text += inner.text;
    line += countNewlines(outer.text.slice(start, end));
    at = end;
  }
  appendOuter(outer.text.length);
  return { text, origins };
}

function standsAlone(text: string, start: number, end: number, inner: string): boolean {
  const before = text.slice(start === 0 ? 0 : text.lastIndexOf('\n', start - 1) + 1, start);
  const newline = text.indexOf('\n', end);
  const after = text.slice(end, newline < 0 ? text.length : newline);
  return before.trim() === '' && (after.trim() === '' || inner.includes('\n'));
}

function countNewlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
