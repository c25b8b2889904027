/** The same questions to our own code: a filter's conf, and verdicts in the oracle's words. */
import { createRe2 } from '../../host-agent/system/re2.ts';
import { parsePrefix } from '../../shared/address.ts';
import { combineFilter, openFilter, regexesOf } from '../../shared/config/filter-conf.ts';
import { openFiles } from '../../shared/config/read-order.ts';
import { sourced } from '../../shared/config/sourced.ts';
import type { Filter, FilterFailure, LineResult } from '../../shared/filter/filter.ts';
import type { Re2, Re2Program } from '../../shared/filter/regex/pattern.ts';
import { diskFiles } from '../config/files.ts';
import { filterOf, portsWith } from '../filter/kit.ts';
import type { Conf, FuzzLine, Sequence } from './oracle.ts';

const here = { file: 'fuzz', line: 1 };

export function ourConf(base: string, name: string, options: Readonly<Record<string, string>>): Conf {
  const named = new Map(Object.entries(options).map(([key, value]) => [key, sourced(value, here)]));
  const definition = openFilter(openFiles(diskFiles), base, { name, options: named }, 'auto', sourced(name, here));
  const values = combineFilter(definition, new Map());
  const regexes = (key: string) => regexesOf(values.get(key)).map(({ regex }) => regex);
  const text = (key: string) => values.get(key)?.text ?? '';
  return {
    failregex: regexes('failregex'),
    ignoreregex: regexes('ignoreregex'),
    ...(text('prefregex') === '' ? {} : { prefregex: text('prefregex') }),
    ...(text('maxlines') === '' ? {} : { maxlines: Number(text('maxlines')) }),
    ...(text('datepattern') === '' ? {} : { datepattern: text('datepattern') }),
    ...(text('logtimezone') === '' ? {} : { logtimezone: text('logtimezone') }),
    ...(text('usedns') === '' ? {} : { usedns: text('usedns') }),
  };
}

/** RE2 that keeps what it has compiled: the same filters come again and again. */
function keepingRe2(): Re2 {
  const re2 = createRe2();
  const known = new Map<string, Re2Program>();
  return {
    encode: (text) => re2.encode(text),
    compile: (source) => {
      const program = known.get(source) ?? re2.compile(source);
      known.set(source, program);
      return program;
    },
  };
}

/** Also in f2b-verdicts.py: no address, one, or two, by the length of the name. */
function resolve(name: string): string[] {
  const size = Buffer.byteLength(name);
  return Array.from({ length: size % 3 }, (_, index) => `198.51.100.${(size % 200) + index}`);
}

const ports = portsWith({ re2: keepingRe2(), resolve });

/** Throws EdgebanError for a filter that we refuse. */
export function ourFilter({ conf, all, usedns, findtime }: Sequence): Filter {
  const options = {
    ignoreregex: conf.ignoreregex.map((regex) => ({ regex })),
    prefregex: conf.prefregex === undefined ? null : { regex: conf.prefregex },
    maxlines: conf.maxlines ?? 1,
    datepattern: conf.datepattern ?? null,
    logtimezone: conf.logtimezone ?? null,
    checkAllRegex: all,
    usedns,
    findtime,
  };
  return filterOf(conf.failregex, options, ports);
}

/** What both sides say of a line; users and names' addresses have no order in fail2ban. */
export interface Verdict {
  readonly status: 'match' | 'ignored' | 'hit' | 'missed';
  readonly hits: readonly number[];
  readonly failures: readonly {
    readonly id: string;
    readonly ip: string;
    readonly family: number | null;
    readonly time: number | null;
    readonly regex: number;
    readonly matches: readonly string[];
    readonly users: readonly string[];
    readonly groups: Readonly<Record<string, string | readonly string[]>>;
  }[];
}

export function processed(filter: Filter, line: FuzzLine, mode: Sequence['mode']): LineResult {
  const bytes = Buffer.from(line.text, 'latin1');
  return filter.process(line.time === undefined ? { bytes } : { bytes, time: line.time }, line.now, mode);
}

export function verdictOf(result: LineResult): Verdict {
  const status = result.status === 'nofail' || result.status === 'multi' ? 'hit' : result.status;
  const failures = result.failures.map((failure) => ({
    id: failure.id,
    ip: failure.ip ?? failure.id,
    family: familyOf(failure),
    time: result.time === null ? null : failure.time,
    regex: failure.regex,
    matches: failure.matches,
    users: failure.users.toSorted(),
    groups: sortedKeys(failure.groups),
  }));
  return { status, hits: status === 'ignored' ? [] : result.hits, failures: failures.toSorted(byRegexAndId) };
}

function familyOf({ id, ip }: FilterFailure): number | null {
  return ip === null ? null : (parsePrefix(id)?.family ?? null);
}

export function byRegexAndId(a: { regex: number; id: string }, b: { regex: number; id: string }): number {
  return a.regex - b.regex || (a.id < b.id ? -1 : Number(a.id > b.id));
}

export function sortedKeys<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
