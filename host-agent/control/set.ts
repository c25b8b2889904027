/** The words after `set`: settings of the daemon and of its jails, which hold until the next reload. */
import { EdgebanError } from '../../shared/errors.ts';
import type { AgentControl } from './agent-control.ts';
import { CommandError, invalidCommand, jailOf, missingWord } from './errors.ts';
import type { ReplyValue } from './framing.ts';
import { jailCommands, secondsOf, wholeOf } from './set-jail.ts';

type Setting = (agent: AgentControl, text: string) => ReplyValue;

const globals: Readonly<Record<string, Setting>> = {
  loglevel: (agent, text) => agent.setLogLevel(text),
  logtarget: (agent, text) => {
    agent.setLogTarget(text);
    return agent.logTarget;
  },
  syslogsocket: (agent, text) => {
    agent.setSyslogSocket(text);
    return agent.syslogSocket;
  },
  dbfile: (agent, text) => {
    const isSame = text === agent.dbFile || (text.toLowerCase() === 'none' && agent.dbFile === null);
    if (isSame) return agent.dbFile;
    const message = 'Cannot change database when there are jails present';
    throw new CommandError('ERR_COMMAND_INVALID', message, { exception: 'RuntimeError' });
  },
  dbmaxmatches: (agent, text) => {
    if (agent.dbFile === null) return null;
    agent.dbMaxMatches = wholeOf(text);
    return agent.dbMaxMatches;
  },
  dbpurgeage: (agent, text) => {
    if (agent.dbFile === null) return null;
    agent.dbPurgeAge = secondsOf(text);
    return agent.dbPurgeAge;
  },
  allowipv6: () => {
    throw fixed('allowipv6', 'set it in the configuration, and restart the server');
  },
  thread: () => {
    throw fixed('thread', 'there are no threads here whose stacks have a size');
  },
};

/** `words` are those after `set`. */
export async function set(agent: AgentControl, words: readonly string[]): Promise<ReplyValue> {
  const [name, what, ...rest] = words;
  if (name === undefined || what === undefined) throw missingWord();
  const global = Object.hasOwn(globals, name) ? globals[name] : undefined;
  if (global !== undefined) return global(agent, what);
  const command = Object.hasOwn(jailCommands, what) ? jailCommands[what] : undefined;
  if (command === undefined) throw invalidCommand(` '${what}' (no set action or not yet implemented)`);
  return await command(jailOf(agent, name), rest);
}

function fixed(name: string, remedy: string): EdgebanError {
  return new EdgebanError('ERR_COMMAND_INVALID', `${name} cannot be changed while the server runs`, { remedy });
}
