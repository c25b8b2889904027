/** The newest of what was decided on this host, in memory, for whoever watches. */
import type { UnixTime } from '../../shared/time.ts';
import type { RecentEvents } from '../control/agent-control.ts';
import type { WatchEvent } from '../control/watch.ts';

export const recentLimits = {
  /** Beyond it the oldest are forgotten. */
  events_max: 500,
  /** Of a name that log lines invent. */
  id_chars_max: 200,
} as const;

export class Recent implements RecentEvents {
  readonly started: UnixTime;
  readonly #now: () => UnixTime;
  /** Event `n` stands at `n` modulo the limit. */
  readonly #ring: WatchEvent[] = [];
  #cursor = 0;

  constructor(now: () => UnixTime) {
    this.#now = now;
    this.started = now();
  }

  note(kind: WatchEvent['kind'], jail: string, id: string): void {
    this.#cursor += 1;
    const { events_max, id_chars_max } = recentLimits;
    const event = { n: this.#cursor, at: this.#now(), kind, jail, id: id.slice(0, id_chars_max) };
    this.#ring[this.#cursor % events_max] = event;
  }

  after(cursor: number, max: number): ReturnType<RecentEvents['after']> {
    const first = Math.max(cursor, this.#cursor - Math.min(max, recentLimits.events_max)) + 1;
    const events: WatchEvent[] = [];
    for (let n = Math.max(first, 1); n <= this.#cursor; n++) {
      const event = this.#ring[n % recentLimits.events_max];
      if (event !== undefined) events.push(event);
    }
    return { now: this.#now(), cursor: this.#cursor, events };
  }
}
