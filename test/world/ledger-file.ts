/** The ledger's own SQLite, past the Worker: what no request tells. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { Edge } from './edge.ts';

/** The rows of a query; workerd may be at work meanwhile. */
export function askLedgerFile(edge: Edge, query: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
  const folder = join(edge.folder, 'state/v3/do');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const file = names.find((name) => /[0-9a-f]{64}\.sqlite$/.test(name));
  const database = new DatabaseSync(join(folder, file ?? 'none'), { readOnly: true });
  try {
    return database.prepare(query).all(...values);
  } finally {
    database.close();
  }
}
