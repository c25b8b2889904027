/** fail2ban's words, each to a call on the daemon; the values answered are fail2ban's. */
import { setTimeout as pause } from 'node:timers/promises';
import { canonical } from '../../shared/address.ts';
import type { AgentControl, EdgeReport, ReloadOptions } from './agent-control.ts';
import { invalidCommand, invalidValue, jailExists, jailOf, missingWord } from './errors.ts';
import type { ReplyValue } from './framing.ts';
import { bannedOf, get } from './get.ts';
import { set } from './set.ts';
import { flavorOf, jailStatus, overview, overviewOfAll } from './status.ts';
import { watch } from './watch.ts';

type Command = (agent: AgentControl, words: readonly string[]) => ReplyValue | Promise<ReplyValue>;

/** By the first word; each gets the words after it. */
const commands: Readonly<Record<string, Command>> = {
  ping: () => 'pong',
  version: (agent) => agent.version,
  echo: (_agent, words) => words,
  'server-status': () => 'Server ready',
  status,
  stats: (agent) => overviewOfAll(agent, 'stats'),
  statistic: (agent) => overviewOfAll(agent, 'stats'),
  statistics: (agent) => overviewOfAll(agent, 'stats'),
  banned,
  get,
  set,
  unban,
  reload,
  add: (agent, [name, backend = 'auto']) => {
    if (name === undefined) throw missingWord();
    if (agent.jail(name) !== null) throw jailExists(name);
    agent.addJail(name, backend);
    return name;
  },
  start: async (agent, [name]) => {
    if (name === undefined) throw missingWord();
    jailOf(agent, name);
    await agent.startJail(name);
    return null;
  },
  stop,
  sleep,
  flushlogs: (agent) => agent.flushLogs(),
  edge,
  watch,
  as,
  explain: async (agent, [id]) => {
    if (id === undefined) throw missingWord();
    return await agent.explain(id);
  },
};

/**
 * Runs one command. `words` has at least one. Throws CommandError with fail2ban's text and arguments, or what the
 * daemon threw.
 */
export async function runCommand(agent: AgentControl, words: readonly string[]): Promise<ReplyValue> {
  const [name, ...rest] = words;
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw invalidCommand();
  return await command(agent, rest);
}

/** A command with the name of who asks for it, for the log: another program has asked him who he is. */
async function as(agent: AgentControl, [who, ...words]: readonly string[]): Promise<ReplyValue> {
  if (who === undefined || words.length === 0) throw missingWord();
  if (words[0] !== 'set' && words[0] !== 'unban') throw invalidCommand();
  const answer = await runCommand(agent, words);
  agent.noteAct(`${who} has done: ${words.join(' ')}`);
  return answer;
}

async function status(agent: AgentControl, words: readonly string[]): Promise<ReplyValue> {
  const [name, flavor] = words;
  if (words.length > 2) throw invalidCommand(' (no status)');
  if (name === undefined) return overview(agent);
  if (name === '--all') return await overviewOfAll(agent, flavorOf(flavor));
  return await jailStatus(agent, jailOf(agent, name), flavorOf(flavor));
}

/** Without arguments `[{jail: ids}, …]`; with ids, for each the jails that have banned it. Left-out jails are there if they have bans. */
function banned(agent: AgentControl, ids: readonly string[]): ReplyValue {
  const running = agent.jails().map((name) => [name, jailOf(agent, name)] as const);
  const others = agent.leftOut().filter((jail) => jail.bans().length > 0);
  const jails = [...running, ...others.map((jail) => [jail.name, jail] as const)];
  if (ids.length === 0) return jails.map(([name, jail]) => ({ [name]: bannedOf(jail, []) }));
  const sets = jails.map(([name, jail]) => ({ name, ids: new Set(jail.bans().map((ban) => ban.id)) }));
  return ids.map((id) => sets.filter((set) => set.ids.has(canonical(id) ?? id)).map((set) => set.name));
}

async function unban(agent: AgentControl, ids: readonly string[]): Promise<ReplyValue> {
  if (ids.length === 0) throw invalidCommand();
  if (ids.length === 1 && ids[0] === '--all') return await agent.unbanAll();
  return await agent.unban(ids);
}

async function reload(agent: AgentControl, words: readonly string[]): Promise<ReplyValue> {
  await agent.reload(reloadOptions(words));
  return 'OK';
}

function reloadOptions(words: readonly string[]): ReloadOptions {
  const flags = words.filter((word) => ['--restart', '--unban', '--if-exists'].includes(word));
  const [jail, ...more] = words.filter((word) => !flags.includes(word));
  if (more.length > 0) throw invalidCommand(` (unexpected argument '${more[0]}' for reload)`);
  return {
    jail: jail === undefined || jail === '--all' ? null : jail,
    restart: flags.includes('--restart'),
    unban: flags.includes('--unban'),
    ifExists: flags.includes('--if-exists'),
  };
}

async function stop(agent: AgentControl, words: readonly string[]): Promise<ReplyValue> {
  const [name, ...more] = words;
  if (more.length > 0) throw invalidCommand(` (unexpected argument '${more[0]}' for stop)`);
  if (name === undefined || name === '--unban') await agent.stop({ unban: name !== undefined });
  else if (name !== '--all') await stopJail(agent, name);
  else for (const jail of agent.jails()) await agent.stopJail(jail);
  return null;
}

async function stopJail(agent: AgentControl, name: string): Promise<void> {
  jailOf(agent, name);
  await agent.stopJail(name);
}

const sleep_s_max = 600;

async function sleep(_agent: AgentControl, [text]: readonly string[]): Promise<ReplyValue> {
  if (text === undefined) throw missingWord();
  const seconds = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isNaN(seconds)) throw invalidValue(`could not convert string to float: '${text}'`);
  if (seconds < 0) throw invalidValue('sleep length must be non-negative');
  if (seconds > sleep_s_max) throw invalidValue(`sleep length must be no more than ${sleep_s_max}`);
  await pause(seconds * 1000);
  return null;
}

function edge(agent: AgentControl, words: readonly string[]): ReplyValue {
  if (words.length !== 1 || words[0] !== 'status') throw invalidCommand(' (edge knows: status)');
  const report: EdgeReport | null = agent.edge();
  return report === null ? null : { ...report };
}
