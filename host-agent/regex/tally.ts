/** Counts what the lines came to, by fail2ban-regex's way of counting. */
import type { FilterFailure, LineParts, LineResult, OtherHit } from '../../shared/filter/filter.ts';
import type { UnixTime } from '../../shared/time.ts';

/** Characters of the lines that are kept to be printed, of each kind; what is more is only counted. */
const kept_chars_max = 32 << 20;
/** Matches of one regex that -v lists. */
const listed_max = 100_000;

export interface Listed {
  readonly id: string;
  readonly time: UnixTime | null;
  /** Another regex hit the same line. */
  readonly several: boolean;
}

export class RegexCount {
  hits = 0;
  readonly listed: Listed[] = [];
}

/** Lines of one kind, the first of them kept. */
export class LineList {
  count = 0;
  readonly #keep: number;
  readonly #kept: string[] = [];
  #chars = 0;

  /** `keep` is how many of them; Infinity for all that fit. */
  constructor(keep: number) {
    this.#keep = keep;
  }

  get kept(): readonly string[] {
    return this.#kept;
  }

  /** Counts one more; `text` is asked for only where the line is kept. */
  add(text: () => string): void {
    this.count += 1;
    if (this.count > this.#keep || this.#chars > kept_chars_max) return;
    const line = text();
    this.#chars += line.length;
    this.#kept.push(line);
  }

  /** Moves a line into another list: it turned out to belong to a match that came later. */
  give(text: string, to: LineList): void {
    const at = this.#kept.indexOf(text);
    if (at >= 0) this.#kept.splice(at, 1);
    this.count -= 1;
    to.add(() => text);
  }
}

/** What fail2ban's server would have been told of, in the order of the regexes. */
function byRegex(failures: readonly FilterFailure[], others: readonly OtherHit[]): (FilterFailure | OtherHit)[] {
  const returned = others.filter(({ kind }) => kind !== 'held');
  return [...failures, ...returned].toSorted((a, b) => a.regex - b.regex);
}

export interface TallyOptions {
  readonly failregex: number;
  readonly ignoreregex: number;
  /** How many lines of each kind are kept. */
  readonly keep: { readonly matched: number; readonly ignored: number; readonly missed: number };
  /** Note the single matches of each regex. */
  readonly list: boolean;
}

export class Tally {
  readonly failregex: readonly RegexCount[];
  readonly ignoreregex: readonly RegexCount[];
  readonly matched: LineList;
  readonly ignored: LineList;
  readonly missed: LineList;
  prefregex = 0;
  /** Lines that took too many steps, or whose date made them unreadable. */
  troubled = 0;
  readonly #options: TallyOptions;

  constructor(options: TallyOptions) {
    this.#options = options;
    const counts = (length: number) => Array.from({ length }, () => new RegexCount());
    this.failregex = counts(options.failregex);
    this.ignoreregex = counts(options.ignoreregex);
    this.matched = new LineList(options.keep.matched);
    this.ignored = new LineList(options.keep.ignored);
    this.missed = new LineList(options.keep.missed);
  }

  get tested(): number {
    return this.matched.count + this.ignored.count + this.missed.count;
  }

  /** `failures` are the result's, those of names that have been resolved since included. */
  add(result: LineResult, failures: readonly FilterFailure[], text: () => string): void {
    if (result.prefregex === true) this.prefregex += 1;
    if (result.trouble !== null) this.troubled += 1;
    this.#countIgnored(result, failures);
    if (result.hits.length > 0) this.#countHits(result, failures);
    const { others } = result;
    const quiet = others.length > 0 && others.some(({ kind }) => kind === 'quiet');
    const found = failures.length > 0 || (others.length > 0 && others.some(({ kind }) => kind === 'waiting'));
    if (quiet || result.ignoredBy !== null) this.ignored.add(text);
    else if (found) this.matched.add(text);
    else this.missed.add(text);
  }

  /** Lines that waited in the buffer and have gone with a match count as matched after all. */
  moveTaken(before: readonly LineParts[], after: readonly LineParts[], maxlines: number): void {
    for (const line of before.length >= maxlines ? before.slice(1) : before) {
      const stays = after.some(
        (other) => other.before === line.before && other.date === line.date && other.after === line.after,
      );
      if (!stays) this.missed.give(line.before + line.date + line.after, this.matched);
    }
  }

  #countIgnored({ ignoredBy, hits, others }: LineResult, failures: readonly FilterFailure[]): void {
    if (ignoredBy === null) return;
    const counted = new Set([...failures, ...others].map(({ regex }) => regex));
    const count = this.ignoreregex[ignoredBy];
    if (count !== undefined) count.hits += Math.max(1, hits.length - counted.size);
  }

  #countHits({ others, time }: LineResult, failures: readonly FilterFailure[]): void {
    let place = 0;
    const found = others.length === 0 ? failures : byRegex(failures, others);
    for (const hit of found) {
      const count = this.failregex[hit.regex];
      if (count === undefined) throw new Error(`no failregex ${hit.regex}`);
      count.hits += 1;
      if (this.#options.list && count.listed.length < listed_max) {
        count.listed.push({ id: hit.id ?? 'None', time, several: place > 1 });
      }
      if (!('kind' in hit) || hit.kind === 'waiting') place += 1;
    }
  }
}
