/** A jail as fail2ban reads it: every option as text, in fail2ban's order. The typed form and the command stream are made of it. */
import { EdgebanError } from '../errors.ts';
import { type ActionReading, boolOf, readAction } from './action-conf.ts';
import type { Config } from './config-tree.ts';
import type { Definition } from './definition.ts';
import { combineFilter, journalMatchesOf, openFilter } from './filter-conf.ts';
import { configError } from './finding.ts';
import { interpolated, type Vars } from './interpolation.ts';
import { type NamedOptions, parseNamedOptions, splitNamedOptions } from './options-syntax.ts';
import { type Plain, pythonRepr } from './python-text.ts';
import type { FileCache } from './read-order.ts';
import { type Origin, originAt, type Sourced, sourced } from './sourced.ts';

export interface JailOption {
  /** As the command stream shows it: null is a number that is none. */
  readonly value: Plain;
  readonly source: Sourced;
}

export interface JailReading {
  readonly name: string;
  readonly origin: Origin;
  readonly options: Map<string, JailOption>;
  /** As in `filter = NAME[…]`; null for a jail that has none. */
  filterName: string | null;
  /** The filter's options that the jail does not set itself, both stages of substitution done. */
  filter: ReadonlyMap<string, Sourced>;
  /** All options of the filter, with what the jail says of it. */
  filterNames: ReadonlyMap<string, Sourced>;
  /** The filter's files, for what is to be said about names in them. */
  filterConfig: Config | null;
  readonly actions: ActionReading[];
  /** Any of these takes the jail out. */
  readonly errors: EdgebanError[];
}

type OptionType = 'bool' | 'int' | 'string';

/** The options of a jail in the order in which fail2ban reads and sends them. */
export const jailOptions = {
  enabled: 'bool',
  backend: 'string',
  maxretry: 'int',
  maxmatches: 'int',
  findtime: 'string',
  bantime: 'string',
  'bantime.increment': 'bool',
  'bantime.factor': 'string',
  'bantime.formula': 'string',
  'bantime.multipliers': 'string',
  'bantime.maxtime': 'string',
  'bantime.rndtime': 'string',
  'bantime.overalljails': 'bool',
  ignorecommand: 'string',
  ignoreself: 'bool',
  ignoreip: 'string',
  ignorecache: 'string',
  filter: 'string',
  logtimezone: 'string',
  logencoding: 'string',
  logpath: 'string',
  action: 'string',
  usedns: 'string',
  prefregex: 'string',
  ignoreregex: 'string',
  failregex: 'string',
  maxlines: 'int',
  datepattern: 'string',
  journalmatch: 'string',
} as const satisfies Record<string, OptionType>;

/** Options that fail2ban does not know; they are no part of its command stream. */
export const ownOptions = {
  'findtime.sliding': 'bool',
  ipv6prefix: 'int',
  edge: 'string',
  plane: 'string',
  'plane.proxied': 'bool',
  fleet: 'bool',
} as const satisfies Record<string, OptionType>;

const allOptions = { ...jailOptions, ...ownOptions };

/** Options that are there even where nothing sets them. */
const defaults: Readonly<Record<string, { readonly value: Plain; readonly text: string }>> = {
  enabled: { value: false, text: 'False' },
  backend: { value: 'auto', text: 'auto' },
  filter: { value: '', text: '' },
  action: { value: '', text: '' },
};

/** What a jail is read from. */
export interface JailPlace {
  readonly cache: FileCache;
  readonly dir: string;
  readonly config: Config;
}

/** Is the jail switched on? Throws where its `enabled` leads nowhere. */
export function isEnabled({ config }: JailPlace, name: string): boolean {
  const value = interpolated(config, name, 'enabled');
  return value !== null && boolOf(value.text);
}

/** What is asked of a jail from outside: it counts before what the jail itself says. */
export interface JailAsked {
  readonly backend?: string;
  /** More options for the jail's filter. */
  readonly filterOptions?: NamedOptions['options'];
}

/** Reads one jail, whether it is switched on or not. Throws nothing of the operator's world: errors are in the reading. */
export function readJail(place: JailPlace, name: string, wanted: JailAsked = {}): JailReading {
  const origin = place.config.heads.get(name) ?? { file: place.config.paths[0] ?? '', line: 1 };
  const reading: JailReading = {
    name,
    origin,
    options: new Map(),
    filterName: null,
    filter: new Map(),
    filterNames: new Map(),
    filterConfig: null,
    actions: [],
    errors: syntaxErrors(place, name),
  };
  readParts(place, reading, wanted);
  return reading;
}

/** What its sections in the files have wrong, whether the jail is switched on or not. */
export function syntaxErrors({ config }: JailPlace, name: string): EdgebanError[] {
  return config.problems.filter(({ section }) => section === name).map(({ error }) => error);
}

