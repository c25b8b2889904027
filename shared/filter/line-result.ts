/** What a filter says of one line, and how that comes together. */
import type { Failure } from '../ticket.ts';
import type { UnixTime } from '../time.ts';
import { addressesOf } from './failure-id.ts';
import { type Caught, type GroupNames, type GroupValue, textOfValue } from './groups.ts';
import type { DatedLine, DateNotice, LineMode } from './line-date.ts';
import type { Draft } from './mlfid.ts';
import type { Prefix } from './prefix.ts';
import type { Budget } from './regex/pattern.ts';

/** A failure and the failregex that found it. */
export interface FilterFailure extends Failure {
  /** From 0, in the order of the configuration. */
  readonly regex: number;
  /** Different user names seen in the session. */
  readonly users: readonly string[];
}

/** A failure whose name is still being looked up: give it to failuresOf when the addresses are there. */
export interface PendingFailure {
  readonly name: string;
  readonly failure: FoundFailure;
}

/**
 * `match` has failures; `nofail` hit a regex that is no failure (or whose name has no address yet); `multi` waits for the
 * session's id; `ignored` by an ignoreregex; `missed` is all else.
 */
export type LineStatus = 'match' | 'nofail' | 'multi' | 'ignored' | 'missed';

/**
 * A hit that is no failure: of a `<F-NOFAIL>` regex (`quiet`; `held` where the session keeps it and the first hit decides),
 * or one whose session has no id yet (`waiting`).
 */
export interface OtherHit {
  readonly kind: 'quiet' | 'held' | 'waiting';
  readonly regex: number;
  /** Null where it is not known (yet). */
  readonly id: string | null;
}

/** Why a line could not be judged to the end; such a line is a miss. */
export interface LineTrouble {
  /** `steps`: the regexes cost more than a line may. `date`: its date cannot be read at all. */
  readonly kind: 'steps' | 'date';
  /** Where: `failregex 3`, `prefregex`, `ignoreregex 0`, `datepattern`. */
  readonly where: string;
}

export interface LineResult {
  readonly status: LineStatus;
  readonly failures: readonly FilterFailure[];
  readonly pending: readonly PendingFailure[];
  /** The failregexes that hit, from 0. */
  readonly hits: readonly number[];
  /** Hits that are no failures, in the order of the regexes. */
  readonly others: readonly OtherHit[];
  /** The ignoreregex that hit. */
  readonly ignoredBy: number | null;
  /** Did the prefregex hit? Null where there is none or it was not asked. */
  readonly prefregex: boolean | null;
  /** What the prefregex caught, for those who ask. */
  readonly prefix: (() => Readonly<Record<string, GroupValue>>) | null;
  /** The line's time; null where it has none. */
  readonly time: UnixTime | null;
  readonly template: string | null;
  readonly notice: DateNotice | null;
  readonly trouble: LineTrouble | null;
}

/** The failures of a name whose addresses have come; none where there is none. */
export function failuresOf({ failure }: PendingFailure, addresses: readonly string[]): FilterFailure[] {
  return addressesOf(addresses).map((address) => failure.of(address, address));
}

const none: readonly never[] = [];

/** What a failregex has found, with all but the id that it is about. */
export class FoundFailure {
  readonly regex: number;
  readonly time: UnixTime;
  readonly matches: readonly string[];
  readonly users: readonly string[];
  readonly #caught: Caught;
  readonly #order: readonly number[];
  readonly #names: GroupNames;

  /** `order` is that of the groups' names. */
  constructor(
    { groups, matches, users }: Draft,
    { regex, time }: { regex: number; time: UnixTime },
    names: GroupNames,
    order: readonly number[],
  ) {
    this.regex = regex;
    this.time = time;
    this.matches = matches;
    this.users = users;
    this.#caught = groups;
    this.#order = order;
    this.#names = names;
  }

  of(id: string, ip: string | null): FilterFailure {
    return new IdentifiedFailure(this, id, ip);
  }

