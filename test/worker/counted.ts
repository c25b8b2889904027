/** A Durable Object's storage that counts the rows which Cloudflare bills. */
import { type DurableStorage, durableSql } from '../../worker/sqlite.ts';

/** The ledger's storage with a count of what is read and written. */
export function counted(storage: Pick<DurableObjectStorage, 'sql' | 'transactionSync'>) {
  const cursors: { readonly rowsRead: number; readonly rowsWritten: number }[] = [];
  const counting: DurableStorage = {
    sql: {
      exec: (query, ...values) => {
        const cursor = storage.sql.exec<never>(query, ...values);
        cursors.push(cursor);
        return cursor;
      },
    },
    transactionSync: (body) => storage.transactionSync(body),
  };
  const rows = () => {
    const sum = { read: 0, written: 0 };
    for (const { rowsRead, rowsWritten } of cursors.splice(0)) {
      sum.read += rowsRead;
      sum.written += rowsWritten;
    }
    return sum;
  };
  return { sql: durableSql(counting), rows };
}
