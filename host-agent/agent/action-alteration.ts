/** What a client sees and changes of a jail's actions: the commands, and the parameters that stand in them. */
import { actionFlags, boolOf } from '../../shared/config/action-conf.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { ActionSettings } from '../control/agent-control.ts';
import type { ActionPlan } from './plan.ts';

const flags = {
  actionstart_on_demand: 'startOnDemand',
  actionrepair_on_unban: 'repairOnUnban',
  norestored: 'norestored',
} as const;

/** As fail2ban's commands have it, with a timeout of a minute where nothing is said. */
export function actionSettings({ name, commands, parameters, ...action }: ActionPlan): ActionSettings {
  const switches = Object.entries(flags).map(([property, flag]) => [property, action[flag]] as const);
  const texts = Object.entries({ timeout: '60', ...parameters, ...commands });
  const shown = texts.map(([property, text]) => [
    property,
    isSecret(property) ? hidden : withoutSecrets(text, parameters),
  ]);
  return { name, properties: { ...Object.fromEntries(shown), ...Object.fromEntries(switches) } };
}

const hidden = '(not shown)';

/** Keys and tokens of other services, by the names that stock actions have for them. */
function isSecret(parameter: string): boolean {
  return /(?:token|secret|passw(?:or)?d|apikey|(?:^|[_-])key|cfkey)$/i.test(parameter);
}

/** Tags were filled in when the configuration was read: the value of a secret stands in the commands, too. */
function withoutSecrets(text: string, parameters: ActionPlan['parameters']): string {
  const secrets = Object.entries(parameters).filter(([name, value]) => isSecret(name) && value.length >= 4);
  return secrets.reduce((shown, [, value]) => shown.replaceAll(value, hidden), text);
}

/** Without commands it does nothing. Throws ERR_CONFIG_ACTION. */
export function addedAction(name: string): ActionPlan {
  if (!/^[\w.-]{1,100}$/.test(name))
    throw new EdgebanError('ERR_CONFIG_ACTION', `'${name}' is no name for an action`, {
      remedy: 'use letters, digits, - _ .',
    });
  const nothing = { startOnDemand: null, repairOnUnban: null, norestored: false };
  return {
    name,
    file: `client:${name}`,
    commands: {},
    parameters: {},
    ...nothing,
    origin: { file: 'set addaction', line: 0 },
  };
}

/** A command is taken as it is: the tags in it are those of the ban. */
export function withProperty(action: ActionPlan, property: string, text: string): ActionPlan {
  if (isFlag(property)) return { ...action, [flags[property]]: boolOf(text) };
  if (actionFlags.has(property)) throw new Error(`no place for ${property}`);
  if (property.startsWith('action')) return { ...action, commands: { ...action.commands, [property]: text } };
  return { ...action, parameters: { ...action.parameters, [property]: text } };
}

function isFlag(property: string): property is keyof typeof flags {
  return Object.hasOwn(flags, property);
}