  groups(): Readonly<Record<string, string>> {
    const groups: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#names.record(this.#caught, this.#order))) {
      if (value !== null) groups[name] = textOfValue(value);
    }
    return groups;
  }
}

class IdentifiedFailure implements FilterFailure {
  readonly id: string;
  readonly ip: string | null;
  readonly regex: number;
  readonly time: UnixTime;
  readonly matches: readonly string[];
  readonly users: readonly string[];
  readonly #found: FoundFailure;
  #groups: Readonly<Record<string, string>> | null = null;

  constructor(found: FoundFailure, id: string, ip: string | null) {
    this.id = id;
    this.ip = ip;
    this.regex = found.regex;
    this.time = found.time;
    this.matches = found.matches;
    this.users = found.users;
    this.#found = found;
  }

  /** Made when they are asked for: most failures are only counted. */
  get groups(): Readonly<Record<string, string>> {
    this.#groups ??= this.#found.groups();
    return this.#groups;
  }
}

/** What comes together while one line is judged, and then is the result. */
export class Verdict implements LineResult {
  readonly line: DatedLine;
  readonly now: UnixTime;
  readonly mode: LineMode;
  readonly budget: Budget;
  failures: readonly FilterFailure[] = none;
  pending: readonly PendingFailure[] = none;
  hits: readonly number[] = none;
  others: readonly OtherHit[] = none;
  ignoredBy: number | null = null;
  prefregex: boolean | null = null;
  prefixed: Prefix | null = null;
  trouble: LineTrouble | null = null;

  constructor(line: DatedLine, now: UnixTime, mode: LineMode, budget: Budget) {
    this.line = line;
    this.now = now;
    this.mode = mode;
    this.budget = budget;
  }

  get time(): UnixTime | null {
    return this.line.time;
  }

  get template(): string | null {
    return this.line.template;
  }

  get notice(): DateNotice | null {
    return this.line.notice;
  }

  /** When a failure happened: never later than now, except where times are taken as they stand. */
  get failureTime(): UnixTime {
    const time = this.line.time ?? this.now;
    return this.mode === 'unchecked' ? time : Math.min(time, this.now);
  }

  get prefix(): LineResult['prefix'] {
    const { prefixed } = this;
    return prefixed === null ? null : () => prefixed.record();
  }

  get status(): LineStatus {
    if (this.trouble !== null) return 'missed';
    if (this.failures.length > 0) return 'match';
    if (this.ignoredBy !== null) return 'ignored';
    if (this.hits.length === 0) return 'missed';
    const quiet = this.others.some(({ kind }) => kind !== 'waiting');
    return this.others.length > 0 && !quiet ? 'multi' : 'nofail';
  }

  hit(regex: number): void {
    this.hits = appended(this.hits, regex);
  }

  giveUp(where: string): void {
    this.trouble ??= { kind: 'steps', where };
  }

  /** A line that was not judged to the end is a miss. */
  end(): this {
    if (this.trouble !== null) {
      this.failures = none;
      this.pending = none;
    }
    return this;
  }

  fail(failures: readonly FilterFailure[]): void {
    this.failures = this.failures.length === 0 ? failures : [...this.failures, ...failures];
  }

  wait(pending: PendingFailure): void {
    this.pending = appended(this.pending, pending);
  }

  other(hit: OtherHit): void {
    this.others = appended(this.others, hit);
  }
}

/** Most lists have one element at the most. */
function appended<T>(list: readonly T[], one: T): readonly T[] {
  return list.length === 0 ? [one] : [...list, one];
}

/** The result of a line that could not be judged. */
export function missed(trouble: LineTrouble): LineResult {
  const nothing = { failures: [], pending: [], hits: [], others: [], ignoredBy: null, prefregex: null, prefix: null };
  return { ...nothing, status: 'missed', time: null, template: null, notice: null, trouble };
}
