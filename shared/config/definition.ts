/** What filters and actions have in common: [Definition], overlaid by [Init], overlaid by what the jail gives in brackets. */

import type { Config } from './config-tree.ts';
import { interpolated, interpolatedPath, type Vars } from './interpolation.ts';
import type { Sourced } from './sourced.ts';
import { substituteTags } from './tags.ts';

/** Reads one filter or action for one jail; what it returns depends on what the jail knows by then (`read`). */
export class Definition {
  readonly config: Config;
  /** What the jail gives in brackets, then `known/` and own options of [Init], in that order. */
  readonly init: Map<string, Sourced>;
  #options = new Map<string, Sourced>();
  #vars: Vars = new Map();
  /** Kept over readings, as in fail2ban: the first one decides. */
  readonly #found = new Map<string, Sourced | null>();

  constructor(config: Config, given: ReadonlyMap<string, Sourced>) {
    this.config = config;
    this.init = new Map(given);
  }

  /** fail2ban takes a file without [Definition], an empty one for example, as one that says nothing. */
  get saysNothing(): boolean {
    return !this.config.sections.has('Definition');
  }

  /** Options of [Definition] by name, without those of [DEFAULT]. */
  has(option: string): boolean {
    return this.config.sections.get('Definition')?.has(option) ?? false;
  }

  /** Reads the options `names`, except those that the jail (`jailOptions`) or [Init] set; `all` reads the rest too. */
  read(names: readonly string[], jailOptions: Vars, all = false): void {
    this.#vars = new Map([...jailOptions, ...this.init]);
    this.#options = new Map();
    for (const name of names.filter((name) => !this.#vars.has(name))) this.#add(name, this.#vars);
    for (const name of this.config.sections.get('Init')?.keys() ?? []) this.#readInit(name);
    if (!all) return;
    for (const name of this.config.sections.get('Definition')?.keys() ?? []) {
      if (!this.#options.has(name)) this.#add(name, new Map());
    }
  }

  #add(name: string, vars: Vars): void {
    const value = interpolated(this.config, 'Definition', name, vars);
    if (value !== null) this.#options.set(name, value);
  }

  #readInit(name: string): void {
    const known = name.startsWith('known/');
    if (known && this.init.has(name)) return;
    const value = interpolated(this.config, 'Init', name);
    if (value === null) return;
    if (!known) this.init.set(`known/${name}`, value);
    if (!this.init.has(name)) this.init.set(name, value);
  }

  /** All options with their tags replaced, except `ignore` and those that differ between the families of addresses. */
  combined(ignore: Iterable<string> = []): Map<string, Sourced> {
    const options = new Map([...this.#options, ...this.init]);
    const ignored = new Set(ignore);
    for (const name of options.keys()) {
      const plain = /^(\w+)\?/.exec(name)?.[1];
      if (plain !== undefined) ignored.add(plain);
    }
    return substituteTags(options, { ignore: ignored, lookUp: (tag) => this.#lookUp(tag) });
  }

  /** The own options of [Definition] that were not read: parameters that the file itself has settled. */
  rest(): Map<string, Sourced> {
    const rest = new Map<string, Sourced>();
    for (const name of this.config.sections.get('Definition')?.keys() ?? []) {
      const value =
        this.#options.has(name) || this.init.has(name)
          ? null
          : interpolated(this.config, 'Definition', name, this.#vars);
      if (value !== null) rest.set(name, value);
    }
    return rest;
  }

  #lookUp(tag: string): Sourced | null {
    const found = this.#found.get(tag);
    if (found !== undefined) return found;
    const value = interpolatedPath(this.config, 'Definition', tag, this.#vars);
    this.#found.set(tag, value);
    return value;
  }
}

/** Throws what is wrong with the files of a filter or action. */
export function requireWhole(config: Config): void {
  const [problem] = config.problems;
  if (problem !== undefined) throw problem.error;
}
