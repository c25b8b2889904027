/** Whether two verdicts agree; where they do not, the difference that the README names, if it is one. */
import { canonical } from '../../shared/address.ts';
import type { LineResult } from '../../shared/filter/filter.ts';
import type { FuzzLine, Sequence, TheirVerdict } from './oracle.ts';
import { byRegexAndId, sortedKeys, type Verdict, verdictOf } from './ours.ts';

type Unjudged = Extract<TheirVerdict, { readonly status: 'too long' | 'error' }>;

export interface Judged {
  readonly sequence: Sequence;
  readonly line: FuzzLine;
  readonly theirs: TheirVerdict;
  readonly result: LineResult;
}

/** A difference that is meant. It is told narrowly: everything else of the verdict must agree. */
interface NamedDifference {
  readonly name: string;
  readonly reason: string;
  applies(judged: Judged): boolean;
  /** After it the two remember different things, so that the lines behind it say nothing. */
  readonly ends: boolean;
}

const named: readonly NamedDifference[] = [
  {
    name: 'too long for fail2ban',
    reason: 'fail2ban sits over the line for seconds; we give our verdict, or give up, within 50 ms',
    applies: ({ theirs }) => theirs.status === 'too long',
    ends: true,
  },
  {
    name: 'limit of steps',
    reason: 'a line that costs more than its share of time is a miss, counted and told',
    applies: ({ result }) => result.trouble?.kind === 'steps',
    ends: true,
  },
  {
    name: 'spelling of ::/96',
    reason:
      'the C library writes an address in ::/96 with dots (::255.255.1.146); we write each address as RFC 5952 has it',
    applies: ({ theirs, result }) => {
      const said = told(theirs);
      return 'failures' in said && same(verdictOf(result), { ...said, failures: said.failures.map(respelt) });
    },
    ends: false,
  },
];

function respelt<T extends { readonly id: string; readonly ip: string }>(failure: T): T {
  const spelt = (text: string) => (/^::(?:\d+\.){3}\d+(?:\/\d+)?$/.test(text) ? (canonical(text) ?? text) : text);
  return { ...failure, id: spelt(failure.id), ip: spelt(failure.ip) };
}

export type Outcome =
  | { readonly kind: 'agrees' }
  | { readonly kind: 'named'; readonly name: string; readonly ends: boolean }
  | { readonly kind: 'differs'; readonly ours: Verdict; readonly theirs: Verdict | Unjudged };

export function compare(judged: Judged): Outcome {
  const ours = verdictOf(judged.result);
  const theirs = told(judged.theirs);
  if (same(ours, theirs)) return { kind: 'agrees' };
  const difference = named.find(({ applies }) => applies(judged));
  if (difference !== undefined) return { kind: 'named', name: difference.name, ends: difference.ends };
  return { kind: 'differs', ours, theirs };
}

/** A line that fail2ban drops with an error is a miss; which regexes had hit before that, it does not say. */
function told(verdict: TheirVerdict): Verdict | Unjudged {
  if (verdict.status === 'too long' || verdict.status === 'error') return verdict;
  const failures = verdict.failures.map(({ id, ip, family, time, regex, matches, groups }) => {
    const { users, ip: _, ...texts } = groups;
    return {
      id,
      ip,
      family,
      time,
      regex,
      matches,
      users: Array.isArray(users) ? users : [],
      groups: sortedKeys(texts),
    };
  });
  return {
    status: verdict.status,
    hits: verdict.status === 'ignored' ? [] : verdict.hits,
    failures: failures.toSorted(byRegexAndId),
  };
}

function same(ours: Verdict, theirs: Verdict | Unjudged): boolean {
  if (theirs.status === 'error') return ours.failures.length === 0;
  return JSON.stringify(ours) === JSON.stringify(theirs);
}

/**
 * Named `broken datepattern`: we refuse it when the filter is loaded, with file and line; fail2ban takes it, and drops each
 * line whose date it should find with an error of its regular expression.
 */
export function isRefusedLate({ lines, conf }: Sequence, verdicts: readonly TheirVerdict[]): boolean {
  if (conf.datepattern === undefined) return false;
  return verdicts.every((verdict, index) => {
    const isDropped = verdict.status === 'error' && /^(?:\w+\.)*(?:error|PatternError): /.test(verdict.error);
    return isDropped || lines[index]?.time !== undefined;
  });
}
