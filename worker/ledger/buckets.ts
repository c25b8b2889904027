/** Token buckets by host or address, in memory: they slow it down, and may be full again after an eviction. */
import type { UnixTime } from '../../shared/time.ts';

interface Level {
  tokens: number;
  at: UnixTime;
}

export class Buckets {
  readonly #levels = new Map<string, Level>();
  readonly #burst: number;
  readonly #perSecond: number;

  readonly #keys_max: number;

  constructor(burst: number, perMinute: number, keys_max = Number.POSITIVE_INFINITY) {
    this.#keys_max = keys_max;
    this.#burst = burst;
    this.#perSecond = perMinute / 60;
  }

  /** Takes up to `count` tokens of `key` (an enrolled host, so there are at most hosts_max; or keys_max) and says how many. */
  take(key: string, count: number, now: UnixTime): number {
    const tokens = this.#tokens(key, now);
    const taken = Math.min(count, Math.floor(tokens));
    this.#levels.delete(key);
    this.#levels.set(key, { tokens: tokens - taken, at: now });
    for (const oldest of this.#levels.keys()) {
      if (this.#levels.size <= this.#keys_max) break;
      this.#levels.delete(oldest);
    }
    return taken;
  }

  /** Takes all of them, or none; true if it did. */
  takeAll(key: string, count: number, now: UnixTime): boolean {
    return count <= this.#tokens(key, now) && this.take(key, count, now) === count;
  }

  #tokens(key: string, now: UnixTime): number {
    const { tokens, at } = this.#levels.get(key) ?? { tokens: this.#burst, at: now };
    return Math.min(this.#burst, tokens + Math.max(0, now - at) * this.#perSecond);
  }

  /** Gives a token back. */
  giveBack(key: string): void {
    const level = this.#levels.get(key);
    if (level !== undefined) level.tokens = Math.min(this.#burst, level.tokens + 1);
  }

  /** Seconds until `count` tokens are there again. */
  waitFor(key: string, count: number): number {
    return Math.max(1, Math.ceil((count - (this.#levels.get(key)?.tokens ?? 0)) / this.#perSecond));
  }

  drop(key: string): void {
    this.#levels.delete(key);
  }
}
