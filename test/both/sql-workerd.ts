/** What the tests in this folder run on in workerd: the SQLite of a Durable Object of the Worker. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { Sql } from '../../shared/store/sql.ts';
import { durableSql } from '../../worker/sqlite.ts';

/** Runs `body` on an empty database. */
export async function withSql<T>(body: (sql: Sql) => T): Promise<T> {
  const objects = Object.values<unknown>({ ...env }).find(isNamespace);
  if (objects === undefined) throw new Error('the Worker has no Durable Object');
  return await runInDurableObject(objects.get(objects.newUniqueId()), async (_object, state) => {
    // the object may have made its own tables
    await state.storage.deleteAll();
    return body(durableSql(state.storage));
  });
}

/** Told by its class: a service binding says yes to every name that it is asked for. */
function isNamespace(binding: unknown): binding is DurableObjectNamespace {
  return Object.prototype.toString.call(binding) === '[object DurableObjectNamespace]';
}
