/** One regex of a filter: tags expanded, compiled, and its groups read as fail2ban reads them. */
import { describeError, EdgebanError, type ErrorPlace } from '../errors.ts';
import type { Pattern, PatternMatch } from './regex/pattern.ts';
import { expandTags, groupOfTag, localFlags } from './tags.ts';

/** A regex as the configuration gives it, with the place where it stands. */
export interface RegexSource {
  readonly regex: string;
  readonly file?: string;
  readonly line?: number;
}

/** Makes a Python regex searchable; `multiline` is Python's re.MULTILINE. Throws for what is none. */
export type CompileRegex = (source: string, multiline: boolean) => Pattern;

/** What a group caught: a text, the parts of a tuple id, or null where it took no part in the match. */
export type GroupValue = string | readonly (string | null)[] | null;

export type Groups = Record<string, GroupValue>;

export interface FilterRegex {
  /** As configured. */
  readonly source: string;
  readonly pattern: Pattern;
  /** Are there `alt_` or `tuple_` groups? */
  readonly merges: boolean;
  /** The captured groups with `alt_` and `tuple_` groups merged. */
  groupsOf(match: PatternMatch): Groups;
}

interface CompileOptions {
  readonly compile: CompileRegex;
  readonly multiline: boolean;
  /** False for usedns = no: `<HOST>` then takes addresses only. */
  readonly names: boolean;
  /** What the error says it is: `failregex 3`. */
  readonly what: string;
}

/** The groups that can say whom to ban. */
const idGroups = ['fid', 'ip4', 'ip6', 'dns', 'mlfid'];

/** Throws ERR_FILTER_EMPTY or ERR_FILTER_REGEX with the place of the regex. */
export function compileRegex(source: RegexSource, options: CompileOptions): FilterRegex {
  const expanded = localFlags(expandTags(source.regex, options.names));
  if (expanded.trim() === '') throw new EdgebanError('ERR_FILTER_EMPTY', `${options.what} is empty`, placeOf(source));
  const pattern = compiled(expanded, source, options);
  const merges = mergesOf(pattern.names);
  const { alternatives, tuples } = merges;
  return {
    source: source.regex,
    pattern,
    merges: alternatives.length + tuples.length > 0,
    groupsOf: (match) => mergeGroups(match, merges),
  };
}

function compiled(expanded: string, source: RegexSource, options: CompileOptions): Pattern {
  try {
    return options.compile(expanded, options.multiline);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const remedy = cause instanceof EdgebanError ? cause.remedy : undefined;
    const place = { ...placeOf(source), cause, ...(remedy === undefined ? {} : { remedy }) };
    const reason = cause instanceof EdgebanError ? cause.message : describeError(cause);
    throw new EdgebanError('ERR_FILTER_REGEX', `${options.what} cannot be used: ${reason}`, place);
  }
}

/** A failregex needs a failure id, in itself or in the prefregex: ERR_FILTER_NO_ID where there is none. */
export function checkFailureId(
  regex: FilterRegex,
  source: RegexSource,
  prefregex: FilterRegex | null,
  what: string,
): void {
  const groups = [...regex.pattern.names, ...(prefregex?.pattern.names ?? [])];
  if (idGroups.some((name) => groups.includes(name))) return;
  const remedy = 'say where the address stands with <HOST> or <ADDR>, or the id with <F-ID>…</F-ID>';
  throw new EdgebanError('ERR_FILTER_NO_ID', `no failure-id group in ${what}: ${source.regex}`, {
    ...placeOf(source),
    remedy,
  });
}

function placeOf(source: RegexSource): ErrorPlace {
  const file = source.file === undefined ? {} : { file: source.file };
  return source.line === undefined ? file : { ...file, line: source.line };
}

interface Merge {
  readonly from: string;
  readonly into: string;
}

/** `alt_user_2` fills `user`, `tuple_id_1` joins `fid`; both in the order of their names. */
function mergesOf(names: readonly string[]): { readonly alternatives: Merge[]; readonly tuples: Merge[] } {
  const sorted = names.toSorted((a, b) => (a < b ? -1 : 1));
  const merges = (prefix: string) => sorted.flatMap((from) => mergeOf(from, prefix));
  return { alternatives: merges('alt_'), tuples: merges('tuple_') };
}

function mergeOf(from: string, prefix: string): Merge[] {
  if (from.length <= 4 || !from.startsWith(prefix)) return [];
  const base = from.slice(prefix.length).replace(/_\p{Nd}+$/u, '');
  return [{ from, into: groupOfTag(base) }];
}

function mergeGroups(match: PatternMatch, merges: ReturnType<typeof mergesOf>): Groups {
  const groups: Groups = {};
  const caught = match.groups;
  for (const name in caught) groups[name] = caught[name] ?? null;
  for (const { from, into } of merges.alternatives) {
    const value = groups[from] ?? '';
    if (value !== '' && (groups[into] ?? '') === '') groups[into] = value;
  }
  for (const { from, into } of merges.tuples) {
    const value = groups[from];
    groups[into] = [...partsOf(groups[into]), typeof value === 'string' ? value : null];
  }
  return groups;
}

function partsOf(value: GroupValue | undefined): readonly (string | null)[] {
  if (value === undefined || value === null) return [null];
  return typeof value === 'string' ? [value] : value;
}

/** Took part in the match and caught something: what Python calls true. */
export function isSet(value: GroupValue | undefined): boolean {
  return value !== undefined && value !== null && value.length > 0;
}
