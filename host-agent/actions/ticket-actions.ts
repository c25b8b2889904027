/** Makes the actions that run something for each ban, and hands one over to the next when the configuration is read anew. */
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { Turns } from '../../shared/turns.ts';
import { checkCommands, commandSteps } from './command-steps.ts';
import type { ShellEnd, Steps, TicketAction, TicketJail, TicketWorld } from './ticket-action.ts';
import { TicketOrphans } from './ticket-orphans.ts';
import { TicketQueue } from './ticket-queue.ts';
import { isWebhook, webhookSettings, webhookSteps } from './webhook-steps.ts';

export class TicketActions {
  readonly orphans: TicketOrphans;
  readonly #world: TicketWorld;
  readonly #lanes = new Lanes();
  readonly #asked = new Asked();
  readonly #running = new Map<string, { readonly queue: TicketQueue; readonly text: string }>();

  constructor(world: TicketWorld) {
    this.#world = world;
    this.orphans = new TicketOrphans(world, (conf, jail) => this.#stepsOf(conf, jail));
  }

  /** Throws ERR_ACTION_PARAMETER; runs nothing before `reconcile`. */
  create(conf: ActionConf, jail: TicketJail): TicketAction {
    const { name } = conf;
    const key = JSON.stringify([jail.name, name]);
    const { origin: _origin, ...said } = conf;
    const text = JSON.stringify(said);
    const old = this.#running.get(key);
    const before = old === undefined ? null : { queue: old.queue, isSame: old.text === text };
    const queue = new TicketQueue({ conf, steps: this.#stepsOf(conf, jail), jail, world: this.#world, before });
    this.#running.set(key, { queue, text });
    return queue;
  }

  #stepsOf(conf: ActionConf, jail: TicketJail): Steps {
    if (isWebhook(conf)) return webhookSteps(conf, this.#world);
    const { run, commandsCpu_ms } = this.#world;
    const inLane: TicketWorld['run'] = (command, timeout_ms, output) => {
      const ended = () => counted(() => run(command, timeout_ms, output), commandsCpu_ms);
      // who only looks is in nobody's way
      if (output === 'shared') return this.#asked.once(JSON.stringify(command), ended);
      return this.#lanes.through(conf.file, ended);
    };
    return commandSteps(conf, jail, { ...this.#world, run: inLane });
  }
}

/** Throws what `create` would. */
export function checkTicketAction(conf: ActionConf): void {
  if (isWebhook(conf)) webhookSettings(conf);
  else checkCommands(conf);
}

/** What others ran meanwhile is counted, too: at the most the time that it took. */
async function counted(run: () => Promise<ShellEnd>, cpu_ms: () => number): Promise<ShellEnd> {
  const [began_ms, before_ms] = [performance.now(), cpu_ms()];
  const end = await run();
  return { ...end, cpu_ms: Math.min(performance.now() - began_ms, cpu_ms() - before_ms) };
}

/** What several ask at the same time is asked once. */
class Asked {
  readonly #answers = new Map<string, Promise<ShellEnd>>();

  once(question: string, ask: () => Promise<ShellEnd>): Promise<ShellEnd> {
    const known = this.#answers.get(question);
    if (known !== undefined) return known;
    const answer = ask().finally(() => this.#answers.delete(question));
    this.#answers.set(question, answer);
    return answer;
  }
}

/** Commands of the same file run one after the other, whichever jail they are for: they may change the same file. */
class Lanes {
  readonly #turns = new Map<string, Turns>();

  through<T>(lane: string, work: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(lane) ?? new Turns();
    this.#turns.set(lane, turns);
    return turns.take(work);
  }
}
