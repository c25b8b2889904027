/** What the link to the Worker needs of its host: the outbox, the feed's place, a clock, a coin. */
import type { FeedPage, HostEvent } from '../../shared/wire.ts';

export interface OutboxEntry {
  readonly seq: number;
  readonly event: HostEvent;
}

/** Events in the order in which they happened, numbered without gaps inside `stream`; the store's outbox. */
export interface Outbox {
  /** A UUID, made when the database was. */
  readonly stream: string;
  /** Up to `count` of the oldest entries with a number above `after`, in order. */
  peek(after: number, count: number): readonly OutboxEntry[];
  /** Removes all entries up to and including `seq`. */
  ack(seq: number): void;
  /** How many entries wait. */
  size(): number;
}

/** An event that the Worker would not take; it is not sent again. */
export interface RefusedEvent {
  readonly seq: number;
  readonly code: string;
  readonly message: string;
}

/** Where the feed's pages go. `take` commits the page's changes and its cursor in one transaction, or throws and has changed nothing. */
export interface FeedSink {
  /** The last page taken: its ledger and cursor; null before the first. */
  place(): FeedPlace | null;
  take(page: FeedPage): void;
}

export interface FeedPlace {
  readonly ledger: string;
  readonly cursor: number;
}

/** Time and chance, handed in so that tests need not wait. */
export interface EdgeWorld {
  /** Seconds since 1970. */
  now(): number;
  /** In [0, 1). */
  random(): number;
}

/** What the link tells its host; the agent logs it. Each is called once for one turn of events, not at each retry. */
export interface EdgeEvents {
  /** The Worker answers again (or for the first time). */
  up(): void;
  /** The Worker does not answer, or refuses us. `lasting`: waiting will not mend it (revoked, unknown host, wrong clock). */
  trouble(error: Error, lasting: boolean): void;
  refused(event: RefusedEvent): void;
}
