/** How one half of the link stands: tells its host once when it fails and once when it works again, and how long to wait. */

import type { EdgeEvents, EdgeWorld, LinkPart } from './ports.ts';
import { EdgeRefusal, isLasting } from './refusal.ts';

export interface BackoffLimits {
  /** The first wait after a failure; each further one is twice as long. */
  readonly wait_seconds_min: number;
  readonly wait_seconds_max: number;
  /** Between tries of what only an operator can mend. */
  readonly lasting_seconds: number;
}

export const backoffLimits: BackoffLimits = { wait_seconds_min: 1, wait_seconds_max: 60, lasting_seconds: 300 };

/** A Worker may ask us to wait, but not for longer than this, in seconds. */
const retry_after_max = 900;

export class Standing {
  readonly #part: LinkPart;
  readonly #world: EdgeWorld;
  readonly #events: EdgeEvents;
  readonly #limits: BackoffLimits;
  #failures = 0;
  #told: string | null = null;
  #trouble: string | null = null;
  #answeredAt: number | null = null;

  constructor(part: LinkPart, world: EdgeWorld, events: EdgeEvents, limits: BackoffLimits) {
    this.#part = part;
    this.#world = world;
    this.#events = events;
    this.#limits = limits;
  }

  /** The last error in words; null when all is well. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** When the Worker last answered well; null if it has not yet. */
  get answeredAt(): number | null {
    return this.#answeredAt;
  }

  ok(): void {
    const first = this.#answeredAt === null;
    this.#answeredAt = this.#world.now();
    this.#failures = 0;
    this.#trouble = null;
    if (!first && this.#told === null) return;
    this.#told = null;
    this.#events.up(this.#part);
  }

  /** Notes a failure; returns the seconds to wait before the next try. */
  failed(error: Error): number {
    this.#failures += 1;
    this.#trouble = error.message;
    const kind = kindOf(error);
    if (kind !== this.#told) this.#events.trouble(this.#part, error, isLasting(error));
    this.#told = kind;
    return this.#wait(error);
  }

  /** Half of the wait is by chance, so that hosts that lost the Worker together do not come back together. */
  #wait(error: Error): number {
    const { wait_seconds_min, wait_seconds_max, lasting_seconds } = this.#limits;
    const grown = Math.min(wait_seconds_max, wait_seconds_min * 2 ** Math.min(this.#failures - 1, 20));
    const base = isLasting(error) ? lasting_seconds : grown;
    const asked = error instanceof EdgeRefusal ? Math.min(error.retryAfter ?? 0, retry_after_max) : 0;
    return Math.max(asked, base / 2 + (base / 2) * this.#world.random());
  }
}

/** Failures of one kind are told once: texts may differ at each try. */
function kindOf(error: Error): string {
  if (error instanceof EdgeRefusal) return `${error.httpStatus} ${error.problem}`;
  return 'code' in error ? String(error.code) : error.name;
}
