/** The jails of a configuration, ready to be run: what is wrong takes out the jail that it stands in, and no other. */
import { EdgebanError } from '../errors.ts';
import type { Seconds } from '../time.ts';
import { type ActionConf, actionConf } from './action-conf.ts';
import { type BackendConf, backendOf } from './backend.ts';
import { type BantimeExtra, bantimeExtraOf } from './bantime-extra.ts';
import type { Config } from './config-tree.ts';
import type { FilterConf } from './filter-conf.ts';
import { filterConf } from './filter-values.ts';
import { configError, type Finding, findingOf, mildFinding } from './finding.ts';
import { interpolated } from './interpolation.ts';
import { readWithBackend } from './jail-backend.ts';
import { type JailAsked, type JailPlace, jailOptions, ownOptions, readJail, syntaxErrors } from './jail-reading.ts';
import {
  type IgnoreCache,
  type IgnoreConf,
  type IncrementConf,
  ignorecacheOf,
  ignoreipOf,
  incrementOf,
  JailValues,
  type LogPath,
  logencodingOf,
  logpathsOf,
} from './jail-values.ts';
import { type KnownNames, unknownOptions } from './known-options.ts';
import { isOn, jailNames, openJails } from './open-jails.ts';
import { lonelyFleetOf, type PlaneConf, planeConfOf } from './planes.ts';
import { type ConfigFiles, joinPath } from './read-order.ts';
import type { Sourced } from './sourced.ts';

export interface JailConf {
  readonly name: string;
  /** Where its section stands. */
  readonly file: string;
  readonly line: number;
  /** `auto` and the kinds of file watching read `logpath`; `systemd` reads the journal. */
  readonly backend: BackendConf;
  readonly logpath: readonly LogPath[];
  readonly logencoding: string;
  readonly logtimezone: string | null;
  readonly maxretry: number;
  readonly maxmatches: number;
  readonly findtime: Seconds;
  /** edgeban's own `findtime.sliding`: count what is inside findtime, instead of fail2ban's estimate. */
  readonly sliding: boolean;
  /** edgeban's own `ipv6prefix`: IPv6 addresses are counted and banned as prefixes of this length. */
  readonly ipv6prefix: number;
  /** edgeban's own `edge` and `plane`. */
  readonly planes: PlaneConf;
  /** edgeban's own `fleet`: its failures are told to the Worker, which counts them over all hosts. */
  readonly fleet: boolean;
  /** What is to be said of it on a host that is not enrolled. */
  readonly lonelyFleet: Finding | null;
  /** Negative: forever. */
  readonly bantime: Seconds;
  readonly increment: IncrementConf | null;
  /** The `bantime.*` options behind it, as they are written. */
  readonly bantimeExtra: BantimeExtra;
  readonly ignoreself: boolean;
  readonly ignoreip: readonly IgnoreConf[];
  /** For the shell, tags as in actions; its exit status 0 lets the address off. */
  readonly ignorecommand: string | null;
  readonly ignorecache: IgnoreCache | null;
  /** port, protocol, chain as the jail has them. */
  readonly variables: Readonly<Record<string, string>>;
  readonly filter: FilterConf;
  readonly actions: readonly ActionConf[];
}

/** What a jail does about who has failed: as much is known of one that an error takes out. */
export type PenaltyConf = Pick<
  JailConf,
  | ('name' | 'backend' | 'maxretry' | 'maxmatches' | 'findtime' | 'sliding' | 'ipv6prefix' | 'bantime' | 'increment')
  | ('ignoreself' | 'planes' | 'actions')
>;

export interface Jails {
  /** Those that are switched on and whole, in the order of the files. */
  readonly jails: readonly JailConf[];
  /** Those that an error takes out; what is wrong has its default. */
  readonly leftOut: readonly PenaltyConf[];
  readonly findings: readonly Finding[];
}

/** Names that the stock configuration defines for use by others, and that may well stand unused. */
const variables =
  'port protocol chain mode banaction banaction_allports mta destemail sender sendername fail2ban_agent web_proxied'.split(
    ' ',
  );
