/** What is to be tried: a jail's filter, a filter file, or a regex as it stands; by fail2ban-regex's way of telling them apart. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import type { FilterConf, RegexConf, UseDns } from '../../shared/config/filter-conf.ts';
import { readFilter } from '../../shared/config/filter-values.ts';
import type { Finding } from '../../shared/config/finding.ts';
import { readJailFilter } from '../../shared/config/jail-conf.ts';
import { type NamedOptions, parseNamedOptions } from '../../shared/config/options-syntax.ts';
import { pythonRepr } from '../../shared/config/python-text.ts';
import type { ConfigFiles } from '../../shared/config/read-order.ts';
import { sourced } from '../../shared/config/sourced.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { matchLine } from '../sources/journalmatch.ts';

export type Backend = 'auto' | 'systemd';

export interface Rules {
  readonly failregex: readonly { readonly regex: string }[];
  readonly ignoreregex: readonly { readonly regex: string }[];
  readonly prefregex: RegexConf | null;
  /** Null: the filter does not say. */
  readonly maxlines: number | null;
  readonly datepattern: string | null;
  readonly journalmatch: readonly string[];
  /** What a jail or filter says; fail2ban-regex itself does not heed them. */
  readonly usedns: UseDns;
  readonly logtimezone: string | null;
  /** The lines that say where it all comes from. */
  readonly origin: readonly string[];
  /** With -vv. */
  readonly real: string | null;
}

/** fail2ban's form of what may be a name or a path. */
const named = /^\/{0,3}[\p{L}\p{N}_/.-]+(?:\[[\s\S]*\])?$/u;

/** Throws an EdgebanError for what cannot be read. `say` hears warnings. */
export function readRules(
  files: ConfigFiles,
  dir: string,
  value: string,
  backend: Backend,
  say: (finding: Finding) => void,
): Rules {
  if (!named.test(value)) return plainRules(value);
  const asked = namedOptions(value);
  return (
    jailRules(files, dir, asked, backend, say) ??
    filterRules(files, dir, asked, value, backend, say) ??
    plainRules(value)
  );
}

function namedOptions(value: string): NamedOptions {
  try {
    return parseNamedOptions(sourced(value, { file: 'command line', line: 1 }));
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    throw new EdgebanError(
      'ERR_CONFIG_SYNTAX',
      `Wrong filter name or options: ${error.message}\n       while parsing: ${value}`,
    );
  }
}

function plainRules(regex: string): Rules {
  return {
    failregex: [{ regex }],
    ignoreregex: [],
    prefregex: null,
    maxlines: null,
    datepattern: null,
    journalmatch: [],
    usedns: 'warn',
    logtimezone: null,
    origin: [`Use   failregex line : ${shortened(regex)}`],
    real: null,
  };
}

function jailRules(
  files: ConfigFiles,
  dir: string,
  { name, options }: NamedOptions,
  backend: Backend,
  say: (finding: Finding) => void,
): Rules | null {
  if (/\/|\.(?:conf|local)$/.test(name)) return null;
  const read = readJailFilter(files, dir, name, { backend, filterOptions: options });
  if (read === undefined) return null;
  tell(read.findings, say);
  if (read.jail === null) throw new EdgebanError('ERR_CONFIG_JAIL', `Failed to get jail for ${pythonRepr(name)}`);
  const given = options.size === 0 ? [] : [`Use jail/flt options : ${shownOptions(options)}`];
  const origin = [`Use             jail : ${name}`, ...given];
  const real = realOptions(read.jail.filter, options, { backend: pythonRepr(backend) });
  return { ...rulesOf(read.jail.filter), logtimezone: read.jail.logtimezone, origin, real };
}

function filterRules(
  files: ConfigFiles,
  dir: string,
  { name, options }: NamedOptions,
  value: string,
  backend: Backend,
  say: (finding: Finding) => void,
): Rules | null {
  const path = filterFile(dir, name);
  if (path === null) return null;
  const place = placeOf(dir, name, path);
  const spec = place.spec + value.slice(name.length);
  const { filter, findings } = readFilter(files, place.dir ?? dir, spec, backend);
  tell(findings, say);
  if (filter === null) throw new EdgebanError('ERR_CONFIG_FILTER', `failed to load filter ${value}`);
  const at =
    place.dir === null
      ? `Use      filter file : ${name}`
      : `Use      filter file : ${place.shown}, basedir: ${place.dir}`;
  const given = options.size === 0 ? [] : [`Use   filter options : ${shownOptions(options)}`];
  return { ...rulesOf(filter), origin: [at, ...given], real: realOptions(filter, options, {}) };
}

/** The filter file that a name means, if there is one. */
function filterFile(dir: string, name: string): string | null {
  const names = name.slice(-6).includes('.') ? [name] : [name, `${name}.conf`, `${name}.local`];
  const paths = names.map((one) => {
    if (dirname(one) === 'filter.d') return join(dir, one);
    if (one.includes('/')) return one;
    return basename(dir) === 'filter.d' ? join(dir, one) : join(dir, 'filter.d', one);
  });
  return paths.find((path) => existsSync(path) && statSync(path).isFile()) ?? null;
}

interface Place {
  /** The configuration folder; null for a file that belongs to none. */
  readonly dir: string | null;
  readonly spec: string;
  readonly shown: string;
}

function placeOf(dir: string, name: string, path: string): Place {
  const folder = dirname(path);
  const stem = basename(path, extname(path));
  const isOurs = folder === join(dir, 'filter.d') || basename(folder) === 'filter.d';
  if (isOurs) return { dir: dirname(folder), spec: stem, shown: stem };
  if (extname(path) !== '.conf' && extname(path) !== '.local') {
    throw new EdgebanError('ERR_CONFIG_FILTER', `failed to load filter ${name}`, {
      remedy: 'give the filter file a name that ends in .conf',
    });
  }
  return { dir: null, spec: `./${relative('.', join(folder, stem))}`, shown: stem };
}

function rulesOf(filter: FilterConf): Omit<Rules, 'origin' | 'real'> {
  return {
    failregex: filter.failregex,
    ignoreregex: filter.ignoreregex,
    prefregex: filter.prefregex,
    maxlines: filter.maxlinesGiven ? filter.maxlines : null,
    datepattern: filter.datepattern?.regex ?? null,
    journalmatch: filter.journalmatch.map(({ terms }) => matchLine(terms)),
    usedns: filter.usedns,
    logtimezone: null,
  };
}

function shownOptions(options: NamedOptions['options']): string {
  return pythonRepr(Object.fromEntries([...options].map(([name, { text }]) => [name, text])));
}

function realOptions(filter: FilterConf, options: NamedOptions['options'], more: Record<string, string>): string {
  const all = new Map<string, string>([['logtype', pythonRepr(filter.logtype)]]);
  if (filter.datepattern !== null) all.set('datepattern', pythonRepr(filter.datepattern.regex));
  for (const [name, { text }] of options) all.set(name, pythonRepr(text));
  for (const [name, text] of Object.entries(more)) all.set(name, text);
  const shown = [...all].map(([name, text]) => `${pythonRepr(name)}: ${text}`).join(', ');
  return `Real  filter options : {${shown}}`;
}

function tell(findings: readonly Finding[], say: (finding: Finding) => void): void {
  for (const finding of findings) if (finding.severity !== 'notice') say(finding);
}

/** fail2ban's length for what stands on a line of the heading. */
export function shortened(text: string, max = 53): string {
  const characters = [...text];
  return characters.length > max ? `${characters.slice(0, max - 3).join('')}...` : text;
}
