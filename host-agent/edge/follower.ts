/** Follows the Worker's feed: live where it can, page by page where it cannot, always from the last page taken. */
import { EdgebanError } from '../../shared/errors.ts';
import type { FeedPage } from '../../shared/wire.ts';
import type { EdgeClient } from './client.ts';
import { followLive, type LiveFeedLimits } from './live-feed.ts';
import type { EdgeEvents, EdgeWorld, FeedSink } from './ports.ts';
import { type BackoffLimits, Standing } from './standing.ts';

export interface FollowerOptions {
  readonly client: Pick<EdgeClient, 'feedPage' | 'signFeed'>;
  readonly sink: FeedSink;
  readonly world: EdgeWorld;
  readonly events: EdgeEvents;
  readonly limits: BackoffLimits & LiveFeedLimits;
}

export class Follower {
  readonly standing: Standing;
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #mode: 'live' | 'polling' | 'down' = 'down';
  /** Live connections that failed in a row without a page. */
  #misses = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.standing = new Standing('feed', options.world, options.events, options.limits);
  }

  get mode(): 'live' | 'polling' | 'down' {
    return this.#mode;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#live();
      if (this.#stop.signal.aborted) break;
      // Whatever ended the live feed (a proxy without WebSockets, a deploy, a cut), asking tells why and misses nothing.
      await this.#options.world.sleep(await this.#poll(), this.#stop.signal);
    }
    this.#mode = 'down';
  }

  async #live(): Promise<void> {
    const { client, sink, limits } = this.#options;
    try {
      const { url, headers } = client.signFeed(sink.next());
      const page = (fresh: FeedPage) => this.#takeLive(fresh);
      const end = await followLive({ url, headers, page, signal: this.#stop.signal, limits });
      if (end.replaced) this.#twin();
      this.#misses = end.lived && !end.replaced ? 0 : this.#misses + 1;
    } catch (error) {
      this.standing.failed(asError(error));
      this.#misses += 1;
    }
  }

  /** Two daemons with one key would push each other off the feed for ever: they say so, and grow slower. */
  #twin(): void {
    const message = 'another daemon with the key of this host took its place on the feed';
    this.standing.failed(
      new EdgebanError('ERR_EDGE_TWIN', message, { remedy: 'enrol each host by itself, never copy its key' }),
    );
  }

  #takeLive(page: FeedPage): void {
    this.#options.sink.take(page);
    this.#mode = 'live';
    this.standing.ok();
  }

  /** Takes all pages there are. Returns the seconds to wait before the next try. */
  async #poll(): Promise<number> {
    try {
      while (await this.#pollPage()) if (this.#stop.signal.aborted) return 0;
      this.#mode = 'polling';
      this.standing.ok();
      return this.#pause();
    } catch (error) {
      this.#mode = 'down';
      if (this.#stop.signal.aborted) return 0;
      return this.standing.failed(asError(error));
    }
  }

  /** True if there is more. */
  async #pollPage(): Promise<boolean> {
    const { client, sink } = this.#options;
    const place = sink.next();
    const page = await client.feedPage(place, this.#stop.signal);
    sink.take(page);
    if (page.more && page.changes.length === 0)
      throw new EdgebanError('ERR_EDGE_REPLY', 'an empty page with more behind it');
    return page.more;
  }

  /** A connection that lived is tried again soon; one that never comes to life makes us poll, slower and slower. */
  #pause(): number {
    const { world, limits } = this.#options;
    const { wait_seconds_min, wait_seconds_max } = limits;
    const grown = Math.min(wait_seconds_max, wait_seconds_min * 2 ** Math.min(this.#misses, 20));
    return grown / 2 + (grown / 2) * world.random();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
