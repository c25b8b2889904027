/** One regex of a filter: tags expanded, compiled, and its groups read as fail2ban reads them. */
import { describeError, EdgebanError, type ErrorPlace } from '../errors.ts';
import { type Caught, type GroupNames, type GroupValue, isSet } from './groups.ts';
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

export interface FilterRegex {
  /** As configured. */
  readonly source: string;
  readonly pattern: Pattern;
  /** The numbers of its groups (`GroupNames`) in the order of their opening, then of those that others are merged into. */
  readonly order: readonly number[];
  /** Are there `alt_` or `tuple_` groups? */
  readonly merges: boolean;
  /**
   * Puts what a match caught in its place, `alt_` and `tuple_` groups merged; `without` leaves out one group. Of a group that
   * took no part stays what the prefregex caught, as in fail2ban 1.1.1; before, that was forgotten.
   */
  take(match: PatternMatch, into: Caught, without?: number): void;
}

interface CompileOptions {
  readonly compile: CompileRegex;
  readonly multiline: boolean;
  /** False for usedns = no: `<HOST>` then takes addresses only. */
  readonly names: boolean;
  /** What the error says it is: `failregex 3`. */
  readonly what: string;
  readonly groups: GroupNames;
}

/** The groups that can say whom to ban. */
const idGroups = ['fid', 'ip4', 'ip6', 'dns', 'mlfid'];

/** Throws ERR_FILTER_EMPTY or ERR_FILTER_REGEX with the place of the regex. */
export function compileRegex(source: RegexSource, options: CompileOptions): FilterRegex {
  const expanded = localFlags(expandTags(source.regex, options.names));
  if (expanded.trim() === '') throw new EdgebanError('ERR_FILTER_EMPTY', `${options.what} is empty`, placeOf(source));
  const pattern = compiled(expanded, source, options);
  const numbers = pattern.names.map((name) => options.groups.numberOf(name));
  const merges = mergesOf(pattern.names, options.groups);
  const merged = [...merges.alternatives, ...merges.tuples].map(({ into }) => into);
  const take: FilterRegex['take'] = (match, into, without = -1) =>
    takeGroups(match, pattern, { numbers, without }, into);
  return {
    source: source.regex,
    pattern,
    order: [...new Set([...numbers, ...merged])],
    merges: merged.length > 0,
    take: merged.length === 0 ? take : (match, into) => takeMerged(merges, (fresh) => take(match, fresh), into),
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
  readonly from: number;
  readonly into: number;
}

interface Merges {
  readonly alternatives: readonly Merge[];
  readonly tuples: readonly Merge[];
}

/** `alt_user_2` fills `user`, `tuple_id_1` joins `fid`; both in the order of their names. */
function mergesOf(names: readonly string[], groups: GroupNames): Merges {
  const sorted = names.toSorted((a, b) => (a < b ? -1 : 1));
  const merges = (prefix: string) => sorted.flatMap((from) => mergeOf(from, prefix, groups));
  return { alternatives: merges('alt_'), tuples: merges('tuple_') };
}

function mergeOf(from: string, prefix: string, groups: GroupNames): Merge[] {
  if (from.length <= 4 || !from.startsWith(prefix)) return [];
  const base = from.slice(prefix.length).replace(/_\p{Nd}+$/u, '');
  return [{ from: groups.numberOf(from), into: groups.numberOf(groupOfTag(base)) }];
}

function takeGroups(
  match: PatternMatch,
  { numbers }: Pattern,
  { numbers: places, without }: { numbers: readonly number[]; without: number },
  into: Caught,
): void {
  for (let index = 0; index < places.length; index += 1) {
    const place = places[index] ?? 0;
    if (place !== without) into[place] = match.caught(numbers[index] ?? 0) ?? into[place] ?? null;
  }
}

/** What another regex caught before counts for nothing in the merging. */
function takeMerged({ alternatives, tuples }: Merges, take: (fresh: Caught) => void, into: Caught): void {
  const fresh: Caught = [];
  take(fresh);
  for (const { from, into: place } of alternatives) {
    const value = fresh[from];
    if (isSet(value) && !isSet(fresh[place])) fresh[place] = value;
  }
  for (const { from, into: place } of tuples) {
    const value = fresh[from];
    fresh[place] = [...partsOf(fresh[place]), typeof value === 'string' ? value : null];
  }
  for (const [place, value] of fresh.entries()) if (value !== undefined) into[place] = value ?? into[place] ?? null;
}

function partsOf(value: GroupValue | undefined): readonly (string | null)[] {
  if (value === undefined || value === null) return [null];
  return typeof value === 'string' ? [value] : value;
}
