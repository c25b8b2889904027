/** The whole link of an enrolled host to its Worker: events out, feed in. */
import type { EdgeAbility, EdgeStory } from '../../shared/wire.ts';
import { EdgeClient } from './client.ts';
import { Follower } from './follower.ts';
import { readKey } from './key.ts';
import { type LiveFeedLimits, liveFeedLimits } from './live-feed.ts';
import type { EdgeEvents, EdgeWorld, EventOutbox, FeedSink } from './ports.ts';
import { Pusher } from './pusher.ts';
import type { EdgeSettings } from './settings.ts';
import { type BackoffLimits, backoffLimits } from './standing.ts';

/** Cloudflare itself is asked. */
const explain_ms_max = 20_000;

export interface LinkOptions {
  readonly settings: EdgeSettings;
  readonly outbox: EventOutbox;
  readonly sink: FeedSink;
  readonly events: EdgeEvents;
  readonly world: EdgeWorld;
  readonly limits?: Partial<BackoffLimits & LiveFeedLimits>;
}

/** How the link stands, for `edgeban edge status`. */
export interface LinkReport {
  readonly url: string;
  readonly host: string;
  readonly feed: 'live' | 'polling' | 'down';
  readonly answeredAt: number | null;
  readonly waiting: number;
  readonly trouble: string | null;
}

export class EdgeLink {
  readonly #options: LinkOptions;
  readonly #client: EdgeClient;
  readonly #pusher: Pusher;
  readonly #follower: Follower;

  /** Throws ERR_EDGE_KEY if the key cannot be used. */
  constructor(options: LinkOptions) {
    const { settings, outbox, sink, events, world } = options;
    const limits = { ...backoffLimits, ...liveFeedLimits, ...options.limits };
    const identity = { host: settings.host, key: readKey(settings.key) };
    this.#options = options;
    this.#client = new EdgeClient({ url: settings.url, identity, world });
    this.#pusher = new Pusher({ client: this.#client, outbox, world, events, limits });
    this.#follower = new Follower({ client: this.#client, sink, world, events, limits });
  }

  start(): void {
    this.#pusher.start();
    this.#follower.start();
  }

  /** The outbox has something new: to be called after the transaction that put it there. */
  wake(): void {
    this.#pusher.wake();
  }

  /** Throws what the client throws. */
  explain(address: string): Promise<EdgeStory> {
    return this.#client.explain(address, AbortSignal.timeout(explain_ms_max));
  }

  /** Throws what the client throws. */
  ability(): Promise<EdgeAbility> {
    return this.#client.ability(AbortSignal.timeout(explain_ms_max));
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pusher.stop(), this.#follower.stop()]);
    await this.#client.close();
  }

  report(): LinkReport {
    const { settings, outbox } = this.#options;
    const { standing: out } = this.#pusher;
    const { standing: feed, mode } = this.#follower;
    const answers = [out.answeredAt, feed.answeredAt].filter((at) => at !== null);
    return {
      url: settings.url,
      host: settings.host,
      feed: mode,
      answeredAt: answers.length === 0 ? null : Math.max(...answers),
      waiting: outbox.size,
      trouble: out.trouble ?? feed.trouble,
    };
  }
}
