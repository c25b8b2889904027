/** Bans that could not be carried out, or not be lifted: when each is tried again. */
import type { Ban } from '../../shared/ticket.ts';
import type { Failing, Trouble } from './ticket-action.ts';

export const failureLimits = {
  retry_ms_min: 1_000,
  retry_ms_max: 600_000,
  /** What could not be lifted so often is not there any more. */
  lifts_max: 5,
} as const;

export interface Failure {
  readonly kind: 'ban' | 'unban';
  readonly ban: Ban;
  readonly trouble: Trouble;
  readonly tries: number;
  readonly due_ms: number;
}

export class TicketFailures {
  readonly #all = new Map<string, Failure>();
  readonly #now_ms: () => number;

  constructor(now_ms: () => number) {
    this.#now_ms = now_ms;
  }

  get(id: string): Failure | undefined {
    return this.#all.get(id);
  }

  get size(): number {
    return this.#all.size;
  }

  /** Bans that are not in force; what could not be lifted is not among them. */
  get failing(): Failing[] {
    return [...this.#all].flatMap(([id, { kind, trouble }]) => (kind === 'ban' ? [{ id, error: trouble.error }] : []));
  }

  /** Each time in a row doubles the wait; what is no address never becomes one. */
  add(kind: Failure['kind'], ban: Ban, trouble: Trouble): Failure {
    const before = this.#all.get(ban.id);
    const tries = before?.kind === kind ? before.tries + 1 : 1;
    const wait_ms = Math.min(failureLimits.retry_ms_min * 2 ** (tries - 1), failureLimits.retry_ms_max);
    const half = trouble.half || (before?.kind === kind && before.trouble.half);
    const due_ms = trouble.error.code === 'ERR_ADDRESS_INVALID' ? Number.POSITIVE_INFINITY : this.#now_ms() + wait_ms;
    const failure = { kind, ban, trouble: { ...trouble, half }, tries, due_ms };
    this.#all.set(ban.id, failure);
    return failure;
  }

  /** True if there was one. */
  drop(id: string): boolean {
    return this.#all.delete(id);
  }

  clear(): void {
    this.#all.clear();
  }

  due(): Failure[] {
    const now_ms = this.#now_ms();
    return [...this.#all.values()].filter(({ due_ms }) => due_ms <= now_ms);
  }

  /** How long until the next is due; null if none is. */
  get wait_ms(): number | null {
    let first = Number.POSITIVE_INFINITY;
    for (const { due_ms } of this.#all.values()) first = Math.min(first, due_ms);
    return Number.isFinite(first) ? Math.max(0, first - this.#now_ms()) : null;
  }
}
