/** The port to SQLite: synchronous, tiny, met by node:sqlite on the host and by a Durable Object's SQLite at the edge. */

export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface Sql {
  /** Runs one or more statements that take no parameters and return no rows. */
  script(text: string): void;
  /** Runs one statement with `?` parameters (100 at the most: Durable Objects) and returns its rows. */
  all(query: string, ...values: readonly SqlValue[]): SqlRow[];
  /** All or nothing; may not be nested. `body` may not be asynchronous. */
  transaction<T>(body: () => T): T;
}
