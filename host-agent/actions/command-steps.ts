/** An action of action.d whose steps are commands for the shell. */
import { type ActionConf, boolOf, familyCommand } from '../../shared/config/action-conf.ts';
import { parseSeconds } from '../../shared/config/arithmetic.ts';
import { type ShellCommand, tagsIn } from '../../shared/config/dynamic-tags.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { fillTags } from './command-text.ts';
import type {
  ShellEnd,
  StepName,
  Steps,
  Ticket,
  TicketFamily,
  TicketJail,
  TicketWorld,
  Trouble,
} from './ticket-action.ts';
import { ownTags, ticketTags } from './ticket-tags.ts';
import { addressesIn, ownLines } from './ticket-view.ts';

export const listLimits = {
  /** What `actionlist` and `actionlook` may print: 50,000 rules of iptables have half of it. */
  output_chars_max: 8_000_000,
} as const;

/** fail2ban's. */
const timeout_s_default = 60;
const timeout_s_max = 86_400;
/** What a command's last words may be. */
const said_chars_max = 300;

/** Throws ERR_ACTION_PARAMETER for a `timeout` that is none, and ERR_CONFIG_TAG for a command that cannot be filled in. */
export function commandSteps(conf: ActionConf, jail: TicketJail, world: TicketWorld): Steps {
  return new CommandSteps(conf, jail, world);
}

/** What `commandSteps` throws, for a check of the configuration. */
export function checkCommands(conf: ActionConf): void {
  timeoutOf(conf.parameters);
  textsOf(conf);
}

type Texts = ReadonlyMap<string, string>;

class CommandSteps implements Steps {
  readonly onDemand: boolean;
  readonly families: readonly TicketFamily[];
  readonly repairOnUnban: boolean;
  readonly norestored: boolean;
  readonly stays: boolean;
  readonly addressOnly: boolean;
  cpu_ms = 0;
  readonly #name: string;
  readonly #texts: Texts;
  readonly #timeout_ms: number;
  readonly #jail: TicketJail;
  readonly #world: TicketWorld;

  constructor(conf: ActionConf, jail: TicketJail, world: TicketWorld) {
    const differs = Object.keys(conf.parameters).some((name) => /^\w+\?family=/.test(name));
    this.onDemand = conf.startOnDemand ?? differs;
    this.families = differs ? ['inet4', 'inet6'] : [''];
    this.repairOnUnban = conf.repairOnUnban ?? false;
    this.norestored = conf.norestored;
    this.stays = isOn(conf, 'stays');
    this.addressOnly = isOn(conf, 'addressonly');
    this.#name = conf.name;
    this.#texts = textsOf(conf);
    this.#timeout_ms = timeoutOf(conf.parameters) * 1_000;
    this.#jail = jail;
    this.#world = world;
  }

