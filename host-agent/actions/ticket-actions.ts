/** Makes the actions that run something for each ban, and hands one over to the next when the configuration is read anew. */
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { checkCommands, commandSteps } from './command-steps.ts';
import type { Steps, TicketAction, TicketJail, TicketWorld } from './ticket-action.ts';
import { TicketQueue } from './ticket-queue.ts';

export class TicketActions {
  readonly #world: TicketWorld;
  readonly #running = new Map<string, { readonly queue: TicketQueue; readonly text: string }>();

  constructor(world: TicketWorld) {
    this.#world = world;
  }

  /** Throws ERR_ACTION_PARAMETER; runs nothing before `reconcile`. */
  create(conf: ActionConf, jail: TicketJail): TicketAction {
    const { name } = conf;
    const key = JSON.stringify([jail.name, name]);
    const { origin: _origin, ...said } = conf;
    const text = JSON.stringify(said);
    const old = this.#running.get(key);
    const before = old === undefined ? null : { queue: old.queue, isSame: old.text === text };
    const queue = new TicketQueue({ name, steps: stepsOf(conf, jail, this.#world), jail, world: this.#world, before });
    this.#running.set(key, { queue, text });
    return queue;
  }
}

/** Throws what `create` would. */
export function checkTicketAction(conf: ActionConf): void {
  checkCommands(conf);
}

function stepsOf(conf: ActionConf, jail: TicketJail, world: TicketWorld): Steps {
  return commandSteps(conf, jail, world);
}
