/** The actions of a jail: action.d/NAME, with all of their tags filled in that do not depend on the ban. */
import { EdgebanError } from '../errors.ts';
import { readConfig } from './config-tree.ts';
import { Definition, requireWhole } from './definition.ts';
import { definitionPath } from './filter-conf.ts';
import { configError } from './finding.ts';
import type { Vars } from './interpolation.ts';
import type { NamedOptions } from './options-syntax.ts';
import { pythonRepr } from './python-text.ts';
import { type FileCache, joinPath } from './read-order.ts';
import { type Origin, originAt, type Sourced, sourced } from './sourced.ts';
import { substituteTags } from './tags.ts';

export interface ActionConf {
  /** By which the jail knows it: `nftables`, or what `actname` says. Unique in a jail. */
  readonly name: string;
  /** As in `action = FILE[…]`: which action.d/FILE.conf it is. */
  readonly file: string;
  /** actionstart, actionban, … : what stays in < > depends on the ban, or on the family of its address (see familyCommand). */
  readonly commands: Readonly<Record<string, string>>;
  /** All other options (port, name, protocol, chain, blocktype, `blocktype?family=inet6`, table, …), tags filled in. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Start with the first ban of a family instead of with the jail (null: that is for the action to say). */
  readonly startOnDemand: boolean | null;
  readonly repairOnUnban: boolean | null;
  /** Leave out bans that a restart restores. */
  readonly norestored: boolean;
  readonly origin: Origin;
}

/** fail2ban's three files for nftables, and what each is by its name; their bans edgeban keeps in sets by itself. */
export const nftablesFiles: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  ['nftables', {}],
  ['nftables-multiport', { type: 'multiport' }],
  ['nftables-allports', { type: 'allports' }],
]);

export const isNftables = ({ file }: Pick<ActionConf, 'file'>): boolean => nftablesFiles.has(file);

/** The options of an action that are its own, in the order in which fail2ban reads them. */
export const actionOptions = [
  'actionstart',
  'actionstart_on_demand',
  'actionstop',
  'actionflush',
  'actionreload',
  'actioncheck',
  'actionrepair',
  'actionrepair_on_unban',
  'actionban',
  'actionprolong',
  'actionreban',
  'actionunban',
  'norestored',
] as const;

/** Those, and edgeban's. */
const allActionOptions = [...actionOptions, 'actionlist', 'actionlook', 'actionlookfor'] as const;

export const actionFlags: ReadonlySet<string> = new Set([
  'actionstart_on_demand',
  'actionrepair_on_unban',
  'norestored',
]);

/** Tags that a line of an attacker ends up in, or that the ban gives: never filled in beforehand. */
const dynamicTags = ['matches', 'ipmatches', 'ipjailmatches', 'timeout', 'bantime'] as const;

/** An action as fail2ban sends it to its server, and what the typed form is made from. */
export interface ActionReading {
  readonly name: string;
  readonly file: string;
  readonly asked: Sourced;
  /** Null for an action written in Python. */
  readonly definition: ActionDefinition | null;
  /** What the jail gives in brackets. */
  readonly given: ReadonlyMap<string, Sourced>;
}

export interface ActionDefinition {
  /** Its file has no section [Definition]: an action without commands. */
  readonly saysNothing: boolean;
  /** The options of `allActionOptions` that are set, tags filled in. */
  readonly options: ReadonlyMap<string, Sourced>;
  /** All others that are set by [Init] or the jail, as written. */
  readonly init: ReadonlyMap<string, Sourced>;
  /** Everything that a tag may name. */
  readonly tags: ReadonlyMap<string, Sourced>;
  /** What [Definition] settles besides, such as `type = allports`; none where that cannot be resolved (nothing may need it). */
  readonly settled: ReadonlyMap<string, Sourced>;
}

/** Throws ERR_CONFIG_ACTION if there is no such action, or what is wrong with its files. */
export function readAction(
  cache: FileCache,
  dir: string,
  jail: string,
  { name: file, options }: NamedOptions,
  jailOptions: Vars,
  asked: Sourced,
): ActionReading {
  if (file.endsWith('.py')) return pythonAction(file, options, asked);
  const given = new Map(options);
  const suffix = nameIn(given, jail, asked);
  const name = given.get('actname')?.text ?? file + suffix;
  if (!given.has('actname')) given.set('actname', sourced(name, originAt(asked)));
  const config = readConfig(cache, definitionPath(dir, 'action.d', file));
  if (config === null) {
    const remedy = `is there a ${file}.conf in ${joinPath(dir, 'action.d')}?`;
    throw configError('ERR_CONFIG_ACTION', `Unable to read action ${pythonRepr(file)}`, originAt(asked), remedy);
  }
  requireWhole(config);
  const definition = new Definition(config, given);
  definition.read(allActionOptions, jailOptions);
  return { name, file, asked, given, definition: partsOf(definition) };
}

