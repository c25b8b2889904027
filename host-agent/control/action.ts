/** The words after `set JAIL` and `get JAIL` that concern one action. */
import { EdgebanError } from '../../shared/errors.ts';
import type { ActionSettings, JailControl } from './agent-control.ts';
import { CommandError, invalidValue, missingWord } from './errors.ts';
import type { ReplyValue } from './framing.ts';

const properties_max = 64 * 1024;
const commands = [
  ...['actionstart', 'actionstop', 'actionflush', 'actionreload', 'actioncheck', 'actionrepair'],
  ...['actionban', 'actionprolong', 'actionreban', 'actionunban', 'actionlist', 'actionlook', 'actionlookfor'],
];

/** fail2ban's actions have methods that a client may call, past its own book of who is banned. What does the same with the book. */
const methods: Readonly<Record<string, string>> = {
  ban: 'set JAIL banip IP',
  reban: 'set JAIL banip IP',
  prolong: 'set JAIL banip IP',
  unban: 'set JAIL unbanip IP',
  flush: 'unban --all',
  start: 'reload --restart JAIL',
  stop: 'stop JAIL, or set JAIL delaction ACTION',
  reload: 'reload --restart JAIL',
  consistencyCheck: 'nothing: each action is looked at by itself, and status JAIL names what is not in force',
};

export async function addAction(jail: JailControl, words: readonly string[]): Promise<ReplyValue> {
  const [name, module] = words;
  if (name === undefined) throw missingWord();
  if (module !== undefined) {
    const remedy = 'give it commands instead: set JAIL action NAME actionban COMMAND';
    throw new EdgebanError('ERR_CONFIG_ACTION_PYTHON', `actions written in Python are not run: ${module}`, { remedy });
  }
  if (jail.actions().some((action) => action.name === name)) throw invalidValue(`Action ${name} already exists`);
  await jail.addAction(name);
  return name;
}

export async function dropAction(jail: JailControl, [name]: readonly string[]): Promise<ReplyValue> {
  if (name === undefined) throw missingWord();
  actionOf(jail, name);
  await jail.dropAction(name);
  return null;
}

export async function changeAction(jail: JailControl, words: readonly string[]): Promise<ReplyValue> {
  const [name, property, text] = words;
  if (name === undefined) throw missingWord();
  actionOf(jail, name);
  if (property === undefined) throw missingWord();
  if (Object.hasOwn(methods, property)) {
    const message = `an action's ${property} cannot be called: use ${methods[property]}`;
    throw new CommandError('ERR_COMMAND_INVALID', message);
  }
  if (text === undefined) throw missingWord();
  if (property.startsWith('action') && !known(actionOf(jail, name)).includes(property))
    throw new CommandError('ERR_COMMAND_INVALID', `there is no command ${property}`);
  if (text.length > properties_max) throw invalidValue(`more than ${properties_max} characters`);
  await jail.changeAction(name, property, text);
  return actionOf(jail, name).properties[property] ?? null;
}

export function getAction(jail: JailControl, [name, property]: readonly string[]): ReplyValue {
  if (name === undefined || property === undefined) throw missingWord();
  const { properties } = actionOf(jail, name);
  if (Object.hasOwn(properties, property)) return properties[property] ?? null;
  if (commands.includes(property)) return '';
  const message = `'CommandAction' object has no attribute '${property}'`;
  throw new CommandError('ERR_COMMAND_INVALID', message, { exception: 'AttributeError' });
}

export function actionProperties(jail: JailControl, [name]: readonly string[]): ReplyValue {
  if (name === undefined) throw missingWord();
  return known(actionOf(jail, name)).sort();
}

export function actionMethods(jail: JailControl, [name]: readonly string[]): ReplyValue {
  if (name === undefined) throw missingWord();
  actionOf(jail, name);
  return [];
}

function known({ properties }: ActionSettings): string[] {
  return [...new Set([...Object.keys(properties), ...commands])];
}

/** Throws fail2ban's KeyError, which Python prints in quotes. */
function actionOf(jail: JailControl, name: string): ActionSettings {
  const action = jail.actions().find((other) => other.name === name);
  if (action !== undefined) return action;
  const message = `Invalid Action name: ${name}`;
  throw new CommandError('ERR_COMMAND_INVALID', `'${message}'`, { args: [message], exception: 'KeyError' });
}
