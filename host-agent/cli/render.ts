/** Answers in the words of fail2ban's client, byte for byte: scripts and exporters read them. */
import { isList, type ReplyError, type ReplyValue, tupleOf } from '../control/framing.ts';
import { repr, str } from './python.ts';
import { renderStats } from './render-stats.ts';
import { renderJailStatus, renderOverview } from './render-status.ts';

/** What the client prints for the answer `value` to the command `words`. */
export function render(words: readonly string[], value: ReplyValue): string {
  const [first, second] = words;
  switch (first) {
    case 'ping':
      return `Server replied: ${str(value)}`;
    case 'start':
      return 'Jail started';
    case 'stop':
      return words.length === 1 || second === '--unban' ? 'Shutdown successful' : 'Jail stopped';
    case 'add':
      return `Added jail ${str(value)}`;
    case 'flushlogs':
      return `logs: ${str(value)}`;
    case 'echo':
      return isList(value) ? value.map(str).join(' ') : str(value);
    case 'status':
      return renderStatus(words, value);
    case 'statistic':
      return repr(statsOf(value));
    case 'stats':
    case 'statistics':
      return renderStats(value);
    case 'get':
    case 'set':
      return renderGet(words, value);
    default:
      return str(value);
  }
}

/** What the client prints on stdout for an error; its stderr has `NOK: (…)`. */
export function renderError(error: ReplyError): string {
  return error.message;
}

function renderStatus(words: readonly string[], value: ReplyValue): string {
  const [, name, flavor] = words;
  if (flavor === 'stats') return repr(name === '--all' ? statsOf(value) : pairsOf(value));
  return name === undefined || name === '--all' ? renderOverview(value) : renderJailStatus(name, value);
}

/** The counts of each jail are tuples to Python. */
function statsOf(value: ReplyValue): ReplyValue {
  if (value === null || typeof value !== 'object' || isList(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, stats]) => [name, pairsOf(stats)]));
}

function pairsOf(value: ReplyValue): ReplyValue {
  return isList(value) ? value.map((part) => (isList(part) ? tupleOf(...part) : part)) : value;
}

/** fail2ban prints what `set` answers as it prints what `get` does. */
function renderGet(words: readonly string[], value: ReplyValue): string {
  const [, name = '', what, separator] = words;
  if (what === undefined || Object.hasOwn(globals, name)) return renderGlobal(name, value);
  const render = Object.hasOwn(jailValues, what) ? jailValues[what] : undefined;
  if (render !== undefined) return render(value, name, separator ?? '');
  if (what === 'banip' && words[0] === 'get' && isList(value))
    return value.map(str).join(separator === '--with-time' ? '\n' : (separator ?? ' '));
  return str(value);
}

type Render = (value: ReplyValue, jail: string) => string;

type RenderNamed = (value: ReplyValue, jail: string, action: string) => string;

const textsOf = (value: ReplyValue) => (isList(value) ? value.map(str) : []);

const logpath: Render = (value) =>
  tree(textsOf(value), 'Current monitored log file(s):', 'No file is currently monitored');
const ignoreip: Render = (value) =>
  tree(textsOf(value), 'These IP addresses/networks are ignored:', 'No IP address/network is ignored');
const regexes: Render = (value) =>
  tree(numbered(textsOf(value)), 'The following regular expression are defined:', 'No regular expression is defined');
const journalmatch: Render = (value) => journalMatch(isList(value) ? value : []);

/** By the word after the jail's name. */
const jailValues: Readonly<Record<string, RenderNamed>> = {
  logpath,
  addlogpath: logpath,
  dellogpath: logpath,
  ignoreip,
  addignoreip: ignoreip,
  delignoreip: ignoreip,
  failregex: regexes,
  addfailregex: regexes,
  delfailregex: regexes,
  ignoreregex: regexes,
  addignoreregex: regexes,
  delignoreregex: regexes,
  journalmatch,
  addjournalmatch: journalmatch,
  deljournalmatch: journalmatch,
  logencoding: (value) => `Current log encoding is set to:\n${str(value)}`,
  datepattern: (value) => `Current date pattern set to: ${datepattern(value)}`,
  actionproperties: (value, jail, action) => namesOf(value, jail, action, 'properties'),
  actionmethods: (value, jail, action) => namesOf(value, jail, action, 'methods'),
  actions: (value, jail) =>
    isList(value) && value.length > 0
      ? `The jail ${jail} has the following actions:\n${textsOf(value).join(', ')}`
      : `No actions for jail ${jail}`,
};

function namesOf(value: ReplyValue, jail: string, action: string, what: string): string {
  if (!isList(value) || value.length === 0) return `No ${what} for jail ${jail} action ${action}`;
  return `The jail ${jail} action ${action} has the following ${what}:\n${textsOf(value).join(', ')}`;
}

/** `pattern (name)`, or the name of what has no pattern. */
function datepattern(value: ReplyValue): string {
  if (!isList(value)) return 'Not set/required';
  const [pattern = null, name = null] = value;
  return pattern === null ? str(name) : `${str(pattern)} (${str(name)})`;
}

/** The daemon's own settings. */
const globals: Readonly<Record<string, Render>> = {
  loglevel: (value) => `Current logging level is ${repr(value)}`,
  logtarget: (value) => `Current logging target is:\n\`- ${str(value)}`,
  syslogsocket: (value) => `Current syslog socket is:\n\`- ${str(value)}`,
  dbfile: (value) => (value === null ? 'Database currently disabled' : `Current database file is:\n\`- ${str(value)}`),
  dbpurgeage: (value) =>
    value === null ? 'Database currently disabled' : `Current database purge age is:\n\`- ${str(value)}seconds`,
};

function renderGlobal(name: string, value: ReplyValue): string {
  const render = Object.hasOwn(globals, name) ? globals[name] : undefined;
  return render === undefined ? str(value) : render(value, '');
}

function tree(items: readonly string[], title: string, empty: string): string {
  if (items.length === 0) return empty;
  return [title, ...items.map((item, index) => `${index === items.length - 1 ? '`-' : '|-'} ${item}`)].join('\n');
}

function numbered(items: readonly string[]): string[] {
  return items.map((item, index) => `[${index}]: ${item}`);
}

function journalMatch(matches: readonly ReplyValue[]): string {
  if (matches.length === 0) return 'No journal match filter set';
  const words = matches.map((match) => (isList(match) ? match.map(str).join(' ') : str(match)));
  return `Current match filter:\n${words.join(' + ')}`;
}