/** What goes wrong in `step` is added to the errors of the jail. */
function attempt(reading: JailReading, step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    reading.errors.push(error);
    return false;
  }
}

/** The actions of a jail whose filter is broken are read, too: with them its bans stay in force. */
function readParts(place: JailPlace, reading: JailReading, { backend, filterOptions }: JailAsked): void {
  let definition: Definition | null = null;
  const isSound = attempt(reading, () => {
    for (const name of ['enabled', 'backend', 'filter'] as const) readOption(place.config, reading, name);
    replaceBackend(reading, backend);
    definition = readFilter(place, reading, filterOptions);
  });
  const { length } = reading.errors;
  readOptions(place, reading, definition, backend);
  // what the filter lacks is not told again by all that is made of it
  if (!isSound) reading.errors.length = length;
}

function readOptions(
  place: JailPlace,
  reading: JailReading,
  definition: Definition | null,
  backend: JailAsked['backend'],
): void {
  reading.options.clear();
  for (const name of optionNames) attempt(reading, () => readOption(place.config, reading, name));
  replaceBackend(reading, backend);
  const vars = varsOf(reading);
  if (definition !== null) attempt(reading, () => (reading.filter = combineFilter(definition, vars)));
  const actions = reading.options.get('action')?.source;
  const asked = actions === undefined ? [] : splitNamedOptions(actions);
  const read = asked.map((action) => attempt(reading, () => readJailAction(place, reading, action, vars)));
  // some of them alone would let go of what the others have banned
  if (read.includes(false)) reading.actions.length = 0;
  for (const match of [reading.filter.get('journalmatch'), reading.options.get('journalmatch')?.source]) {
    attempt(reading, () => journalMatchesOf(match));
  }
}

function replaceBackend(reading: JailReading, backend: string | undefined): void {
  const option = reading.options.get('backend');
  if (backend === undefined || option === undefined) return;
  reading.options.set('backend', { value: backend, source: sourced(backend, originAt(option.source)) });
}

type JailOptionName = keyof typeof allOptions;
const optionNames = Object.keys(allOptions).filter((name): name is JailOptionName => name in allOptions);

function readOption(config: Config, reading: JailReading, name: JailOptionName): void {
  const source = interpolated(config, reading.name, name);
  const otherwise = defaults[name];
  if (source !== null) reading.options.set(name, converted(source, allOptions[name]));
  else if (otherwise !== undefined) {
    reading.options.set(name, { value: otherwise.value, source: sourced(otherwise.text, reading.origin) });
  }
}

function converted(source: Sourced, type: OptionType): JailOption {
  if (type === 'string') return { value: source.text, source };
  const value = type === 'bool' ? boolOf(source.text) : intOf(source.text);
  if (value === null) return { value, source };
  const text = value === true ? 'True' : value === false ? 'False' : String(value);
  return { value, source: { text, origins: source.origins.slice(0, 1) } };
}

/** Python's int(text); null for what is none. */
export function intOf(text: string): number | null {
  return /^\s*[+-]?\d+(?:_\d+)*\s*$/.test(text) ? Number(text.replaceAll('_', '')) : null;
}

/** The jail's options as its filter and actions see them. */
function varsOf(reading: JailReading): Vars {
  const set = [...reading.options].filter(([, option]) => option.value !== null);
  return new Map(set.map(([name, option]) => [name, option.source]));
}

/** Also makes `%(known/…)s` of all options of the filter for the options of the jail. */
function readFilter(
  place: JailPlace,
  reading: JailReading,
  more: NamedOptions['options'] = new Map(),
): Definition | null {
  const asked = reading.options.get('filter')?.source;
  if (asked === undefined || asked.text === '') return null;
  const { name, options } = namedOptions(asked, 'filter');
  const named = { name, options: new Map([...options, ...more]) };
  const backend = reading.options.get('backend')?.source.text ?? '';
  const definition = openFilter(place.cache, place.dir, named, backend, asked);
  reading.filterName = named.name;
  reading.filterConfig = definition.config;
  reading.filterNames = combineFilter(definition, varsOf(reading), true);
  const section = place.config.sections.get(reading.name);
  for (const [name, value] of reading.filterNames) {
    if (!name.startsWith('known/')) section?.set(`known/${name}`, value);
  }
  return definition;
}

function readJailAction({ cache, dir }: JailPlace, reading: JailReading, asked: Sourced, vars: Vars): void {
  reading.actions.push(readAction(cache, dir, reading.name, namedOptions(asked, 'action'), vars, asked));
}

function namedOptions(asked: Sourced, what: 'filter' | 'action') {
  try {
    return parseNamedOptions(asked);
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    const message = `Invalid ${what} definition ${pythonRepr(asked.text)}: ${error.message}`;
    throw configError('ERR_CONFIG_SYNTAX', message, originAt(asked), error.remedy ?? '');
  }
}
