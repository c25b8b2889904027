/** The filters that we ship, and their samples. */
import { readFileSync } from 'node:fs';
import { combineFilter, openFilter, regexesOf, regexOf } from '../../shared/config/filter-conf.ts';
import { openFiles } from '../../shared/config/read-order.ts';
import { sourced } from '../../shared/config/sourced.ts';
import { createFilter, type Filter } from '../../shared/filter/filter.ts';
import { diskFiles } from '../config/files.ts';
import { portsWith, startTime, utc } from './kit.ts';

export const samplesDir = new URL('../samples/', import.meta.url).pathname;
export const shippedDir = new URL('../../host-agent/etc/', import.meta.url).pathname;
const here = { file: 'samples', line: 1 };

export interface Sample {
  readonly where: string;
  readonly options: string;
  readonly text: string;
  /** The id and the groups that the line must give; null where it must not hit. */
  readonly failure: { readonly id: string; readonly groups: Readonly<Record<string, string>> } | null;
}

/** The format is told in the head of each file. */
export function readSamples(file: string): Sample[] {
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

/** The filter of that name with options as a sample's `@` line has them. */
export function shippedFilter(name: string, options: string, withoutMatches = false): Filter {
  return createFilter({ ...shippedConf(name, options), withoutMatches }, portsWith({ zone: utc }), startTime);
}

export function shippedConf(name: string, options: string) {
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

/** When the samples are read: in the January after their day. */
export const sampleNow = startTime + 20_000_000;

/** Whom the samples' tricks name: see their heads. */
export const somebodyElse = '203.0.113.9';
