/** Which of several buffered lines a match covers (`maxlines`), and which stay in the buffer. */
import type { PatternMatch } from './regex/pattern.ts';

/** A line in three parts: the regexes see what stands before and after the date. */
export interface LineParts {
  readonly before: string;
  readonly date: string;
  readonly after: string;
  /** All of it, where that is known. */
  readonly whole?: string | undefined;
}

export interface MatchedLines {
  readonly matched: readonly LineParts[];
  /** The lines around the match and those that `<SKIPLINES>` passed over. */
  readonly rest: readonly LineParts[];
}

/** What the regexes search: the lines without their dates, each ended. */
export function textOf(lines: readonly LineParts[]): string {
  return `${lines.map(withoutDate).join('\n')}\n`;
}

function withoutDate(line: LineParts): string {
  return line.before + line.after;
}

export function wholeLine(line: LineParts): string {
  return line.whole ?? line.before + line.date + line.after;
}

/** Splits `lines`, of which `text` was made, at a match in it. */
export function splitAtMatch(lines: readonly LineParts[], text: string, match: PatternMatch): MatchedLines {
  if (lines.length <= 1) return { matched: lines, rest: [] };
  const begin = text.lastIndexOf('\n', match.start) + 1;
  const endBreak = text.indexOf('\n', Math.max(0, match.end - 1));
  const first = countBreaks(text, begin);
  const last = countBreaks(text, endBreak < 0 ? text.length : endBreak + 1);
  const { kept, skipped } = withoutSkipped(lines.slice(first, last), skippedLines(match));
  return { matched: kept, rest: [...lines.slice(0, first), ...skipped, ...lines.slice(last)] };
}

function countBreaks(text: string, end: number): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** Where Python's `splitlines` begins a new line: fail2ban takes the skipped text apart with it. */
const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

/** What the `<SKIPLINES>` groups caught, as lines. */
function skippedLines(match: PatternMatch): string[] {
  let text = '';
  for (let index = 0; Object.hasOwn(match.groups, `skiplines${index}`); index += 1) {
    text += match.groups[`skiplines${index}`] ?? '';
  }
  const lines = text.split(lineEnd);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Takes the skipped lines out, in order, each search going on where the last one ended. */
function withoutSkipped(
  lines: readonly LineParts[],
  skip: readonly string[],
): { kept: LineParts[]; skipped: LineParts[] } {
  const kept = [...lines];
  const skipped: LineParts[] = [];
  let from = 0;
  for (const text of skip) {
    const offset = kept.slice(from).findIndex((line) => withoutDate(line) === text);
    if (offset < 0) continue;
    skipped.push(...kept.splice(from + offset, 1));
    from += offset;
  }
  return { kept, skipped };
}
