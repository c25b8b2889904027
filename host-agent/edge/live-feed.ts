/** One WebSocket of the feed, with pings, so that a connection that is only half there is noticed. */
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { Agent, buildConnector, ping, WebSocket } from 'undici';
import { EdgebanError } from '../../shared/errors.ts';
import { FeedPage } from '../../shared/wire.ts';
import { check } from './client.ts';

export interface LiveFeedLimits {
  readonly handshake_seconds_max: number;
  readonly ping_seconds: number;
  /** Nothing heard for so long, pongs included: the connection is dead. */
  readonly silence_seconds_max: number;
  readonly page_bytes_max: number;
}

export const liveFeedLimits: LiveFeedLimits = {
  handshake_seconds_max: 15,
  ping_seconds: 10,
  silence_seconds_max: 25,
  page_bytes_max: 1024 * 1024,
};

export interface LiveFeedOptions {
  readonly url: string;
  readonly headers: Record<string, string>;
  /** May throw: the connection is then closed with that error. */
  readonly page: (page: FeedPage) => void;
  readonly signal: AbortSignal;
  readonly limits: LiveFeedLimits;
}

/** Why a connection ended. */
export interface FeedEnd {
  /** At least one page came. */
  readonly lived: boolean;
  /** The Worker has closed it because a later connection of the same host took its place. */
  readonly replaced: boolean;
  readonly error: EdgebanError | Error;
}

/** Follows the feed until the connection ends, one way or another; never rejects. */
export async function followLive(options: LiveFeedOptions): Promise<FeedEnd> {
  const connection = new Connection(options);
  return await connection.ended;
}

/** The Worker's close code for that (worker/ledger/feed.ts). */
const replaced_code = 4000;

const pongs = 'undici:websocket:pong';

/** How often we look whether the Worker has said goodbye. */
const look_ms = 1000;

class Connection {
  readonly ended: Promise<FeedEnd>;
  readonly #options: LiveFeedOptions;
  readonly #agent: Agent;
  readonly #websocket: WebSocket;
  readonly #timers: readonly NodeJS.Timeout[];
  #socket: Socket | null = null;
  #heardAt = performance.now();
  #open = false;
  #lived = false;
  #replaced = false;
  #resolve: (end: FeedEnd) => void = () => undefined;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#agent = this.#newAgent();
    this.#websocket = new WebSocket(options.url, { headers: options.headers, dispatcher: this.#agent });
    this.#timers = [
      setInterval(this.#beat, options.limits.ping_seconds * 1000),
      setInterval(this.#hangUpIfTold, look_ms),
    ];
    this.#listen();
  }

  #listen(): void {
    const websocket = this.#websocket;
    websocket.addEventListener('open', this.#opened);
    websocket.addEventListener('message', (event) => this.#message(event.data));
    websocket.addEventListener('error', (event) => this.#end(unreachable(event.message)));
    websocket.addEventListener('close', (event) => this.#closed(event.code, event.reason));
    diagnostics.subscribe(pongs, this.#pong);
    this.#options.signal.addEventListener('abort', this.#aborted);
    if (this.#options.signal.aborted) this.#aborted();
  }

  readonly #opened = (): void => {
    this.#open = true;
    this.#heardAt = performance.now();
  };

  readonly #aborted = (): void => this.#end(new Error('stopped'));

  readonly #pong = (message: unknown): void => {
    const ours = typeof message === 'object' && message !== null && 'websocket' in message;
    if (ours && message.websocket === this.#websocket) this.#heardAt = performance.now();
  };

  readonly #beat = (): void => {
    const { silence_seconds_max, handshake_seconds_max } = this.#options.limits;
    const silence = (performance.now() - this.#heardAt) / 1000;
    if (silence > (this.#open ? silence_seconds_max : handshake_seconds_max)) {
      this.#end(new EdgebanError('ERR_EDGE_TIMEOUT', `nothing heard on the feed for ${Math.round(silence)} s`));
    } else if (this.#open) ping(this.#websocket);
  };

  /** undici leaves it to the Worker to end a connection that it has closed; workerd does so after 10 s, wrangler after 25. */
  readonly #hangUpIfTold = (): void => {
    if (this.#websocket.readyState === WebSocket.CLOSING) this.#socket?.destroy();
  };

  #message(data: unknown): void {
    this.#heardAt = performance.now();
    try {
      if (typeof data !== 'string') throw new EdgebanError('ERR_EDGE_REPLY', 'a feed message that is not text');
      this.#options.page(check(FeedPage, data));
      this.#lived = true;
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #closed(code: number, reason: string): void {
    this.#replaced = code === replaced_code;
    this.#end(closed(code, reason));
  }

  /** Closes for good: a closing handshake with a dead peer would never end, so the socket goes with it. */
  #end(error: EdgebanError | Error): void {
    for (const timer of this.#timers) clearInterval(timer);
    diagnostics.unsubscribe(pongs, this.#pong);
    this.#options.signal.removeEventListener('abort', this.#aborted);
    this.#resolve({ lived: this.#lived, replaced: this.#replaced, error });
    this.#socket?.destroy();
    this.#agent.destroy().catch(() => undefined);
  }

  /** An agent of its own, to get at the socket and to bound what a message may be. */
  #newAgent(): Agent {
    const { handshake_seconds_max, page_bytes_max } = this.#options.limits;
    const connect = buildConnector({ timeout: handshake_seconds_max * 1000 });
    return new Agent({
      connect: (options, callback) =>
        connect(options, (...result) => {
          this.#socket = result[1];
          callback(...result);
        }),
      headersTimeout: handshake_seconds_max * 1000,
      webSocket: { maxPayloadSize: page_bytes_max },
    });
  }
}

function unreachable(message: string): EdgebanError {
  return new EdgebanError('ERR_EDGE_UNREACHABLE', `the live feed cannot be had: ${message || 'the connection failed'}`);
}

function closed(code: number, reason: string): EdgebanError {
  const why = reason === '' ? '' : ` ${reason}`;
  return new EdgebanError('ERR_EDGE_UNREACHABLE', `the live feed was closed (${code}${why})`);
}
