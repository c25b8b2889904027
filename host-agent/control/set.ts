/** The words after `set`: bans, and settings that hold until the next reload. The answers are fail2ban's. */
import { parseSeconds } from '../../shared/config/arithmetic.ts';
import type { Seconds } from '../../shared/time.ts';
import type { AgentControl, JailControl } from './agent-control.ts';
import { CommandError, invalidCommand, jailOf, missingWord } from './errors.ts';
import type { ReplyValue } from './framing.ts';

type Setting = (jail: JailControl, words: readonly string[]) => ReplyValue | Promise<ReplyValue>;

/** By the word after the jail's name; each gets the words after it. */
const settings: Readonly<Record<string, Setting>> = {
  banip: async (jail, ids) => (ids.length === 0 ? 0 : await jail.ban(ids)),
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
  delignoreip: async (jail, [text]) => {
    if (text === undefined) throw missingWord();
    if (!(await jail.dropIgnored(text))) throw new CommandError('ERR_COMMAND_INVALID', 'list.remove(x): x not in list');
    return jail.settings().ignoreip;
  },
  maxretry: (jail, [text]) => {
    jail.change({ maxretry: wholeOf(text) });
    return jail.settings().maxretry;
  },
  findtime: (jail, [text]) => {
    const findtime = secondsOf(text);
    if (findtime <= 0) throw invalidValue(`findtime = ${text}: not a length of time`);
    jail.change({ findtime });
    return jail.settings().findtime;
  },
  bantime: (jail, [text]) => {
    jail.change({ bantime: secondsOf(text) });
    return jail.settings().bantime;
  },
};

/** `words` are those after `set`. */
export async function set(agent: AgentControl, words: readonly string[]): Promise<ReplyValue> {
  const [name, what, ...rest] = words;
  if (name === undefined || what === undefined) throw missingWord();
  if (name === 'loglevel') return agent.setLogLevel(what);
  const setting = Object.hasOwn(settings, what) ? settings[what] : undefined;
  if (setting === undefined) throw invalidCommand(` '${what}' (no set action or not yet implemented)`);
  return await setting(jailOf(agent, name), rest);
}

async function unban(jail: JailControl, words: readonly string[]): Promise<ReplyValue> {
  if (words[0] === undefined) throw missingWord();
  const report = words[0] === '--report-absent';
  const { lifted, absent } = await jail.unban(report ? words.slice(1) : words);
  if (!report || absent.length === 0) return lifted;
  throw new CommandError('ERR_NOT_BANNED', `not banned: [${absent.map((id) => `'${id}'`).join(', ')}]`);
}

/** fail2ban takes Python's int(), and answers with its error. */
function wholeOf(text: string | undefined): number {
  if (text === undefined) throw missingWord();
  if (/^\s*\+?\d{1,9}\s*$/.test(text)) return Number(text);
  throw invalidValue(`invalid literal for int() with base 10: '${text}'`);
}

function secondsOf(text: string | undefined): Seconds {
  if (text === undefined) throw missingWord();
  const value = parseSeconds(text);
  if (Number.isFinite(value)) return value;
  throw invalidValue(`'${text}' is not a length of time`);
}

function invalidValue(message: string): CommandError {
  return new CommandError('ERR_COMMAND_INVALID', message);
}
