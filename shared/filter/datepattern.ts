/** The pattern language of `datepattern`: `%` fields and boundary marks become one Python regex. */
import { EdgebanError } from '../errors.ts';
import { dateField } from './datefields.ts';

/** A date pattern as a regex, one group of which is the date. */
export interface DateExpression {
  /** What fail2ban calls it: the pattern with its fields in words. */
  readonly name: string;
  readonly regex: string;
  /** The group whose text is cut out of the line: a name of ours, or the pattern's own first group. */
  readonly dateGroup: typeof wholeGroup | 1;
  /** Bound to the begin or end of the line: such a hit ends the search for a better template. */
  readonly anchored: boolean;
  /** Bound to the begin: what a sole `{^LN-BEG}` keeps of the default list. */
  readonly lineBegin: boolean;
}

/** Where a pattern may begin: anywhere (`none`), at a word, or at the line with two odd characters to spare. */
export type Begin = 'none' | 'word' | 'line';

const wholeGroup = '_date';

export const lineBeginMark = '{^LN-BEG}';
const unboundMark = '{UNB}';

const fieldMark = /%(Ex[dHklmMSyYzZ]|[aAbBcdfGHIjklmMpSuUVwWxXyYzZ%])|%/g;
/** Fields with words in them make the whole pattern ignore case. */
const wordField = /(?<!%)%[aAbBpc]/;
const inlineFlags = /\(\?[a-z]+\)/;
const anchoredBegin = /^\(*(?:\(\?\w+\))?(?:\^|\(*\*\*|\((?:\?:)?\^)/;
const anchoredEnd = /(?<!\\)(?:\$\)?|\\b|\\s|\*\*\)*)$/;
const lineBegin = /^(?:\(\?\w+\))?(?:\^|\((?:\?:)?\^(?!\|))/;
const lineEnd = /(?<![\\|])\$\)?$/;
const starsBegin = /^\(*(?:\(\?\w+\))?\(*\*\*/;
const starsEnd = /(?<!\\)\*\*\)*$/;

/**
 * Translates one pattern. `year` is the present one (for `%ExY`).
 * Throws ERR_FILTER_DATEPATTERN for a `%` that is no field.
 */
export function translateDatePattern(pattern: string, year: number): DateExpression {
  const unbound = pattern.startsWith(unboundMark);
  let rest = unbound ? pattern.slice(unboundMark.length) : pattern;
  const atLine = !unbound && rest.startsWith(lineBeginMark);
  if (atLine) rest = rest.slice(lineBeginMark.length);
  const { regex, name } = replaceFields(rest, pattern, year);
  const flagged = wordField.test(rest) ? `(?iu)${regex}` : regex;
  return boundExpression(flagged, name, unbound ? 'none' : atLine ? 'line' : 'word', !unbound);
}

function replaceFields(text: string, pattern: string, year: number): { regex: string; name: string } {
  let name = '';
  let at = 0;
  const regex = text.replace(fieldMark, (mark: string, key: string | undefined, index: number) => {
    const field = key === undefined ? null : dateField(key, year);
    if (field === null) throw badField(pattern, text.slice(index, index + 2));
    name += text.slice(at, index) + field.label;
    at = index + mark.length;
    return field.regex;
  });
  return { regex, name: name + text.slice(at) };
}

function badField(pattern: string, field: string): EdgebanError {
  const message = `datepattern ${JSON.stringify(pattern)} has ${JSON.stringify(field)}, which is no date field`;
  return new EdgebanError('ERR_FILTER_DATEPATTERN', message, { remedy: 'write a plain percent sign as %%' });
}

/** Adds the boundaries that the pattern does not set itself, and a group around the whole if it has none. */
export function boundExpression(source: string, name: string, begin: Begin, wordEnd: boolean): DateExpression {
  const trimmed = source.trim();
  const flags = inlineFlags.exec(trimmed)?.[0] ?? '';
  const bare = flags === '' ? trimmed : trimmed.replace(flags, () => '');
  const boundBegin = begin !== 'none' && !anchoredBegin.test(bare);
  const boundEnd = wordEnd && !anchoredEnd.test(bare);
  const bounded =
    (boundBegin ? beginOf(begin) : '') + grouped(withoutStars(bare)) + (boundEnd ? String.raw`(?=\b|\W|$)` : '');
  const atLine = (boundBegin && begin === 'line') || lineBegin.test(bounded);
  const marked = boundBegin && begin === 'line' && !name.startsWith(lineBeginMark);
  return {
    name: marked ? lineBeginMark + name : name,
    regex: flags + bounded,
    dateGroup: hasOwnGroup(bare) ? 1 : wholeGroup,
    anchored: atLine || lineEnd.test(bounded),
    lineBegin: atLine,
  };
}

function beginOf(begin: Begin): string {
  return begin === 'line' ? String.raw`^(?:\W{0,2})?` : String.raw`(?=^|\b|\W)`;
}

/** Has the pattern an unnamed group that says what the date is? */
export function hasOwnGroup(regex: string): boolean {
  return /(?<!\(\?|\\)\((?!\?)/.test(regex);
}

function grouped(regex: string): string {
  if (hasOwnGroup(regex)) return regex;
  return regex.replace(/^((?:\(\?\w+\))?\^?(?:\(\?\w+\))?)(.*?)(\$?)$/, `$1(?P<${wholeGroup}>$2)$3`);
}

/** `**` at an edge only says "no boundary here". */
function withoutStars(regex: string): string {
  const strip = (mark: string) => mark.replaceAll('**', '');
  return regex.replace(starsBegin, strip).replace(starsEnd, strip);
}

/** The pattern without its own boundary marks, for use inside another one. */
export function unboundPattern(pattern: string): string {
  return pattern
    .replace(/^\{UNB\}/, '')
    .replace(/^\{\^LN-BEG\}/, '')
    .replace(/^\((?:\?:)?\^\|\\b\|\\W\)/, '')
    .replace(/\(\?=\\b\|\\W\|\$\)$/, '');
}
