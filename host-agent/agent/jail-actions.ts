/** The actions of one jail: those that block addresses are kept equal to the store, those that run commands are told of each ban. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describeError, type EdgebanError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { ActionState, JailStory } from '../../shared/story.ts';
import type { Ban } from '../../shared/ticket.ts';
import { laterOf } from '../../shared/time.ts';
import type { Action, Block, Change, JailAction } from '../actions/action.ts';
import type { JailFigures, Order, TicketAction, TicketJail } from '../actions/ticket-action.ts';
import type { Logger } from '../log/log.ts';
import { addressOf } from './court.ts';
import { Projection } from './projection.ts';

/** Nobody waits longer for commands; they go on meanwhile. */
const commands_ms_max = 5_000;
/** Among so many of the oldest bans is the sample that a quick look asks the firewall for. */
const sampled_max = 1_000;
/** <ipmatches> and its like look back so far. */
const history_max = 100;

export interface JailActionsParts {
  readonly jail: string;
  readonly actions: readonly JailAction[];
  readonly store: Store;
  readonly log: Logger;
  /** Does the database say what should be banned? */
  isKnown(): boolean;
  /** How many run. */
  jails(): number;
}

/** A ban that an action could not carry out; `id` null: the action as a whole does not work. */
export interface FailedBan {
  readonly action: string;
  readonly id: string | null;
  readonly error: EdgebanError;
}

interface Closing {
  close(options: { readonly flush: boolean }): Promise<void>;
}

export class JailActions {
  readonly #parts: JailActionsParts;
  readonly #projections: { readonly name: string; readonly projection: Projection }[] = [];
  readonly #commands: TicketAction[] = [];
  /** In the order of the configuration. */
  readonly #all: Closing[] = [];

  constructor(parts: JailActionsParts) {
    this.#parts = parts;
    for (const each of parts.actions) {
      if (each.kind === 'tickets') this.#commands.push(each.action);
      else this.#projections.push({ name: each.action.name, projection: this.#projectionOf(each.action) });
      this.#all.push(each.kind === 'tickets' ? each.action : (this.#projections.at(-1)?.projection ?? each.action));
    }
  }

  /** Makes all as the store says. */
  async reconcile(): Promise<void> {
    const commands = this.#commands.map((action) => action.reconcile());
    await Promise.all([...this.#projections.map(({ projection }) => projection.reconcile()), briefly(commands)]);
  }

  /** Somebody may have changed the firewall. `isUrgent`: somebody has; else projections see to it at their own times. */
  async review(isUrgent: boolean): Promise<void> {
    const commands = this.#commands.map((action) => action.review(isUrgent));
    const blocks = isUrgent ? this.#projections.map(({ projection }) => projection.reconcile()) : [];
    await Promise.all([...blocks, ...commands]);
  }

  /** What waits for it keeps nothing of the changes in memory. */
  async tell(changes: readonly Change[], orders: readonly Order[]): Promise<void> {
    const commands = orders.length === 0 ? [] : this.#commands.map((action) => action.tell(orders));
    if (this.#projections.length > 0) this.#sayUnblockable(orders);
    const blocks = changes.length === 0 ? [] : this.#projections.map(({ projection }) => projection.change(changes));
    return allOf([...blocks, briefly(commands)]);
  }

  failing(): FailedBan[] {
    const blocks = this.#projections.flatMap(({ name, projection }) =>
      projection.failing.map(({ address, error }) => ({ action: name, id: address, error })),
    );
    const commands = this.#commands.flatMap((action) =>
      action.failing().map(({ id, error }) => ({ action: action.name, id, error })),
    );
    return [...blocks, ...commands];
  }

  /** How each action stands to a ban: the firewall is asked, of commands it is known. */
  async statesOf(ban: Ban): Promise<JailStory['actions']> {
    const address = addressOf(ban);
    const states: { action: string; state: ActionState }[] = [];
    for (const each of this.#parts.actions) {
      const { name } = each.action;
      if (each.kind === 'blocks') states.push({ action: name, state: await blocked(each.action, address) });
      else
        states.push({ action: name, state: each.action.failing().some(({ id }) => id === ban.id) ? 'failed' : 'done' });
    }
    return states;
  }

  /** In the reverse order, as fail2ban stops them. `flush`: is what it made taken away? By the action's place. */
  async close({ flush }: { flush(index: number): boolean }): Promise<void> {
    for (const [index, closing] of [...this.#all.entries()].toReversed()) await closing.close({ flush: flush(index) });
  }

  #sayUnblockable(orders: readonly Order[]): void {
    for (const { kind, ban } of orders) {
      if (kind !== 'ban' || addressOf(ban) !== null) continue;
      const why = 'it is not an address, and the firewall takes nothing else';
      this.#parts.log.error(`[${this.#parts.jail}] Failed to block ${ban.id}: ${why}`);
    }
  }

  #projectionOf(action: Extract<JailAction, { kind: 'blocks' }>['action']): Projection {
    const { jail, store, log, isKnown, jails } = this.#parts;
    const what = `[${jail}] action ${action.name}`;
    return new Projection({
      action,
      wanted: () => (isKnown() ? blocksOf(store, jail) : null),
      sample: () => (isKnown() ? sampleOf(store, jail) : []),
      jails,
      failed: (address, error) => {
        const whom = address === null ? '' : ` to ban ${address}`;
        log.error(`${what} failed${whom}: ${describeError(error)} (${error.code}); it is tried again`);
      },
      mended: () => log.notice(`${what} works again`),
    });
  }
}

async function allOf(told: readonly Promise<unknown>[]): Promise<void> {
  await Promise.all(told);
}

async function blocked(action: Action, address: string | null): Promise<ActionState> {
  if (address === null) return 'missing';
  try {
    return (await action.holds(address)) ? 'blocked' : 'missing';
  } catch {
    return 'unknown';
  }
}

function briefly(commands: readonly Promise<void>[]): Promise<unknown> {
  if (commands.length === 0) return Promise.resolve();
  return Promise.race([Promise.all(commands), sleep(commands_ms_max, undefined, { ref: false })]);
}

/** What the firewall is to hold of a jail's bans. */
export function blocksOf(store: Store, jail: string): Block[] {
  return [...eachBlock(store, jail)];
}

function* eachBlock(store: Store, jail: string): Generator<Block> {
  for (const ban of store.bans.endsIn(jail)) {
    const address = addressOf(ban);
    if (address !== null) yield { address, until: ban.until };
  }
}

/** One for each set that a firewall may have (by family, addresses and networks apart): which stays longest. */
function sampleOf(store: Store, jail: string): Block[] {
  const sample = new Map<string, Block>();
  let looked = 0;
  for (const block of eachBlock(store, jail)) {
    looked += 1;
    if (looked > sampled_max) break;
    const kind = `${block.address.includes(':')} ${block.address.includes('/')}`;
    const before = sample.get(kind);
    if (before === undefined || laterOf(before.until, block.until) !== before.until) sample.set(kind, block);
  }
  return [...sample.values()];
}

/** What the actions of a jail may ask of it. */
export function ticketJail(
  name: string,
  store: Store,
  isKnown: () => boolean,
  its: { figures(): Omit<JailFigures, 'banned'>; bantime(): number },
): TicketJail {
  return {
    name,
    held: () => (isKnown() ? [...store.bans.heldIn(name)] : null),
    ban: (id) => store.bans.held(name, id),
    history: (id) => store.bans.history(id, history_max),
    figures: () => ({ ...its.figures(), banned: store.bans.heldCount(name) }),
    bantime: () => its.bantime(),
  };
}
