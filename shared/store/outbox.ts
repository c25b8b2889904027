/** Events for the Worker, kept until it has acknowledged them. */
import { Meta } from './meta.ts';
import { number, numberOrNull, text } from './row.ts';
import type { Sql } from './sql.ts';

export const outboxLimits = {
  events_max: 100_000,
  event_chars_max: 4096,
} as const;

type OutboxLimits = { readonly [name in keyof typeof outboxLimits]: number };

/** Events `first`, `first + 1`, … of a stream, each as JSON. */
export interface Pending {
  readonly stream: string;
  readonly first: number;
  readonly events: readonly string[];
}

/**
 * Numbers have no gaps. If the outbox is full, it is compacted: of the events with the same key (one address in
 * one jail) only the newest is kept, and what is left is numbered anew under a new stream, which a receiver takes like
 * any other, for taking in an event twice changes nothing. If that does not make room, the event is not queued: append
 * says so and `lost` stays set until the owner has queued all bans in force anew (`restart`).
 */
export class Outbox {
  readonly #sql: Sql;
  readonly #meta: Meta;
  readonly #freshStream: () => string;
  readonly #limits: OutboxLimits;

  /** `freshStream` makes the UUID of a new stream. */
  constructor(sql: Sql, freshStream: () => string, limits: OutboxLimits = outboxLimits) {
    this.#sql = sql;
    this.#meta = new Meta(sql);
    this.#freshStream = freshStream;
    this.#limits = limits;
  }

  /** Queues an event; false if there is no room (see above). Belongs into the transaction that writes the ban. */
  append(key: string, event: string): boolean {
    if (event.length > this.#limits.event_chars_max) throw new Error(`an event of ${event.length} characters`);
    this.stream();
    if (this.size >= this.#limits.events_max && this.#isWorthCompacting()) this.#compact();
    if (this.size >= this.#limits.events_max) {
      this.#meta.set('outbox.lost', '1');
      return false;
    }
    this.#sql.all('INSERT INTO outbox (seq, key, event) VALUES (?, ?, ?)', this.#last() + 1, key, event);
    return true;
  }

  /** How many events wait. */
  get size(): number {
    return this.#last() - this.#acked();
  }

  /** Was an event lost since the last restart? */
  get lost(): boolean {
    return this.#meta.get('outbox.lost') !== null;
  }

  /** The oldest events, `limit` at the most; null if none waits. */
  peek(limit: number): Pending | null {
    const rows = this.#sql.all('SELECT seq, event FROM outbox ORDER BY seq LIMIT ?', limit);
    const first = rows[0];
    if (first === undefined) return null;
    return { stream: this.stream(), first: number(first, 'seq'), events: rows.map((row) => text(row, 'event')) };
  }

  /** The stream's UUID; made at the first call. */
  stream(): string {
    const stream = this.#meta.get('outbox.stream');
    if (stream !== null) return stream;
    this.#begin();
    return this.stream();
  }

  /** Forgets events up to `seq`, which the Worker has taken in. Does nothing if the stream is no longer this one. */
  ack(stream: string, seq: number): void {
    if (stream !== this.stream() || seq <= this.#acked()) return;
    const taken = Math.min(seq, this.#last());
    this.#meta.set('outbox.acked', String(taken));
    this.#meta.delete('outbox.compacted');
    this.#sql.all('DELETE FROM outbox WHERE seq <= ?', taken);
  }

  /** Drops what waits and begins a new stream: the caller then queues all bans in force. */
  restart(): void {
    this.#sql.all('DELETE FROM outbox');
    this.#meta.delete('outbox.lost');
    this.#begin();
  }

  #begin(): void {
    this.#meta.set('outbox.stream', this.#freshStream());
    this.#meta.set('outbox.acked', '0');
    this.#meta.delete('outbox.compacted');
  }

  #compact(): void {
    this.#sql.all('DELETE FROM outbox WHERE seq NOT IN (SELECT MAX(seq) FROM outbox GROUP BY key)');
    // numbered anew in two steps, for no two rows may have the same number in between
    this.#sql.all(
      `UPDATE outbox SET seq = -fresh.n FROM
         (SELECT seq AS old, ROW_NUMBER() OVER (ORDER BY seq) AS n FROM outbox) AS fresh WHERE seq = fresh.old`,
    );
    this.#sql.all('UPDATE outbox SET seq = -seq');
    this.#begin();
    this.#meta.set('outbox.compacted', String(this.size));
  }

  /** Compacting reads all events: not again before a tenth of the room was used since the last time. */
  #isWorthCompacting(): boolean {
    return this.size - this.#meta.count('outbox.compacted') >= this.#limits.events_max / 10;
  }

  #acked(): number {
    return this.#meta.count('outbox.acked');
  }

  #last(): number {
    const row = this.#sql.all('SELECT MAX(seq) AS last FROM outbox')[0];
    const last = row === undefined ? null : numberOrNull(row, 'last');
    return last ?? this.#acked();
  }
}
