/** What a transaction causes outside the database: collected inside it, done when it is committed. */
import type { Change } from '../actions/action.ts';
import type { Order } from '../actions/ticket-action.ts';

export class Effects {
  readonly #changes = new Map<string, Change[]>();
  readonly #orders = new Map<string, Order[]>();
  readonly #said: (() => void)[] = [];
  /** What was written for bans out of lines: a full disk puts it off. */
  readonly writes: (() => void)[] = [];
  #queued = false;

  /** Writes to the database now, and once more if this transaction cannot be committed. */
  write(write: () => void): void {
    write();
    this.writes.push(write);
  }

  /** A line of the log. */
  say(say: () => void): void {
    this.#said.push(say);
  }

  /** A change in the firewall of one jail. */
  change(jail: string, change: Change): void {
    const changes = this.#changes.get(jail);
    if (changes === undefined) this.#changes.set(jail, [change]);
    else changes.push(change);
  }

  /** What the actions of a jail have to do for a ban. */
  order(order: Order): void {
    const { jail } = order.ban;
    const orders = this.#orders.get(jail);
    if (orders === undefined) this.#orders.set(jail, [order]);
    else orders.push(order);
  }

  /** Something was put into the outbox. */
  queued(): void {
    this.#queued = true;
  }

  get hasQueued(): boolean {
    return this.#queued;
  }

  /** By jail. */
  get outside(): { jail: string; changes: readonly Change[]; orders: readonly Order[] }[] {
    const jails = new Set([...this.#orders.keys(), ...this.#changes.keys()]);
    return [...jails].map((jail) => {
      return { jail, changes: this.#changes.get(jail) ?? [], orders: this.#orders.get(jail) ?? [] };
    });
  }

  speak(): void {
    for (const say of this.#said) say();
  }
}
