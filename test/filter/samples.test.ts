/** Every filter that we ship hits its samples and nothing else, and every failregex of it has a sample. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { combineFilter, openFilter, regexesOf, regexOf } from '../../shared/config/filter-conf.ts';
import { openFiles } from '../../shared/config/read-order.ts';
import { sourced } from '../../shared/config/sourced.ts';
import { createFilter, type Filter } from '../../shared/filter/filter.ts';
import { diskFiles } from '../config/files.ts';
import { bytesOf, portsWith, startTime, utc } from './kit.ts';

const samplesDir = new URL('../samples/', import.meta.url).pathname;
const shippedDir = new URL('../../host-agent/etc/', import.meta.url).pathname;
const here = { file: 'samples', line: 1 };

interface Sample {
  readonly where: string;
  readonly options: string;
  readonly text: string;
  /** The id and the groups that the line must give; null where it must not hit. */
  readonly failure: { readonly id: string; readonly groups: Readonly<Record<string, string>> } | null;
}

/** The format is told in the head of each file. */
function readSamples(file: string): Sample[] {
  const samples: Sample[] = [];
  let options = '';
  let failure: Sample['failure'] | undefined;
  for (const [index, text] of readFileSync(samplesDir + file, 'utf8')
    .split('\n')
    .entries()) {
    if (failure !== undefined) {
      samples.push({ where: `${file}:${index + 1}`, options, text, failure });
      failure = undefined;
    } else if (text.startsWith('@ ')) options = text.slice(2);
    else if (text.startsWith('+ ')) failure = readFailure(text.slice(2));
    else if (text.startsWith('- ')) failure = null;
    else if (text !== '' && !text.startsWith('#'))
      throw new Error(`${file}:${index + 1}: neither a sample nor a comment`);
  }
  return samples;
}

function readFailure(text: string): NonNullable<Sample['failure']> {
  const [id = '', ...groups] = text.split(' ');
  return { id, groups: Object.fromEntries(groups.map((group) => splitAt(group.replaceAll('\\s', ' ')))) };
}

function splitAt(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

function shippedFilter(name: string, options: string): Filter {
  return createFilter(shippedConf(name, options), portsWith({ zone: utc }), startTime);
}

function shippedConf(name: string, options: string) {
  const given = options
    .split(' ')
    .filter((option) => option !== '')
    .map(splitAt);
  const named = new Map(given.map(([key, value]) => [key, sourced(value, here)]));
  const definition = openFilter(
    openFiles(diskFiles),
    shippedDir,
    { name, options: named },
    'auto',
    sourced(name, here),
  );
  const values = combineFilter(definition, new Map());
  const prefregex = values.get('prefregex');
  return {
    failregex: regexesOf(values.get('failregex')),
    ignoreregex: regexesOf(values.get('ignoreregex')),
    prefregex: prefregex === undefined || prefregex.text === '' ? null : regexOf(prefregex),
    datepattern: values.get('datepattern')?.text ?? null,
    maxlines: Number(values.get('maxlines')?.text ?? 1),
    findtime: 600,
  };
}

it('has samples of every filter', () => {
  const filters = readdirSync(`${shippedDir}filter.d`).filter((file) => !file.endsWith('common.conf'));
  const samples = readdirSync(samplesDir).map((file) => file.replace(/\.txt$/, '.conf'));
  expect(samples.sort()).toEqual(filters.sort());
});

const now = startTime + 20_000_000;

/** All samples are of one day: a date that was taken from elsewhere, or not found, gives another. */
function isSampleDay(time: number | null): boolean {
  return time !== null && new Date(time * 1000).toISOString().startsWith('2026-11-22T2');
}

/** Whom the samples' tricks name: see their heads. */
const somebodyElse = '203.0.113.9';

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
      const time = options.includes('logtype=journal') ? { time: now } : {};
      const { failures, time: found } = filter.process({ bytes: bytesOf(text), ...time }, now, 'unchecked');
      const seen = failures.map(({ id, groups }) => ({ id, groups: only(groups, Object.keys(failure?.groups ?? {})) }));
      expect(seen, `${where}: ${text}`).toEqual(failure === null ? [] : [failure]);
      if (failure !== null && !('time' in time))
        expect(isSampleDay(found), `${where}: its date is ${found}`).toBe(true);
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
        for (const index of filter.process({ bytes: bytesOf(text) }, now, 'unchecked').hits) hit.add(index);
      const missing = filter.failregex.filter((_, index) => !hit.has(index));
      expect(missing, `${name}[${options}]`).toEqual([]);
    }
  });
});

function only(groups: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, groups[name] ?? 'no such group']));
}
