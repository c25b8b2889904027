/** What the link to the Worker needs of its host: the outbox, the feed's place, a clock, a coin. */
import type { FeedPage } from '../../shared/wire.ts';

/** Events `first`, `first + 1`, … of a stream, each as JSON text. */
export interface PendingEvents {
  readonly stream: string;
  readonly first: number;
  readonly events: readonly string[];
}

/** Events in the order in which they happened, numbered without gaps inside a stream; the store's Outbox is one. */
export interface EventOutbox {
  /** How many events wait. */
  readonly size: number;
  /** Did an event find no room since the last `resync`? */
  readonly lost: boolean;
  /** The oldest events, `limit` at the most; null if none waits. */
  peek(limit: number): PendingEvents | null;
  /** Forgets events up to `seq`; does nothing if the stream is no longer this one. */
  ack(stream: string, seq: number): void;
  /**
   * Begins a new stream and queues all bans in force anew, in one transaction. Called when events were lost here (no
   * room) or at the Worker (it expects some that have been acknowledged).
   */
  resync(): void;
}

/** An event that the Worker would not take; it is not sent again. */
export interface RefusedEvent {
  readonly seq: number;
  readonly code: string;
  readonly message: string;
}

/** Where the feed's pages go. */
export interface FeedSink {
  next(): FeedPlace;
  /** Commits the page's changes and its cursor in one transaction, or throws and has changed nothing. */
  take(page: FeedPage): void;
}

export interface FeedPlace {
  /** The ledger that the cursor belongs to; null before the first page. */
  readonly ledger: string | null;
  /** The last cursor taken in; 0 for none. */
  readonly after: number;
  /** In the middle of a reset: the last page had `reset` and `more`. */
  readonly resetting: boolean;
}

/** Time and chance, handed in so that tests need not wait. */
export interface EdgeWorld {
  /** Seconds since 1970. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** Resolves after `seconds`, or as soon as `signal` is aborted. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
}

/** The two halves of the link: our events to the Worker, its feed to us. */
export type LinkPart = 'events' | 'feed';

/** What the link tells its host; the agent logs it. Each is called once for one turn of events, not at each retry. */
export interface EdgeEvents {
  /** The Worker answers, for the first time or again. */
  up(part: LinkPart): void;
  /** The Worker does not answer, or refuses us. `lasting`: waiting will not mend it (revoked, unknown host, wrong address). */
  trouble(part: LinkPart, error: Error, lasting: boolean): void;
  refused(event: RefusedEvent): void;
}
