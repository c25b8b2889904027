/** The words after `set JAIL`: what a jail is told, and fail2ban's answers to it. */
import { accessSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { boolOf } from '../../shared/config/action-conf.ts';
import { parseSeconds } from '../../shared/config/arithmetic.ts';
import { type BantimeOption, bantimeOptions } from '../../shared/config/bantime-extra.ts';
import { type IgnoreCache, ignorecacheFrom } from '../../shared/config/jail-values.ts';
import type { UseDns } from '../../shared/filter/filter.ts';
import type { Seconds } from '../../shared/time.ts';
import { addAction, changeAction, dropAction } from './action.ts';
import type { JailControl, RegexKind } from './agent-control.ts';
import { CommandError, invalidValue, missingWord } from './errors.ts';
import type { ReplyValue } from './framing.ts';
import { jailSettings } from './get.ts';

/** Gets the words after its own. */
export type JailCommand = (jail: JailControl, words: readonly string[]) => ReplyValue | Promise<ReplyValue>;

/** One that needs a word, and is answered with what stands then. */
const setting =
  (name: string, change: (jail: JailControl, text: string) => unknown): JailCommand =>
  async (jail, [text]) => {
    if (text === undefined) throw missingWord();
    await change(jail, text);
    return stands(jail, name);
  };

function stands(jail: JailControl, name: string): ReplyValue {
  const show = jailSettings[name];
  if (show === undefined) throw new Error(`nothing shows ${name}`);
  return show(jail.settings());
}

/** By the word after the jail's name. */
export const jailCommands: Readonly<Record<string, JailCommand>> = {
  idle: async (jail, [text]) => {
    if (text === undefined) throw missingWord();
    if (text !== 'on' && text !== 'off')
      throw new CommandError('ERR_COMMAND_INVALID', "Invalid idle option, must be 'on' or 'off'");
    await jail.setIdle(text === 'on');
    return jail.settings().idle;
  },
  banip: async (jail, words) => {
    // edgeban's own: against the guards, and for another time than the jail's
    const force = words.includes('--force');
    const at = words.indexOf('--bantime');
    const timed = at < 0 ? {} : { bantime: secondsOf(words[at + 1] ?? '') };
    const ids = words.filter((word, index) => word !== '--force' && (at < 0 || (index !== at && index !== at + 1)));
    return ids.length === 0 ? 0 : await jail.ban(ids, { force, ...timed });
  },
  unbanip: unban,
  attempt: async (jail, [id, ...lines]) => {
    if (id === undefined) throw missingWord();
    await jail.attempt(id, lines);
    return 1;
  },
  addignoreip: async (jail, texts) => {
    await jail.addIgnored(texts);
    return jail.settings().ignoreip;
  },
  delignoreip: setting('ignoreip', async (jail, text) => {
    if (!(await jail.dropIgnored(text))) throw invalidValue('list.remove(x): x not in list');
  }),
  ignoreself: setting('ignoreself', (jail, text) => jail.change({ ignoreself: boolOf(text) })),
  ignorecommand: setting('ignorecommand', (jail, text) => jail.changeIgnoring({ ignorecommand: text })),
  ignorecache: setting('ignorecache', (jail, text) => jail.changeIgnoring({ ignorecache: cacheOf(text) })),
  addlogpath: addLog,
  dellogpath: setting('logpath', (jail, path) => jail.dropLog(path)),
  logencoding: setting('logencoding', (jail, text) => jail.changeEncoding(text)),
  addjournalmatch: async (jail, words) => {
    if (words.length === 0) throw missingWord();
    readsJournal(jail);
    await jail.addJournalMatch(words);
    return stands(jail, 'journalmatch');
  },
  deljournalmatch: async (jail, words) => {
    readsJournal(jail);
    if (!(await jail.dropJournalMatch(words)))
      throw invalidValue(`Match [${words.map((word) => `'${word}'`).join(', ')}] not found`);
    return stands(jail, 'journalmatch');
  },
  prefregex: setting('prefregex', (jail, prefregex) => jail.changeFilter({ prefregex })),
  addfailregex: setting('failregex', (jail, text) => jail.addRegex('failregex', text)),
  delfailregex: setting('failregex', (jail, text) => dropRegex(jail, 'failregex', text)),
  addignoreregex: setting('ignoreregex', (jail, text) => jail.addRegex('ignoreregex', text)),
  delignoreregex: setting('ignoreregex', (jail, text) => dropRegex(jail, 'ignoreregex', text)),
  usedns: setting('usedns', (jail, text) => jail.changeFilter({ usedns: usednsOf(text) })),
  findtime: setting('findtime', (jail, text) => {
    const findtime = secondsOf(text);
    if (findtime <= 0) throw invalidValue(`findtime = ${text}: not a length of time`);
    jail.change({ findtime });
  }),
  datepattern: setting('datepattern', (jail, datepattern) => jail.changeFilter({ datepattern })),
  logtimezone: setting('logtimezone', (jail, logtimezone) => jail.changeFilter({ logtimezone })),
  maxmatches: setting('maxmatches', (jail, text) => jail.change({ maxmatches: wholeOf(text) })),
  maxretry: setting('maxretry', (jail, text) => jail.change({ maxretry: wholeOf(text) })),
  maxlines: setting('maxlines', (jail, text) => {
    const maxlines = wholeOf(text);
    if (maxlines < 1) throw invalidValue('maxlines must be integer greater than zero');
    return jail.changeFilter({ maxlines });
  }),
  bantime: setting('bantime', (jail, text) => jail.change({ bantime: secondsOf(text) })),
  addaction: addAction,
  delaction: dropAction,
  action: changeAction,
  ...Object.fromEntries(bantimeOptions.map((name) => [`bantime.${name}`, bantimeSetting(name)])),
};

function bantimeSetting(name: BantimeOption): JailCommand {
  return setting(`bantime.${name}`, (jail, text) => jail.changeBantime(name, text));
}

async function unban(jail: JailControl, words: readonly string[]): Promise<ReplyValue> {
  if (words[0] === undefined) throw missingWord();
  const report = words[0] === '--report-absent';
  const { lifted, absent } = await jail.unban(report ? words.slice(1) : words);
  if (!report || absent.length === 0) return lifted;
  const message = `not banned: [${absent.map((id) => `'${id}'`).join(', ')}]`;
  throw new CommandError('ERR_NOT_BANNED', message, { exception: 'ValueError' });
}

/** fail2ban refuses what is not there, though a file that the configuration names may come later. */
async function addLog(jail: JailControl, [path, place = 'head', ...more]: readonly string[]): Promise<ReplyValue> {
  if (path === undefined) throw missingWord();
  if (more.length > 0) throw invalidValue('Only one file can be added at a time');
  const from = place.toLowerCase();
  if (from !== 'head' && from !== 'tail') throw invalidValue("File option must be 'head' or 'tail'");
  if (jail.settings().backend === 'systemd') throw wrongBackend('systemd', 'addjournalmatch');
  if (!isAbsolute(path)) throw invalidValue(`'${path}' is no absolute path`);
  if (!isThere(path)) throw noSuchFile(path);
  await jail.addLog(path, from === 'tail');
  return stands(jail, 'logpath');
}

function isThere(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

function noSuchFile(file: string): CommandError {
  return new CommandError('ERR_SOURCE_MISSING', `[Errno 2] No such file or directory: '${file}'`, {
    args: [2, 'No such file or directory'],
    exception: 'FileNotFoundError',
    file,
  });
}

/** fail2ban takes a match for a jail that reads files, and does nothing with it. */
function readsJournal(jail: JailControl): void {
  const { backend } = jail.settings();
  if (backend !== 'systemd') throw wrongBackend(backend, 'addlogpath');
}

function wrongBackend(backend: string, instead: string): CommandError {
  return invalidValue(`the backend of the jail is ${backend}: use ${instead}`);
}

async function dropRegex(jail: JailControl, kind: RegexKind, text: string): Promise<void> {
  await jail.dropRegex(kind, wholeOf(text, -1_000));
}

function usednsOf(text: string): UseDns {
  const lower = text.toLowerCase();
  const known = (['yes', 'warn', 'no', 'raw'] as const).find((name) => name === lower);
  if (known !== undefined) return known;
  throw invalidValue(`Incorrect value '${text}' specified for usedns: use yes, warn, no or raw`);
}

/** An empty text is no cache. */
function cacheOf(text: string): IgnoreCache | null {
  return text.trim() === '' ? null : ignorecacheFrom({ text, origins: [{ file: 'ignorecache', line: 1 }] });
}

/** fail2ban takes Python's int(), and answers with its error. */
export function wholeOf(text: string, least = 0): number {
  const value = /^\s*[+-]?\d{1,9}\s*$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least) return value;
  throw invalidValue(Number.isNaN(value) ? `invalid literal for int() with base 10: '${text}'` : `${text} is too low`);
}

/** Throws ERR_CONFIG_EXPRESSION. */
export function secondsOf(text: string): Seconds {
  const value = parseSeconds(text);
  if (Number.isFinite(value)) return value;
  throw invalidValue(`'${text}' is not a length of time`);
}
