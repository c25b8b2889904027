/** Every filter that we ship hits its samples and nothing else, and every failregex of it has a sample. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Filter, FilterFailure } from '../../shared/filter/filter.ts';
import { bytesOf } from './kit.ts';
import { readSamples, sampleNow, samplesDir, shippedConf, shippedDir, shippedFilter, somebodyElse } from './shipped.ts';

it('has samples of every filter', () => {
  const filters = readdirSync(`${shippedDir}filter.d`).filter((file) => !file.endsWith('common.conf'));
  const samples = readdirSync(samplesDir).map((file) => file.replace(/\.txt$/, '.conf'));
  expect(samples.sort()).toEqual(filters.sort());
});

/** All samples are of one day: a date that was taken from elsewhere, or not found, gives another. */
function isSampleDay(time: number | null): boolean {
  return time !== null && new Date(time * 1000).toISOString().startsWith('2026-11-22T2');
}

function factsOf({ id, ip, time, regex, groups, users }: FilterFailure) {
  return { id, ip, time, regex, groups, users };
}

/** Without look-around, back references and conditionals: what RE2 does in linear time. */
function isRegular(regex: string): boolean {
  return !/\(\?(?:[=!]|<[=!]|P=|\(|>)|(?<!\\)(?:\\\\)*\\[1-9]/.test(regex);
}

describe.each(readdirSync(samplesDir).filter((file) => file.endsWith('.txt')))('%s', (file) => {
  const name = file.replace(/\.txt$/, '');
  const samples = readSamples(file);

  it('gives each line its verdict', () => {
    const filters = new Map<string, Filter>();
    for (const { where, options, text, failure } of samples) {
      const filter = filters.get(options) ?? shippedFilter(name, options);
      filters.set(options, filter);
      const time = options.includes('logtype=journal') ? { time: sampleNow } : {};
      const { failures, time: found } = filter.process({ bytes: bytesOf(text), ...time }, sampleNow, 'unchecked');
      const seen = failures.map(({ id, groups }) => ({ id, groups: only(groups, Object.keys(failure?.groups ?? {})) }));
      expect(seen, `${where}: ${text}`).toEqual(failure === null ? [] : [failure]);
      if (failure !== null && !('time' in time))
        expect(isSampleDay(found), `${where}: its date is ${found}`).toBe(true);
    }
  });

  it('gives the same verdicts where nobody asks for the lines of failures', () => {
    const filters = new Map<string, readonly [Filter, Filter]>();
    for (const { where, options, text } of samples) {
      const both = filters.get(options) ?? [shippedFilter(name, options), shippedFilter(name, options, true)];
      filters.set(options, both);
      const line = { bytes: bytesOf(text), ...(options.includes('logtype=journal') ? { time: sampleNow } : {}) };
      const [whole, without] = both.map((filter) => filter.process(line, sampleNow, 'unchecked'));
      const told = (result = whole) => [result?.status, result?.hits, result?.others, result?.failures.map(factsOf)];
      expect(told(without), where).toEqual(told(whole));
      expect(without?.failures.flatMap(({ matches }) => matches)).toEqual([]);
    }
  });

  it('tries to have somebody else banned, and fails', () => {
    expect(samples.some(({ text }) => text.includes(somebodyElse))).toBe(true);
    expect(samples.filter(({ failure }) => failure?.id === somebodyElse)).toEqual([]);
  });

  it('has regular expressions only', () => {
    for (const options of new Set(samples.map((sample) => sample.options))) {
      const filter = shippedConf(name, options);
      const regexes = [
        ...filter.failregex,
        ...filter.ignoreregex,
        ...(filter.prefregex === null ? [] : [filter.prefregex]),
      ];
      expect(regexes.filter(({ regex }) => !isRegular(regex))).toEqual([]);
    }
  });

  it('hits every failregex', () => {
    for (const options of new Set(samples.map((sample) => sample.options))) {
      if (options.includes('logtype=')) continue;
      const filter = shippedFilter(name, options);
      const hit = new Set<number>();
      const fitting = samples.filter((sample) => sample.failure !== null && !sample.options.includes('logtype='));
      for (const { text } of fitting)
        for (const index of filter.process({ bytes: bytesOf(text) }, sampleNow, 'unchecked').hits) hit.add(index);
      const missing = filter.failregex.filter((_, index) => !hit.has(index));
      expect(missing, `${name}[${options}]`).toEqual([]);
    }
  });
});

function only(groups: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, groups[name] ?? 'no such group']));
}
