/** What the tests in this folder run on in Node: node:sqlite. */
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import type { Sql } from '../../shared/store/sql.ts';

/** Runs `body` on an empty database. */
export async function withSql<T>(body: (sql: Sql) => T): Promise<T> {
  const sql = openSqlite(':memory:');
  try {
    return body(sql);
  } finally {
    sql.close();
  }
}
