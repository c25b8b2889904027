/** Names that nothing knows are typing errors more often than not: which name was meant? */
import type { Config } from './config-tree.ts';
import { configError, type Finding, mildFinding } from './finding.ts';
import type { Section } from './ini.ts';
import { knownPrefix } from './interpolation.ts';
import { originAt, type Sourced } from './sourced.ts';

/** The name that is nearest to `name`, if one is near: at most two letters more, less or other. */
export function nearest(name: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let least = name.length > 4 ? 3 : 2;
  for (const candidate of names) {
    const distance = distanceOf(name, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, char] of [...a].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= b.length; at++) {
      const swapped = (row[at - 1] ?? 0) + (b[at - 1] === char ? 0 : 1);
      next.push(Math.min((row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, swapped));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export interface KnownNames {
  /** Options that have a meaning of their own. */
  readonly options: readonly string[];
  /** Names that are only used by others through %(name)s, and may well stand there unused. */
  readonly variables: readonly string[];
}

/**
 * Warnings for the options of `section` that have no meaning and that nothing refers to. With `nearOnly`, only for those
 * that look like a misspelt one: in [DEFAULT], and in filters, everyone may define names of their own.
 */
export function unknownOptions(
  config: Config,
  section: Section,
  known: KnownNames,
  nearOnly: boolean,
  jail?: string,
): Finding[] {
  const used = new Set([...known.options, ...known.variables, ...references(config)]);
  const findings: Finding[] = [];
  for (const [name, value] of section) {
    const plain = name.replace(/\?.*$/, '');
    if (used.has(plain) || name.startsWith('known/') || name === '__name__') continue;
    const meant = nearest(plain.replace(/\s*\+$/, ''), known.options);
    if (meant === null && nearOnly) continue;
    findings.push(unknownOption(name, value, meant, jail));
  }
  return findings;
}

function unknownOption(name: string, value: Sourced, meant: string | null, jail: string | undefined): Finding {
  const message = `the option '${name}' is not known, and nothing refers to it`;
  return mildFinding(
    'warning',
    configError('ERR_CONFIG_OPTION', message, originAt(value), remedyFor(name, meant)),
    jail,
  );
}

function remedyFor(name: string, meant: string | null): string {
  if (meant === null) return 'correct its name, or remove it';
  if (name.endsWith('+')) return `there is no +=: write ${meant} = %(known/${meant})s and the new lines below it`;
  return `did you mean ${meant}?`;
}

/** All names that some value refers to: %(name)s, %(section/name)s, <name>, and the fixed parts of <name-<other>>. */
function references(config: Config): Set<string> {
  const names = new Set<string>();
  const sections = [...config.sections].filter(([name]) => !name.startsWith(knownPrefix)).map(([, section]) => section);
  for (const section of [config.defaults, ...sections]) {
    for (const { text } of section.values()) {
      for (const [, name = ''] of text.matchAll(/%\((?:[\w-]+\/)?([^)]+)\)s/g)) names.add(name.toLowerCase());
      for (const [, name = ''] of text.matchAll(/<(?:[\w-]+\/)?([^ <>]+)>/g)) names.add(name.toLowerCase());
    }
  }
  return names;
}