const known: KnownNames = {
  options: [...Object.keys(jailOptions), ...Object.keys(ownOptions), 'skip_if_nologs', 'systemd_if_nologs'],
  variables,
};

/**
 * Reads all jails of the configuration folder `dir` that are switched on. `random`: in [0, 1), for a bantime.formula
 * that uses it. Throws nothing of the operator's world.
 */
export function readJails(files: ConfigFiles, dir: string, random: () => number): Jails {
  const { place, findings } = openJails(files, dir);
  if (place === null) return { jails: [], leftOut: [], findings };
  const jails: JailConf[] = [];
  const leftOut: PenaltyConf[] = [];
  for (const name of jailNames(place.config)) {
    if (!isOn(place, name, findings)) {
      // fail2ban reads none of the jails then
      findings.push(...syntaxErrors(place, name).map((error) => mildFinding('warning', error, name)));
      continue;
    }
    const read = readJailConf(place, name, random);
    findings.push(...read.findings);
    if (read.jail !== null) jails.push(read.jail);
    else leftOut.push(read.penalty);
  }
  return { jails, leftOut, findings: [...findings, ...unusualDefaults(place.config), ...place.cache.findings] };
}

/** One jail by name, whether it is switched on or not (edgeban-regex). Null if it is broken: then the findings say why. */
export function readOneJail(
  files: ConfigFiles,
  dir: string,
  name: string,
  random: () => number,
): { readonly jail: JailConf | null; readonly findings: readonly Finding[] } {
  const { place, findings } = openJails(files, dir);
  if (place === null) return { jail: null, findings };
  if (jailNames(place.config).includes(name)) return readJailConf(place, name, random);
  const error = configError(
    'ERR_CONFIG_JAIL',
    `there is no jail '${name}'`,
    null,
    `look for [${name}] in ${joinPath(dir, 'jail.conf')}`,
  );
  return { jail: null, findings: [...findings, findingOf(error, name)] };
}

/** What edgeban-regex needs of a jail. */
export interface JailFilter {
  readonly filter: FilterConf;
  readonly logtimezone: string | null;
}

/**
 * The filter of a jail as it would be with these options and this backend, whether the jail is switched on or not. Undefined
 * if there is no such jail; null if it is broken: then the findings say why.
 */
export function readJailFilter(
  files: ConfigFiles,
  dir: string,
  name: string,
  wanted: JailAsked,
): { readonly jail: JailFilter | null; readonly findings: readonly Finding[] } | undefined {
  const { place, findings } = openJails(files, dir);
  if (place === null || !jailNames(place.config).includes(name)) return undefined;
  const reading = readJail(place, name, wanted);
  if (reading.errors.length > 0)
    return { jail: null, findings: [...findings, ...reading.errors.map((error) => findingOf(error, name))] };
  const values = new JailValues(reading);
  const jail = { filter: filterConf(values), logtimezone: values.text('logtimezone') };
  const broken = values.findings.some(({ severity }) => severity === 'error');
  return { jail: broken ? null : jail, findings: [...findings, ...values.findings] };
}

function readJailConf(place: JailPlace, name: string, random: () => number) {
  const { reading, findings } = readWithBackend(place, name);
  const values = new JailValues(reading);
  values.findings.push(...findings);
  const errors = reading.errors.map((error) => findingOf(error, name));
  const whole = errors.length > 0 ? null : jailConf(place, values, random);
  const own = place.config.sections.get(name) ?? new Map();
  const unknown = unknownOptions(place.config, own, known, false, name);
  const all = [...errors, ...values.findings, ...unknown];
  const isBroken = all.some(({ severity, code }) => severity === 'error' && code !== 'ERR_CONFIG_ACTION_PYTHON');
  const jail = isBroken ? null : whole;
  // what is wrong with the values of a jail that cannot be read is not told: they may depend on what it lacks
  return { jail, penalty: whole ?? penaltyConf(new JailValues(reading), random), findings: all };
}

