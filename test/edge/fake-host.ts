/** A host's side of the link, in memory: outbox, sink, and a clock that does not wait long. */
import type {
  EdgeEvents,
  EdgeWorld,
  EventOutbox,
  FeedPlace,
  FeedSink,
  RefusedEvent,
} from '../../host-agent/edge/ports.ts';
import { describeError } from '../../shared/errors.ts';
import type { FeedPage, ToldEvent } from '../../shared/wire.ts';

export function banEvent(address: string): ToldEvent {
  return { kind: 'ban', jail: 'sshd', address, at: 1000, until: 1600, failures: 5, count: 1 };
}

export interface FakeOutbox extends EventOutbox {
  add(...events: readonly ToldEvent[]): void;
  readonly resyncs: { count: number };
  lost: boolean;
}

const streams = ['0198c0de-0000-7000-8000-00000000000a', '0198c0de-0000-7000-8000-00000000000b'] as const;

export function fakeOutbox(first = 1): FakeOutbox {
  let stream: string = streams[0];
  let next = first;
  let rows: { readonly seq: number; readonly event: string }[] = [];
  const resyncs = { count: 0 };
  const outbox: FakeOutbox = {
    resyncs,
    lost: false,
    get size() {
      return rows.length;
    },
    add: (...events) => {
      for (const event of events) rows.push({ seq: next++, event: JSON.stringify(event) });
    },
    peek: (limit) => {
      const [oldest] = rows;
      return oldest === undefined
        ? null
        : { stream, first: oldest.seq, events: rows.slice(0, limit).map(({ event }) => event) };
    },
    ack: (which, seq) => {
      if (which === stream) rows = rows.filter((row) => row.seq > seq);
    },
    resync: () => {
      resyncs.count += 1;
      outbox.lost = false;
      stream = streams[1];
      next = 1;
      rows = [];
      outbox.add(banEvent('192.0.2.201'), banEvent('192.0.2.202'));
    },
  };
  return outbox;
}

export interface FakeSink extends FeedSink {
  readonly pages: FeedPage[];
  /** Addresses in the order in which they came, each change once. */
  readonly heard: string[];
  fail: boolean;
}

export function fakeSink(): FakeSink {
  let place: FeedPlace = { ledger: null, after: 0, resetting: false };
  const sink: FakeSink = {
    pages: [],
    heard: [],
    fail: false,
    next: () => place,
    take: (page) => {
      if (sink.fail) throw new Error('the database is locked');
      if (page.reset && !place.resetting) sink.heard.length = 0;
      sink.pages.push(page);
      sink.heard.push(
        ...page.changes.filter(({ cursor }) => page.reset || cursor > place.after).map(({ address }) => address),
      );
      place = { ledger: page.ledger, after: page.cursor, resetting: page.reset && page.more };
    },
  };
  return sink;
}

export interface FakeEvents extends EdgeEvents {
  readonly log: string[];
  readonly refusals: RefusedEvent[];
}

export function fakeEvents(): FakeEvents {
  const log: string[] = [];
  const refusals: RefusedEvent[] = [];
  return {
    log,
    refusals,
    up: (part) => void log.push(`${part} up`),
    trouble: (part, error, lasting) => void log.push(`${part} ${lasting ? 'lasting ' : ''}${describeError(error)}`),
    refused: (event) => void refusals.push(event),
  };
}

export interface FakeWorld extends EdgeWorld {
  readonly waits: number[];
}

/** Real time of day, but a wait of a second takes a millisecond. */
export function fakeWorld(): FakeWorld {
  const waits: number[] = [];
  return {
    waits,
    now: () => Date.now() / 1000,
    random: () => 0.5,
    sleep: (seconds, signal) => {
      waits.push(seconds);
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, seconds);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}
