/** The filter of a jail in typed form, and filters by themselves. */
import { EdgebanError } from '../errors.ts';
import {
  combineFilter,
  type FilterConf,
  filterOptions,
  journalMatchesOf,
  openFilter,
  type RegexConf,
  regexesOf,
  regexOf,
  type UseDns,
} from './filter-conf.ts';
import { type Finding, findingOf } from './finding.ts';
import { intOf, type JailReading } from './jail-reading.ts';
import { JailValues } from './jail-values.ts';
import { unknownOptions } from './known-options.ts';
import { parseNamedOptions } from './options-syntax.ts';
import { type ConfigFiles, openFiles } from './read-order.ts';
import { originAt, type Sourced, sourced } from './sourced.ts';

/** What a jail says about its filter, the filter's own options and those that the jail sets taken together. */
export function filterConf(values: JailValues): FilterConf {
  const { reading } = values;
  const both = (name: string) => [reading.filter.get(name), reading.options.get(name)?.source].filter(isSet);
  const failregex = both('failregex').flatMap(regexesOf);
  const prefregex = both('prefregex')[0];
  const datepattern = both('datepattern').at(-1);
  const conf: FilterConf = {
    name: reading.filterName,
    prefregex: prefregex === undefined ? null : regexOf(prefregex),
    failregex,
    ignoreregex: both('ignoreregex').flatMap(regexesOf),
    datepattern: datepattern === undefined ? null : regexOf(datepattern),
    maxlines: maxlinesOf(values, both('maxlines')[0]),
    maxlinesGiven: both('maxlines').length > 0,
    usedns: usednsOf(values, both('usedns')[0]),
    logtype: reading.filterNames.get('logtype')?.text ?? 'file',
    journalmatch: both('journalmatch').flatMap(journalMatchesOf),
  };
  sayOddities(values, conf);
  return conf;
}

function isSet(value: Sourced | undefined): value is Sourced {
  return value !== undefined && value.text !== '';
}

function maxlinesOf(values: JailValues, source: Sourced | undefined): number {
  if (source === undefined) return 1;
  const lines = intOf(source.text);
  if (lines !== null && lines >= 1) return lines;
  values.error(
    'ERR_CONFIG_VALUE',
    `maxlines = ${source.text}: not a number of lines`,
    source,
    'write a whole number of at least 1',
  );
  return 1;
}

const usednsValues: readonly UseDns[] = ['yes', 'warn', 'no', 'raw'];

/** fail2ban, too, falls back on `no` where it does not know the value. */
function usednsOf(values: JailValues, source: Sourced | undefined): UseDns {
  if (source === undefined) return 'warn';
  const found = usednsValues.find((value) => value === source.text.toLowerCase());
  if (found !== undefined) return found;
  values.mild(
    'warning',
    'ERR_CONFIG_VALUE',
    `usedns = ${source.text}: unknown, taken as no`,
    source,
    'write yes, warn, no or raw',
  );
  return 'no';
}

function sayOddities(values: JailValues, conf: FilterConf): void {
  const { reading } = values;
  const asked = values.option('filter')?.source;
  if (conf.failregex.length === 0 && asked !== undefined) {
    const message =
      conf.name === null ? 'the jail has no filter and no failregex' : `the filter ${conf.name} has no failregex`;
    values.mild('warning', 'ERR_CONFIG_FILTER', message, asked, 'it bans by command only: set filter or failregex');
  }
  for (const regex of [...conf.failregex, ...(conf.prefregex === null ? [] : [conf.prefregex])])
    sayLeftTag(values, regex);
  const config = reading.filterConfig;
  const section = config?.sections.get('Definition');
  if (config === null || section === undefined) return;
  const known = { options: filterOptions, variables: ['logtype', 'mode'] };
  values.findings.push(...unknownOptions(config, section, known, true, reading.name));
}

/** `<mdre-bogus>` beside options like mdre-normal: the mode was misspelt, and the regex matches nothing. */
function sayLeftTag(values: JailValues, regex: RegexConf): void {
  for (const [tag, prefix = ''] of regex.regex.matchAll(/<([a-z]\w*-)[\w-]+>/g)) {
    const siblings = [...values.reading.filterNames.keys()].filter((name) => name.startsWith(prefix));
    if (siblings.length === 0) continue;
    const source = sourced(regex.regex, { file: regex.file, line: regex.line });
    const remedy = `there are ${siblings.map((name) => `<${name}>`).join(', ')}: is the mode right?`;
    values.mild('warning', 'ERR_CONFIG_TAG', `nothing defines ${tag}, it stays in the regex as it is`, source, remedy);
  }
}

/**
 * A filter by itself, as edgeban-regex takes it: `sshd`, `sshd[mode=aggressive]`, `./my-filter`. `file` is where such a
 * name was given. Null if it cannot be read: the findings say why.
 */
export function readFilter(
  files: ConfigFiles,
  dir: string,
  spec: string,
  backend: string,
): { readonly filter: FilterConf | null; readonly findings: readonly Finding[] } {
  const asked = sourced(spec, { file: 'command line', line: 1 });
  const cache = openFiles(files);
  const reading: JailReading = emptyReading(asked);
  const values = new JailValues(reading);
  try {
    const named = parseNamedOptions(asked);
    const definition = openFilter(cache, dir, named, backend, asked);
    reading.filterName = named.name;
    reading.filterConfig = definition.config;
    reading.filterNames = combineFilter(definition, new Map(), true);
    reading.filter = combineFilter(definition, new Map());
    journalMatchesOf(reading.filter.get('journalmatch'));
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    return { filter: null, findings: [...cache.findings, findingOf(error)] };
  }
  const filter = filterConf(values);
  const findings = [...cache.findings, ...values.findings];
  return { filter: findings.some(({ severity }) => severity === 'error') ? null : filter, findings };
}

function emptyReading(asked: Sourced): JailReading {
  return {
    name: asked.text,
    origin: originAt(asked),
    options: new Map([['filter', { value: asked.text, source: asked }]]),
    filterName: null,
    filter: new Map(),
    filterNames: new Map(),
    filterConfig: null,
    actions: [],
    errors: [],
  };
}
