/** A Durable Object's storage that counts the rows which Cloudflare bills. */
import { type DurableStorage, durableSql } from '../../worker/sqlite.ts';

interface Billed {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** The ledger's storage with a count of what is read and written; `written`: by statement, what rows() has counted. */
export function counted(storage: Pick<DurableObjectStorage, 'sql' | 'transactionSync'>) {
  const cursors: { readonly query: string; readonly cursor: Billed }[] = [];
  const written = new Map<string, number>();
  const counting: DurableStorage = {
    sql: {
      exec: (query, ...values) => {
        const cursor = storage.sql.exec<never>(query, ...values);
        cursors.push({ query, cursor });
        return cursor;
      },
    },
    transactionSync: (body) => storage.transactionSync(body),
  };
  const rows = () => {
    const sum = { read: 0, written: 0 };
    for (const { query, cursor } of cursors.splice(0)) {
      sum.read += cursor.rowsRead;
      sum.written += cursor.rowsWritten;
      if (cursor.rowsWritten > 0) written.set(query, (written.get(query) ?? 0) + cursor.rowsWritten);
    }
    return sum;
  };
  return { sql: durableSql(counting), rows, written };
}
