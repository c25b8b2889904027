/** The filter of a jail: filter.d/NAME, with both stages of substitution done. */
import { readConfig } from './config-tree.ts';
import { Definition, requireWhole } from './definition.ts';
import { configError } from './finding.ts';
import type { Vars } from './interpolation.ts';
import type { NamedOptions } from './options-syntax.ts';
import { pythonRepr, shellWords } from './python-text.ts';
import { type FileCache, joinPath } from './read-order.ts';
import { linesOf, originAt, type Sourced, sourced } from './sourced.ts';

/** A regular expression as the matcher gets it (tags like <HOST> and <F-USER> left in), and where it is written. */
export interface RegexConf {
  readonly regex: string;
  readonly file: string;
  readonly line: number;
}

export type UseDns = 'yes' | 'warn' | 'no' | 'raw';

export interface FilterConf {
  /** As in `filter = NAME[…]`; null for a jail without a filter. */
  readonly name: string | null;
  readonly prefregex: RegexConf | null;
  readonly failregex: readonly RegexConf[];
  readonly ignoreregex: readonly RegexConf[];
  readonly datepattern: RegexConf | null;
  /** How many lines are looked at together. */
  readonly maxlines: number;
  /** Does the filter or the jail say so, or is it only the default? */
  readonly maxlinesGiven: boolean;
  readonly usedns: UseDns;
  /** `file` or `journal`, unless the filter or the jail says otherwise (`rfc5424`, `short`). */
  readonly logtype: string;
  /** Each a list of FIELD=value and `+`, to be joined by "or". */
  readonly journalmatch: readonly JournalMatch[];
}

export interface JournalMatch {
  readonly terms: readonly string[];
  readonly file: string;
  readonly line: number;
}

/** The options of a filter that go to the jail, in the order in which fail2ban reads them. */
export const filterOptions = [
  'usedns',
  'prefregex',
  'ignoreregex',
  'failregex',
  'maxlines',
  'datepattern',
  'journalmatch',
] as const;

/**
 * Finds filter.d/NAME for a jail; `asked` is the value that names it. Throws ERR_CONFIG_FILTER if it is not there, or
 * what is wrong with its files.
 */
export function openFilter(
  cache: FileCache,
  dir: string,
  { name, options }: NamedOptions,
  backend: string,
  asked: Sourced,
): Definition {
  const config = readConfig(cache, definitionPath(dir, 'filter.d', name));
  if (config === null) {
    const remedy = `is there a ${name}.conf in ${joinPath(dir, 'filter.d')}?`;
    throw configError('ERR_CONFIG_FILTER', `Unable to read the filter ${pythonRepr(name)}`, originAt(asked), remedy);
  }
  requireWhole(config);
  const definition = new Definition(config, options);
  if ((definition.init.get('logtype')?.text ?? '') === '' && !definition.has('logtype')) {
    const logtype = backend.startsWith('systemd') ? 'journal' : 'file';
    definition.init.set('logtype', sourced(logtype, originAt(asked)));
  }
  return definition;
}

/** The path of a filter or action without its ending; a name that begins with `./` is not looked for in `dir`. */
export function definitionPath(dir: string, folder: string, name: string): string {
  return name.startsWith('./') ? name : joinPath(joinPath(dir, folder), name);
}

/** All options of the filter after both stages; the jail's own (`jailOptions`) come first and are left out. */
export function combineFilter(definition: Definition, jailOptions: Vars, all = false): Map<string, Sourced> {
  definition.read(filterOptions, jailOptions, all);
  return definition.combined();
}

/** The regular expressions of a failregex or ignoreregex: one a line, empty lines left out. */
export function regexesOf(value: Sourced | undefined): RegexConf[] {
  if (value === undefined) return [];
  return linesOf(value)
    .filter((line) => line.text !== '')
    .map(regexOf);
}

export function regexOf(value: Sourced): RegexConf {
  const { file, line } = originAt(value);
  return { regex: value.text, file, line };
}

/** Throws ERR_CONFIG_VALUE if a quote is not closed. */
export function journalMatchesOf(value: Sourced | undefined): JournalMatch[] {
  if (value === undefined) return [];
  return linesOf(value)
    .filter((line) => line.text !== '')
    .map((line) => {
      const terms = shellWords(line.text);
      if (terms !== null) return { terms, ...originAt(line) };
      throw configError(
        'ERR_CONFIG_VALUE',
        `journalmatch = ${line.text}: a quote is not closed`,
        originAt(line),
        'close it',
      );
    });
}
