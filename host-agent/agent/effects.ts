/** What a transaction causes outside the database: collected inside it, done when it is committed. */
import type { Change } from '../actions/action.ts';

export class Effects {
  readonly #changes = new Map<string, Change[]>();
  readonly #said: (() => void)[] = [];
  #queued = false;

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

  /** Something was put into the outbox. */
  queued(): void {
    this.#queued = true;
  }

  get hasQueued(): boolean {
    return this.#queued;
  }

  get changes(): ReadonlyMap<string, readonly Change[]> {
    return this.#changes;
  }

  speak(): void {
    for (const say of this.#said) say();
  }
}
