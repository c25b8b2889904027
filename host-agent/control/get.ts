/** The words after `get`: settings of the daemon and of its jails, in fail2ban's values. */
import { canonical } from '../../shared/address.ts';
import { type BantimeOption, bantimeOptions } from '../../shared/config/bantime-extra.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import { actionMethods, actionProperties, getAction } from './action.ts';
import type { AgentControl, JailControl, JailSettings } from './agent-control.ts';
import { invalidCommand, jailOf, missingWord } from './errors.ts';
import { type ReplyValue, tupleOf } from './framing.ts';

const globals: Readonly<Record<string, (agent: AgentControl) => ReplyValue>> = {
  loglevel: (agent) => agent.logLevel,
  logtarget: (agent) => agent.logTarget,
  syslogsocket: (agent) => agent.syslogSocket,
  dbfile: (agent) => agent.dbFile,
  dbmaxmatches: (agent) => (agent.dbFile === null ? null : agent.dbMaxMatches),
  dbpurgeage: (agent) => (agent.dbFile === null ? null : agent.dbPurgeAge),
};

/** By the word after the jail's name; fail2ban's types. */
export const jailSettings: Readonly<Record<string, (settings: JailSettings) => ReplyValue>> = {
  maxretry: (jail) => jail.maxretry,
  findtime: (jail) => jail.findtime,
  bantime: (jail) => jail.bantime,
  maxmatches: (jail) => jail.maxmatches,
  ignoreip: (jail) => jail.ignoreip,
  ignoreself: (jail) => jail.ignoreself,
  // fail2ban's way to say that there is none
  ignorecommand: (jail) => (jail.ignorecommand === '' ? false : jail.ignorecommand),
  ignorecache: ({ ignorecache }) =>
    ignorecache === null ? null : [ignorecache.key, ignorecache.max_count, ignorecache.max_time],
  prefregex: (jail) => jail.prefregex,
  datepattern: ({ datepattern }) => (datepattern === null ? null : tupleOf(datepattern.pattern, datepattern.name)),
  logtimezone: (jail) => jail.logtimezone,
  maxlines: (jail) => jail.maxlines,
  usedns: (jail) => jail.usedns,
  logencoding: (jail) => (jail.logencoding.toLowerCase() === 'auto' ? 'UTF-8' : jail.logencoding),
  logpath: (jail) => jail.logpath,
  journalmatch: (jail) => jail.journalmatch,
  failregex: (jail) => jail.failregex,
  ignoreregex: (jail) => jail.ignoreregex,
  actions: (jail) => jail.actions,
  ...Object.fromEntries(bantimeOptions.map((name) => [`bantime.${name}`, bantimeOption(name)])),
};

function bantimeOption(name: BantimeOption): (settings: JailSettings) => ReplyValue {
  return ({ bantimeExtra }) => bantimeExtra[name] ?? null;
}

/** `words` are those after `get`. */
export function get(agent: AgentControl, words: readonly string[]): ReplyValue {
  const [name, what, ...rest] = words;
  if (name === undefined) throw missingWord();
  const global = Object.hasOwn(globals, name) ? globals[name] : undefined;
  if (global !== undefined) return global(agent);
  if (what === undefined) throw missingWord();
  return getOfJail(agent, name, what, rest);
}

function getOfJail(agent: AgentControl, name: string, what: string, rest: readonly string[]): ReplyValue {
  const setting = Object.hasOwn(jailSettings, what) ? jailSettings[what] : undefined;
  const question = Object.hasOwn(questions, what) ? questions[what] : undefined;
  if (setting !== undefined) return setting(jailOf(agent, name).settings());
  if (question !== undefined) return question(jailOf(agent, name), rest);
  throw invalidCommand(' (no get action or not yet implemented)');
}

/** Those that take words; each gets the words after its own. */
const questions: Readonly<Record<string, (jail: JailControl, words: readonly string[]) => ReplyValue>> = {
  banned: bannedOf,
  banip: (jail, words) => banList(jail.bans(), words[0] === '--with-time'),
  // a word of our own: fail2ban's status has no place for it
  givenup: (jail) => jail.counts().givenUp,
  action: getAction,
  actionproperties: actionProperties,
  actionmethods: actionMethods,
};

/** All ids without arguments, else 1 or 0 for each (a bare number for one, as fail2ban answers). */
export function bannedOf(jail: Pick<JailControl, 'bans'>, ids: readonly string[]): ReplyValue {
  const banned = jail.bans().map((ban) => ban.id);
  if (ids.length === 0) return banned;
  const known = new Set(banned);
  const flags = ids.map((id) => Number(known.has(canonical(id) ?? id)));
  return flags.length === 1 ? (flags[0] ?? 0) : flags;
}

/** In the order of their ends, those without end last. */
function banList(bans: readonly Ban[], withTime: boolean): string[] {
  const end = (ban: Ban) => ban.until ?? Number.POSITIVE_INFINITY;
  const ordered = [...bans].sort((a, b) => (end(a) === end(b) ? 0 : end(a) - end(b)));
  return ordered.map((ban) => (withTime ? withTimes(ban) : ban.id));
}

/** `192.0.2.1 \t2026-11-22 15:17:11 + 600 = 2026-11-22 15:27:11`; a ban without end ends in the year 9999. */
function withTimes(ban: Ban): string {
  const until = ban.until === null ? '9999-12-31 23:59:59' : localTime(ban.until);
  return `${ban.id} \t${localTime(ban.at)} + ${Math.trunc(ban.bantime)} = ${until}`;
}

function localTime(at: UnixTime): string {
  const date = new Date(at * 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
