/** Every sample line of fail2ban's own corpus gets fail2ban's own verdict; fail2ban answers itself, at test time. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Filter, LineResult } from '../../shared/filter/filter.ts';
import { checkout } from '../config/oracle.ts';
import { bytesOf, filterOf, sampleTime } from './kit.ts';

const confSchema = z.object({
  failregex: z.array(z.string()),
  ignoreregex: z.array(z.string()),
  prefregex: z.string().optional(),
  maxlines: z.coerce.number().optional(),
  datepattern: z.string().optional(),
  logtimezone: z.string().optional(),
});
const failureSchema = z.object({
  id: z.string(),
  time: z.number().nullable(),
  regex: z.number(),
  matches: z.array(z.string()),
  groups: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
});
const verdictSchema = z.object({
  status: z.enum(['match', 'ignored', 'hit', 'missed']),
  hits: z.array(z.number()),
  failures: z.array(failureSchema),
});
const caseSchema = verdictSchema.extend({ text: z.string(), time: z.number().nullable() });
const rowSchema = z.intersection(z.object({ key: z.string() }), z.union([z.object({ conf: confSchema }), caseSchema]));

describe.each([
  ['all regexes tried', true],
  ['the first hit wins', false],
])("fail2ban's corpus, %s", (_, checkAllRegex) => {
  it('agrees in every case', (ctx) => {
    const { cases, differing } = compare(corpus(checkout(ctx), checkAllRegex), checkAllRegex);
    expect(differing).toEqual([]);
    expect(cases).toBe(1_671);
  });
});

function corpus(path: string, checkAllRegex: boolean): string[] {
  const program = new URL('./f2b-corpus.py', import.meta.url).pathname;
  const options = checkAllRegex ? [] : ['--first-match'];
  const output = execFileSync('python3', [program, path, ...options], { maxBuffer: 1 << 28 });
  return output.toString().trim().split('\n');
}

function compare(rows: readonly string[], checkAllRegex: boolean) {
  const filters = new Map<string, Filter>();
  const differing: unknown[] = [];
  let cases = 0;
  for (const row of rows) {
    const parsed = rowSchema.parse(JSON.parse(row));
    if ('conf' in parsed) {
      filters.set(parsed.key, filterFrom(parsed.conf, checkAllRegex));
      continue;
    }
    cases += 1;
    const line = { bytes: bytesOf(parsed.text), ...(parsed.time === null ? {} : { time: parsed.time }) };
    const ours = ourVerdict(filters.get(parsed.key)?.process(line, sampleTime, 'unchecked'));
    const theirs = theirVerdict(parsed);
    if (JSON.stringify(ours) !== JSON.stringify(theirs))
      differing.push({ key: parsed.key, text: parsed.text, ours, theirs });
  }
  return { cases, differing };
}

function filterFrom(conf: z.infer<typeof confSchema>, checkAllRegex: boolean): Filter {
  const ignoreregex = conf.ignoreregex.map((regex) => ({ regex }));
  return filterOf(conf.failregex, {
    ignoreregex,
    prefregex: conf.prefregex === undefined ? null : { regex: conf.prefregex },
    maxlines: conf.maxlines ?? 1,
    datepattern: conf.datepattern ?? null,
    logtimezone: conf.logtimezone ?? null,
    usedns: 'raw',
    checkAllRegex,
  });
}

/** Only what both sides say: fail2ban forgets which regex hit where an ignoreregex did. */
function ourVerdict(result: LineResult | undefined) {
  if (result === undefined) return null;
  const status = result.status === 'nofail' || result.status === 'multi' ? 'hit' : result.status;
  const failures = result.failures.map((failure) => ({
    id: failure.id,
    time: result.time === null ? null : failure.time,
    regex: failure.regex,
    matches: failure.matches,
    users: failure.users.toSorted(),
    groups: sorted(failure.groups),
  }));
  return { status, hits: status === 'ignored' ? [] : result.hits, failures };
}

function theirVerdict({ status, hits, failures }: z.infer<typeof verdictSchema>) {
  const told = failures.map(({ id, time, regex, matches, groups }) => {
    const { users, ip: _, ...texts } = groups;
    return { id, time, regex, matches, users: users ?? [], groups: sorted(texts) };
  });
  return { status, hits: status === 'ignored' ? [] : hits, failures: told };
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
