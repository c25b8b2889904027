/** Time that passes only when told: the clocks and timers of this process, so that an hour of a history takes a moment. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';

/** Something that can be killed: its timers ring no more. */
export interface Life {
  dead: boolean;
}

interface Timer {
  at_ms: number;
  readonly every_ms: number | null;
  readonly ring: () => void;
  readonly life: Life | undefined;
}

/** A chore that comes round twice a second would take most of a history's time: here it comes so seldom. */
export const chores_every_s = 60;
/** Whoever rings so often while no time passes would ring for ever. */
const rings_at_once_max = 5_000;

const lives = new AsyncLocalStorage<Life>();

/** What `body` begins, now and later, dies with `life`. */
export function within<T>(life: Life, body: () => T): T {
  return lives.run(life, body);
}

/** One at a time: it is the time of the whole process until it is closed. */
export class Clock {
  #now_ms: number;
  readonly #timers = new Set<Timer>();
  readonly #undo: () => void;

  constructor(start_s: number) {
    this.#now_ms = start_s * 1000;
    this.#undo = this.#replace();
  }

  /** Unix seconds. */
  get now(): number {
    return this.#now_ms / 1000;
  }

  /** Rings `body` at a time, in the life that has asked for it; returns what takes it back. */
  at(at_ms: number, body: () => void): () => void {
    const timer = this.#add(at_ms, null, body);
    return () => this.#timers.delete(timer);
  }

  sleep(seconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.at(this.#now_ms + seconds * 1000, resolve);
      signal?.addEventListener('abort', () => {
        cancel();
        resolve();
      });
    });
  }

  /** All that is due in the next seconds happens, one after the other. */
  async pass(seconds: number): Promise<void> {
    const end_ms = this.#now_ms + seconds * 1000;
    await quiesce();
    let rings = 0;
    for (let next = this.#next(end_ms); next !== null; next = this.#next(end_ms)) {
      rings = next.at_ms > this.#now_ms ? 0 : rings + 1;
      if (rings > rings_at_once_max) throw new Error('a timer rings again and again at one moment');
      this.#now_ms = Math.max(this.#now_ms, next.at_ms);
      for (const timer of [...this.#timers]) if (timer.at_ms <= this.#now_ms) this.#ring(timer);
      await quiesce();
    }
    this.#now_ms = end_ms;
  }

  close(): void {
    this.#timers.clear();
    this.#undo();
  }

  #next(end_ms: number): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.life?.dead === true) this.#timers.delete(timer);
      else if (timer.at_ms <= end_ms && (next === null || timer.at_ms < next.at_ms)) next = timer;
    }
    return next;
  }

  #ring(timer: Timer): void {
    // another of this moment may have taken it back
    if (!this.#timers.has(timer) || timer.life?.dead === true) return;
    if (timer.every_ms === null) this.#timers.delete(timer);
    else timer.at_ms = this.#now_ms + timer.every_ms;
    if (timer.life === undefined) timer.ring();
    else within(timer.life, timer.ring);
  }

  #add(at_ms: number, every_ms: number | null, ring: () => void): Timer {
    const timer = { at_ms, every_ms, ring, life: lives.getStore() };
    this.#timers.add(timer);
    return timer;
  }

  /** Returns what puts back the real ones. */
  #replace(): () => void {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const dateNow = Date.now;
    const performanceNow = performance.now;
    const handle = (timer: Timer) => ({ timer, unref: () => undefined, ref: () => undefined });
    const start = (after_ms: number, every_ms: number | null, ring: () => void) =>
      handle(this.#add(this.#now_ms + after_ms, every_ms, ring));
    const stop = (given: unknown) => {
      if (typeof given === 'object' && given !== null && 'timer' in given) this.#timers.delete(given.timer as Timer);
    };
    Object.assign(globalThis, {
      setTimeout: (ring: () => void, after_ms = 0) => start(after_ms, null, ring),
      setInterval: (ring: () => void, every_ms: number) => {
        const slow_ms = Math.max(every_ms, chores_every_s * 1000);
        return start(slow_ms, slow_ms, ring);
      },
      clearTimeout: stop,
      clearInterval: stop,
    });
    Date.now = () => this.#now_ms;
    performance.now = () => this.#now_ms;
    return () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
      Date.now = dateNow;
      performance.now = performanceNow;
    };
  }
}

/** Turns of the event loop after which nothing that was begun is still on its way: nothing here waits for a thread or a socket. */
const turns = 3;

async function quiesce(): Promise<void> {
  for (let n = 0; n < turns; n += 1) await turn();
}
