/** The Sql port on a Durable Object's SQLite. */
import type { Sql, SqlRow, SqlValue } from '../shared/store/sql.ts';

/** What of a Durable Object's storage is used. */
export interface DurableStorage {
  readonly sql: Pick<SqlStorage, 'exec'>;
  transactionSync<T>(body: () => T): T;
}

/** `storage` of an object of a class with SQLite (`new_sqlite_classes`). */
export function durableSql(storage: DurableStorage): Sql {
  let inside = false;
  return {
    script: (text) => {
      storage.sql.exec(text);
    },
    all: (query, ...values) =>
      storage.sql
        .exec(query, ...values)
        .toArray()
        .map(rowOf),
    transaction: (body) => {
      if (inside) throw new Error('a transaction inside a transaction');
      inside = true;
      try {
        return storage.transactionSync(body);
      } finally {
        inside = false;
      }
    },
  };
}

function rowOf(row: Record<string, SqlStorageValue>): SqlRow {
  const entries = Object.entries(row).map(([column, value]): [string, SqlValue] => [
    column,
    value instanceof ArrayBuffer ? new Uint8Array(value) : value,
  ]);
  return Object.fromEntries(entries);
}