function unusualDefaults(config: Config): Finding[] {
  return unknownOptions(config, config.defaults, known, true);
}

function jailConf(place: JailPlace, values: JailValues, random: () => number): JailConf {
  const { reading } = values;
  return {
    ...reading.origin,
    ...penaltyConf(values, random),
    logpath: logpathsOf(values),
    logencoding: logencodingOf(values),
    logtimezone: values.text('logtimezone'),
    fleet: values.bool('fleet', false),
    lonelyFleet: lonelyFleetOf(values),
    bantimeExtra: bantimeExtraOf(values),
    ignoreip: ignoreipOf(values),
    ignorecommand: values.text('ignorecommand'),
    ignorecache: ignorecacheOf(values),
    variables: variablesOf(place, reading.name),
    filter: filterConf(values),
  };
}

function penaltyConf(values: JailValues, random: () => number): PenaltyConf {
  const maxretry = values.int('maxretry', 3, 0);
  return {
    name: values.reading.name,
    backend: backendOf(values),
    maxretry,
    maxmatches: values.int('maxmatches', 5, 0),
    findtime: values.seconds('findtime', 600, (value) => value > 0),
    sliding: slidingOf(values, maxretry),
    ipv6prefix: values.int('ipv6prefix', 128, 1, 128),
    planes: planeConfOf(values),
    bantime: values.seconds('bantime', 600, () => true),
    increment: incrementOf(values, random),
    ignoreself: values.bool('ignoreself', true),
    actions: actionsOf(values),
  };
}

/** A window keeps the time of each failure: more of them than this nobody means. */
const sliding_maxretry_max = 1_000;

function slidingOf(values: JailValues, maxretry: number): boolean {
  const isSliding = values.bool('findtime.sliding', false);
  const source = values.option('maxretry')?.source;
  if (!isSliding || maxretry <= sliding_maxretry_max || source === undefined) return isSliding;
  const message = `maxretry = ${maxretry}: findtime.sliding counts to ${sliding_maxretry_max}`;
  values.error('ERR_CONFIG_VALUE', message, source, 'lower it, or leave findtime.sliding off');
  return isSliding;
}

function variablesOf({ config }: JailPlace, name: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const variable of ['port', 'protocol', 'chain']) {
    try {
      const value = interpolated(config, name, variable);
      if (value !== null) found[variable] = value.text;
    } catch (error) {
      // nothing but a display needs them here: an action that uses them has said so
      if (!(error instanceof EdgebanError)) throw error;
    }
  }
  return found;
}

function tellOfNothing(values: JailValues, file: string, asked: Sourced): void {
  const message = `the action ${file} has no section [Definition]: it does nothing`;
  values.mild(
    'warning',
    'ERR_CONFIG_ACTION',
    message,
    asked,
    'put its commands under [Definition], or name another action',
  );
}

function actionsOf(values: JailValues): ActionConf[] {
  const { reading } = values;
  const actions: ActionConf[] = [];
  for (const action of reading.actions) {
    const { definition, name, file, asked } = action;
    if (definition === null) {
      const message = `the action ${file} is written in Python and is not run`;
      const remedy =
        'for mail use sendmail or sendmail-whois, for all else webhook, ntfy, or a .conf file with commands';
      values.error('ERR_CONFIG_ACTION_PYTHON', message, asked, remedy);
    } else if (actions.some((other) => other.name === name)) {
      values.error('ERR_CONFIG_ACTION', `Action ${name} already exists`, asked, 'give one of the two another actname');
    } else {
      if (definition.saysNothing) tellOfNothing(values, file, asked);
      actions.push(actionConf(action, definition));
    }
  }
  const said = values.option('action')?.source;
  if (reading.actions.length === 0 && said !== undefined) {
    values.findings.push(
      mildFinding(
        'warning',
        configError(
          'ERR_CONFIG_ACTION',
          `No actions were defined for ${reading.name}`,
          said.origins[0] ?? null,
          'nobody is blocked by it: set banaction or action',
        ),
        reading.name,
      ),
    );
  }
  return actions;
}