function pythonAction(file: string, options: ReadonlyMap<string, Sourced>, asked: Sourced): ActionReading {
  const given = new Map(options);
  const name = given.get('actname')?.text ?? file.replace(/\.py$/, '');
  given.delete('actname');
  return { name, file, asked, given, definition: null };
}

/** Every action has a `name`, the jail's if none is given; another one goes into the name of the action, so that it is unique. */
function nameIn(given: Map<string, Sourced>, jail: string, asked: Sourced): string {
  const name = given.get('name')?.text;
  if (name === undefined) given.set('name', sourced(jail, originAt(asked)));
  if (name === undefined || name === jail) return '';
  return name.startsWith(jail) ? name.slice(jail.length) : `-${name}`;
}

function partsOf(definition: Definition): ActionDefinition {
  const tags = definition.combined(dynamicTags);
  const own: ReadonlySet<string> = new Set(allActionOptions);
  return {
    saysNothing: definition.saysNothing,
    options: new Map([...tags].filter(([name]) => own.has(name))),
    init: new Map([...definition.init].filter(([name]) => !own.has(name) && !name.startsWith('known/'))),
    tags,
    settled: settledBy(definition, tags),
  };
}

function settledBy(definition: Definition, tags: ReadonlyMap<string, Sourced>): Map<string, Sourced> {
  try {
    const rest = definition.rest();
    substituteTags(new Map([...rest, ...tags]), { ignore: new Set(dynamicTags) });
    return new Map([...rest].filter(([name]) => !name.startsWith('known/')));
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    return new Map();
  }
}

/** The typed form of an action that is not written in Python. */
export function actionConf(reading: ActionReading, definition: ActionDefinition): ActionConf {
  const { options } = definition;
  const flag = (name: string) => {
    const value = options.get(name);
    return value === undefined ? null : boolOf(value.text);
  };
  const commands = [...options].filter(([name]) => !actionFlags.has(name));
  return {
    name: reading.name,
    file: reading.file,
    commands: Object.fromEntries(commands.map(([name, value]) => [name, value.text])),
    parameters: parametersOf(definition),
    startOnDemand: flag('actionstart_on_demand'),
    repairOnUnban: flag('actionrepair_on_unban'),
    norestored: flag('norestored') ?? false,
    origin: originAt(reading.asked),
  };
}

/** fail2ban takes 1, on, true and yes for true, all else for false. */
export function boolOf(text: string): boolean {
  return ['1', 'on', 'true', 'yes'].includes(text.toLowerCase());
}

function parametersOf({ init, tags, settled }: ActionDefinition): Record<string, string> {
  const ignore = new Set(dynamicTags);
  const filled = new Map<string, Map<string, Sourced>>();
  const parameters: Record<string, string> = {};
  const all = new Map([...settled, ...tags]);
  for (const name of [...settled.keys(), ...init.keys()]) {
    const conditional = /\?(.+)$/.exec(name)?.[1] ?? '';
    const values = filled.get(conditional) ?? substituteTags(all, { ignore, ...(conditional && { conditional }) });
    filled.set(conditional, values);
    parameters[name] = values.get(name)?.text ?? '';
  }
  return parameters;
}

/** By which the values of an action differ; empty for what is no address. */
export type ActionFamily = 'inet4' | 'inet6' | '';

/** What a ban gives: filled in when the command runs. */
const bansTags: ReadonlySet<string> = new Set(dynamicTags.filter((tag) => tag !== 'timeout'));

/**
 * A command of the action as it is for one family of addresses: parameters filled in, with `parameter?family=…` first.
 * Null if the action has no such command. What stays in < > is the ban's (<ip>, <matches>) or the shell's.
 */
export function familyCommand(action: ActionConf, command: string, family: ActionFamily): string | null {
  const text = action.parameters[`${command}?family=${family}`] ?? action.commands[command];
  if (text === undefined) return null;
  const value = (of: string) => sourced(of, action.origin);
  const all = { ...action.parameters, ...action.commands };
  const tags = new Map(Object.entries(all).map(([name, of]) => [name, value(of)]));
  tags.set(command, value(text));
  const conditional = family === '' ? {} : { conditional: `family=${family}` };
  return substituteTags(tags, { ...conditional, ignore: bansTags }).get(command)?.text ?? null;
}
