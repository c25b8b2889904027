/** What a filter says of one line, and how that comes together. */
import type { Failure } from '../ticket.ts';
import type { UnixTime } from '../time.ts';
import type { Groups } from './failregex.ts';
import { addressesOf, textOfValue } from './failure-id.ts';
import type { DatedLine, DateNotice, LineMode } from './line-date.ts';
import type { Draft } from './mlfid.ts';
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
  readonly failure: Omit<FilterFailure, 'id' | 'ip'>;
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
  readonly prefix: (() => Groups) | null;
  /** The line's time; null where it has none. */
  readonly time: UnixTime | null;
  readonly template: string | null;
  readonly notice: DateNotice | null;
  readonly trouble: LineTrouble | null;
}

/** The failures of a name whose addresses have come; none where there is none. */
export function failuresOf(pending: PendingFailure, addresses: readonly string[]): FilterFailure[] {
  return addressesOf(addresses).map((address) => ({ ...pending.failure, id: address, ip: address }));
}

/** What comes together while one line is judged. */
export interface Verdict {
  readonly line: DatedLine;
  readonly time: UnixTime;
  readonly now: UnixTime;
  readonly mode: LineMode;
  readonly budget: Budget;
  failures: FilterFailure[];
  pending: PendingFailure[];
  hits: number[];
  ignoredBy: number | null;
  prefregex: boolean | null;
  prefix: (() => Groups) | null;
  others: OtherHit[];
  trouble: LineTrouble | null;
}

/** Nothing is known yet. A failure is never later than now, except where times are taken as they stand. */
export function newVerdict(line: DatedLine, now: UnixTime, mode: LineMode, budget: Budget): Verdict {
  const time = line.time ?? now;
  return {
    line,
    time: mode === 'unchecked' ? time : Math.min(time, now),
    now,
    mode,
    budget,
    failures: [],
    pending: [],
    hits: [],
    ignoredBy: null,
    prefregex: null,
    prefix: null,
    others: [],
    trouble: null,
  };
}

/** A failure that still lacks its id. */
export function failureOf(draft: Draft, regex: number, time: UnixTime): PendingFailure['failure'] {
  const groups: Record<string, string> = {};
  for (const [name, value] of Object.entries(draft.groups)) if (value !== null) groups[name] = textOfValue(value);
  return { regex, time, matches: [...draft.matches], groups, users: [...draft.users] };
}

/** The result of a line that could not be judged. */
export function missed(trouble: LineTrouble): LineResult {
  const nothing = { failures: [], pending: [], hits: [], others: [], ignoredBy: null, prefregex: null, prefix: null };
  return { ...nothing, status: 'missed', time: null, template: null, notice: null, trouble };
}

export function resultOf(verdict: Verdict): LineResult {
  const { failures, pending, hits, others, ignoredBy, prefregex, prefix, line, trouble } = verdict;
  const found = trouble === null ? { failures, pending } : { failures: [], pending: [] };
  const { time, template, notice } = line;
  return {
    status: statusOf(verdict),
    ...found,
    hits,
    others,
    ignoredBy,
    prefregex,
    prefix,
    time,
    template,
    notice,
    trouble,
  };
}

function statusOf(verdict: Verdict): LineStatus {
  if (verdict.trouble !== null) return 'missed';
  if (verdict.failures.length > 0) return 'match';
  if (verdict.ignoredBy !== null) return 'ignored';
  if (verdict.hits.length === 0) return 'missed';
  const quiet = verdict.others.some(({ kind }) => kind !== 'waiting');
  return verdict.others.length > 0 && !quiet ? 'multi' : 'nofail';
}
