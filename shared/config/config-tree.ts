/** A configuration: all its files merged into one set of sections. */

import type { IniFile, IniProblem, Section } from './ini.ts';
import { knownPrefix, type Sections } from './interpolation.ts';
import { type FileCache, readInOrder } from './read-order.ts';
import type { Origin, Sourced } from './sourced.ts';

export interface Config extends Sections {
  readonly defaults: Section;
  readonly sections: Map<string, Section>;
  /** Where each section begins, in the last file that has it. */
  readonly heads: Map<string, Origin>;
  readonly paths: readonly string[];
  readonly problems: readonly IniProblem[];
}

/** Reads the configuration `base` (a path without ending); null if it has no file. */
export function readConfig(cache: FileCache, base: string): Config | null {
  const files = readInOrder(cache, base);
  if (files.length === 0) return null;
  const config: Config = {
    defaults: new Map(),
    sections: new Map(),
    heads: new Map(),
    paths: files.map((file) => file.path),
    problems: [...new Set(files)].flatMap((file) => file.problems),
  };
  for (const file of files) merge(config, file);
  return config;
}

/** The names of the sections, as written, without those that only keep replaced values. */
export function sectionNames(config: Config): string[] {
  return [...config.sections.keys()].filter((name) => !name.startsWith(knownPrefix));
}

function merge(config: Config, file: IniFile): void {
  addAll(config.defaults, file.defaults);
  for (const [name, origin] of file.heads) config.heads.set(name, origin);
  for (const [written, options] of file.sections) {
    const [name, added] = unconditional(written, options);
    const target = config.sections.get(name);
    if (target === undefined) {
      config.sections.set(name, new Map(added));
      continue;
    }
    const replaced = [...target].filter(([option]) => added.has(option));
    addAll(section(config, knownPrefix + name), replaced);
    addAll(target, added);
  }
}

function section(config: Config, name: string): Section {
  const known = config.sections.get(name) ?? new Map<string, Sourced>();
  config.sections.set(name, known);
  return known;
}

/** `[Init?family=inet6]` is the section Init, with `?family=inet6` behind the name of each of its options. */
function unconditional(name: string, options: Section): [string, Section] {
  const [, plain, condition] = /^(\w+)(\?.+)$/.exec(name) ?? [];
  if (plain === undefined || condition === undefined) return [name, options];
  return [plain, new Map([...options].map(([option, value]) => [option + condition, value]))];
}

function addAll(target: Section, added: Iterable<[string, Sourced]>): void {
  for (const [option, value] of added) target.set(option, value);
}
