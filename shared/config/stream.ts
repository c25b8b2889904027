/** The command stream that `fail2ban-client -d` prints: a configuration as the commands that would set it up. */
import { type ActionReading, actionFlags, actionOptions, boolOf } from './action-conf.ts';
import { filterOptions, journalMatchesOf, regexesOf } from './filter-conf.ts';
import type { Finding } from './finding.ts';
import { intOf, type JailReading, ownOptions } from './jail-reading.ts';
import { logpathOf, words } from './jail-values.ts';
import { readJailReadings } from './open-jails.ts';
import { type Plain, pythonRepr } from './python-text.ts';
import { type ConfigFiles, joinPath } from './read-order.ts';
import { openServer, Settings } from './server-conf.ts';
import type { Sourced } from './sourced.ts';

export type Command = readonly Plain[];

/** Files that match a shell pattern, as Python's glob finds them (dangling links left out). */
export type Glob = (pattern: string) => readonly string[];

/** As fail2ban prints a command. */
export function formatCommand(command: Command): string {
  return pythonRepr(command);
}

export interface Stream {
  readonly commands: readonly Command[];
  /** With an error among them that names no jail, fail2ban would print nothing. */
  readonly findings: readonly Finding[];
}

/** The whole stream of the configuration folder `dir`. */
export function readStream(files: ConfigFiles, dir: string, glob: Glob): Stream {
  const server = serverCommands(files, dir);
  const { jails, findings } = readJailReadings(files, dir);
  return {
    commands: [...server.commands, ...jailCommands(jails, dir, glob)],
    findings: [...server.findings, ...findings],
  };
}

/** The settings of the server that fail2ban sends, in its order. */
function serverCommands(files: ConfigFiles, dir: string): Stream {
  const { from, config, findings } = openServer(files, dir);
  const settings = new Settings(config, from === 'fail2ban' ? 'fail2ban' : 'edgeban', findings);
  const stack = settings.find('Thread', 'stacksize');
  const matches = settings.find('Definition', 'dbmaxmatches');
  const texts = { syslogsocket: 'auto', loglevel: 'INFO', logtarget: undefined, allowipv6: 'auto', dbfile: undefined };
  const commands: Command[] = stack === null ? [] : [['set', 'thread', { stacksize: intOf(stack.text) }]];
  for (const [name, otherwise] of Object.entries(texts))
    commands.push(['set', name, settings.text('Definition', name, otherwise)]);
  if (matches !== null) commands.push(['set', 'dbmaxmatches', intOf(matches.text)]);
  commands.push(['set', 'dbpurgeage', settings.text('Definition', 'dbpurgeage', '1d')]);
  return { commands, findings };
}

/** The commands of all jails, then those that start them. `dir` is the folder of the configuration. */
function jailCommands(jails: readonly JailReading[], dir: string, glob: Glob): Command[] {
  const starting = jails.filter((jail) => jail.errors.length === 0).map((jail) => ['start', jail.name]);
  return [...jails.flatMap((jail) => commandsOf(jail, dir, glob)), ...starting];
}

function commandsOf(jail: JailReading, dir: string, glob: Glob): Command[] {
  const [error] = jail.errors;
  if (error !== undefined) {
    return [['config-error', `Jail '${jail.name}' skipped, because of wrong configuration: ${error.message}`]];
  }
  const stream: Command[] = [];
  addFilterCommands(stream, jail.name, filterValues(jail.filter));
  const own = [...jail.options].map(([name, option]) => [name, { ...option.source, value: option.value }] as const);
  addFilterCommands(stream, jail.name, own);
  const backend = jail.options.get('backend')?.value ?? 'auto';
  const actions = jail.actions.flatMap((action) => actionCommands(jail.name, dir, action));
  return [['add', jail.name, backend], ...stream, ...jailValues(jail), ...logCommands(jail, glob), ...actions];
}

type Value = Sourced & { readonly value: Plain };

function filterValues(filter: ReadonlyMap<string, Sourced>): [string, Value][] {
  return [...filter].map(([name, source]) => {
    return [name, { ...source, value: name === 'maxlines' ? intOf(source.text) : source.text }];
  });
}

/** usedns comes before all, then prefregex and maxlines: regular expressions are compiled as they arrive. */
function addFilterCommands(stream: Command[], jail: string, values: readonly (readonly [string, Value])[]): void {
  let first = 0;
  for (const [name, value] of values) {
    if (value.value === null) continue;
    if (name === 'usedns' || name === 'maxlines' || name === 'prefregex') {
      stream.splice(name === 'usedns' ? 0 : first, 0, ['set', jail, name, value.value]);
      first++;
    } else stream.push(...filterCommands(jail, name, value));
  }
}

function filterCommands(jail: string, name: string, value: Value): Command[] {
  if (name === 'datepattern') return [['set', jail, name, value.value]];
  if (name === 'journalmatch')
    return journalMatchesOf(value).map(({ terms }) => ['set', jail, 'addjournalmatch', ...terms]);
  if (name !== 'failregex' && name !== 'ignoreregex') return [];
  const regexes = regexesOf(value).map(({ regex }) => regex);
  if (regexes.length > 1) return [['multi-set', jail, `add${name}`, regexes]];
  return regexes.map((regex) => ['set', jail, `add${name}`, regex]);
}

const elsewhere: ReadonlySet<string> = new Set([
  ...['action', 'filter', 'enabled', 'backend', 'logpath'],
  ...filterOptions,
  ...Object.keys(ownOptions),
]);

function jailValues(jail: JailReading): Command[] {
  return [...jail.options]
    .filter(([name]) => !elsewhere.has(name))
    .map(([name, { value, source }]) => {
      if (name === 'ignoreip') return ['set', jail.name, 'addignoreip', ...words(source.text)];
      return ['set', jail.name, name, value];
    });
}

function logCommands(jail: JailReading, glob: Glob): Command[] {
  const logpath = jail.options.get('logpath');
  const backend = jail.options.get('backend')?.source.text ?? 'auto';
  if (logpath === undefined || backend.startsWith('systemd')) return [];
  return logpath.source.text.split('\n').flatMap((line) => {
    const { path, position } = logpathOf(line);
    return glob(path).map((file) => ['set', jail.name, 'addlogpath', file, position]);
  });
}

function actionCommands(jail: string, dir: string, action: ActionReading): Command[] {
  const { definition, given, name, file } = action;
  if (definition === null) {
    const path = joinPath(joinPath(dir, 'action.d'), file);
    return [['set', jail, 'addaction', name, path, pythonJson(given)]];
  }
  const said = [...definition.options].map(([option, { text }]) => [
    option,
    actionFlags.has(option) ? boolOf(text) : text,
  ]);
  // that is what fail2ban hands on where there is no section to look into
  const unsaid = definition.saysNothing ? actionOptions.filter((option) => !definition.options.has(option)) : [];
  const options = [...unsaid.map((option) => [option, null]), ...said];
  const init = [...definition.init].map(([option, { text }]) => [option, text]);
  const all = [...options, ...init];
  const [only = []] = all;
  const add = ['set', jail, 'addaction', name];
  if (all.length > 1) return [add, ['multi-set', jail, 'action', name, all]];
  return all.length === 0 ? [add] : [add, ['set', jail, 'action', name, ...only]];
}

/** As Python's json.dumps writes it: blanks behind `:` and `,`, nothing but ASCII. */
function pythonJson(options: ReadonlyMap<string, Sourced>): string {
  const quoted = (text: string) =>
    JSON.stringify(text).replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `{${[...options].map(([name, { text }]) => `${quoted(name)}: ${quoted(text)}`).join(', ')}}`;
}