  has(step: StepName): boolean {
    return everyFamily.some((family) => this.#text(step, family) !== '');
  }

  keyOf(step: StepName, family: TicketFamily): string {
    const text = this.#text(step, family);
    return family === '' ? text : text.replaceAll('<family>', family);
  }

  async run(step: StepName, family: TicketFamily, ticket: Ticket | null): Promise<Trouble | null> {
    const text = this.#text(step, family);
    if (text === '') return null;
    const command = fillTags(text, await this.#tags(text, family, ticket));
    const end = await this.#run(command);
    if (end.kind === 'code' && end.code === 0) return null;
    const trouble = troubleOf(step, end);
    // a check says no by its status: that is no error yet
    if (step !== 'actioncheck') this.#complain(step, trouble, end.said);
    return { error: trouble, half: end.kind === 'timeout' || isCompound(text) };
  }

  async list(family: TicketFamily): Promise<ReadonlySet<string> | null> {
    const said = await this.#printed('actionlist', family, 'whole');
    return said === null ? null : addressesIn(said);
  }

  look(family: TicketFamily): Promise<string | null> {
    return this.#printed('actionlook', family, 'shared');
  }

  /** Of a look the action's own lines. Null: there is no such step, it failed, or printed too much. */
  async #printed(step: StepName, family: TicketFamily, output: 'whole' | 'shared'): Promise<string | null> {
    const text = this.#text(step, family);
    if (text === '') return null;
    const command = fillTags(text, await this.#tags(text, family, null));
    const end = await this.#run(command, output);
    // of more than is kept, the beginning is missing
    const isWhole = end.kind === 'code' && end.code === 0 && end.said.length < listLimits.output_chars_max;
    if (!isWhole) return null;
    // `actionlist` may be a look, too
    const word = text === this.#text('actionlook', family) ? this.#text('actionlookfor', family).trim() : '';
    return ownLines(end.said, word);
  }

  async #run(command: ShellCommand, output?: 'whole' | 'shared'): Promise<ShellEnd> {
    const end = await this.#world.run(command, this.#timeout_ms, output);
    this.cpu_ms += end.cpu_ms ?? 0;
    return end;
  }

  async #tags(text: string, family: TicketFamily, ticket: Ticket | null) {
    if (ticket === null) return ownTags(family, this.#jail, this.#world);
    const { ban } = ticket;
    const wanted = tagsIn(text).includes('ip-host');
    const host = wanted ? ((await this.#world.nameOf(ban.ip ?? ban.id)) ?? 'None') : '';
    return ticketTags(ticket, this.#jail, this.#world, host);
  }

  #text(step: StepName, family: TicketFamily): string {
    return this.#texts.get(`${step} ${family}`) ?? '';
  }

  #complain(step: StepName, error: EdgebanError, said: string): void {
    const { utils } = this.#world.voices;
    const last = said.trim().slice(-said_chars_max);
    if (last !== '') utils.error(`[${this.#jail.name}] ${this.#name} ${step} -- stderr: ${JSON.stringify(last)}`);
    utils.error(`[${this.#jail.name}] ${this.#name} -- ${error.message}`);
  }
}

/** Options of edgeban's own. */
function isOn({ parameters }: ActionConf, name: 'stays' | 'addressonly'): boolean {
  return boolOf((parameters[name] ?? '').trim());
}

const everyFamily = ['', 'inet4', 'inet6'] as const;
const steps = [
  ...(['actionstart', 'actionstop', 'actionflush', 'actionreload', 'actioncheck', 'actionrepair'] as const),
  ...([
    'actionban',
    'actionprolong',
    'actionreban',
    'actionunban',
    'actionlist',
    'actionlook',
    'actionlookfor',
  ] as const),
];

/** All commands that are not blank, by step and family. */
function textsOf(conf: ActionConf): Texts {
  const texts = new Map<string, string>();
  const filled = { ...conf, parameters: { ...conf.parameters, timeout: String(timeoutOf(conf.parameters)) } };
  for (const family of everyFamily) {
    for (const step of steps) {
      const text = familyCommand(filled, step, family) ?? '';
      if (text.trim() !== '') texts.set(`${step} ${family}`, text);
    }
  }
  return texts;
}

/** In seconds. Throws ERR_ACTION_PARAMETER. */
export function timeoutOf(parameters: ActionConf['parameters']): number {
  const text = parameters['timeout'];
  if (text === undefined || text === '') return timeout_s_default;
  const seconds = secondsOf(text);
  if (seconds > 0 && seconds <= timeout_s_max) return seconds;
  const remedy = `write a length of time up to a day, such as ${timeout_s_default} or 2m`;
  throw new EdgebanError('ERR_ACTION_PARAMETER', `timeout = ${JSON.stringify(text.slice(0, 80))} cannot be used`, {
    remedy,
  });
}

function secondsOf(text: string): number {
  try {
    return parseSeconds(text);
  } catch (error) {
    if (error instanceof EdgebanError) return Number.NaN;
    throw error;
  }
}

/** The command itself is not shown: a parameter of it may be a secret. */
function troubleOf(step: StepName, end: ShellEnd): EdgebanError {
  if (end.kind === 'timeout') return new EdgebanError('ERR_ACTION_TIMEOUT', `${step} timed out`);
  if (end.kind === 'full') return new EdgebanError('ERR_ACTION_WAITS', `${step}: too many commands wait`);
  const why = end.kind === 'failed' ? (end.why ?? 'cannot be run') : `returned ${end.code}`;
  return new EdgebanError('ERR_ACTION_COMMAND', `${step} ${why}`);
}

/** Several commands: an earlier one may have done its work although the last one failed. */
function isCompound(text: string): boolean {
  return /[\n;&|]/.test(text.trim());
}
