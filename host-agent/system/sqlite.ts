/** The Sql port on node:sqlite: one file with a write-ahead log. */
import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import type { Sql, SqlRow, SqlValue } from '../../shared/store/sql.ts';

const limits = { statements_max: 200, busy_ms_max: 5000 } as const;

/**
 * A burst of failures changes a thousand pages forty times a second: they fit into the cache, so that each is written once a
 * commit, and go from the log into the file every 32 MB, not at each commit.
 */
const pragmas = `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
  PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 8000000`;

export interface HostSql extends Sql {
  close(): void;
}

/**
 * Opens or makes the database; only its owner may read it. A commit survives the death of the process; a power cut may
 * take back the last ones, but never half of one (WAL, synchronous NORMAL). `:memory:` is taken as well.
 * Throws ERR_STORE_OPEN or ERR_STORE_CORRUPT.
 */
export function openSqlite(path: string): HostSql {
  try {
    if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
    const database = new DatabaseSync(path, { timeout: limits.busy_ms_max });
    database.exec(pragmas);
    // reads the schema: a file that is no database is found out here
    database.prepare('SELECT COUNT(*) FROM sqlite_schema').get();
    return new NodeSql(database);
  } catch (error) {
    throw explained(error, path);
  }
}

/** Moves a damaged database with its log out of the way; returns its new path. `stamp` makes that unique. */
export function setAsideDatabase(path: string, stamp: string): string {
  const aside = `${path}.${stamp}`;
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  return aside;
}

class NodeSql implements HostSql {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  script(text: string): void {
    this.#database.exec(text);
  }

  all(query: string, ...values: readonly SqlValue[]): SqlRow[] {
    return rowsOf(this.#statement(query).all(...values));
  }

  transaction<T>(body: () => T): T {
    if (this.#database.isTransaction) throw new Error('a transaction inside a transaction');
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = body();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite may have rolled back by itself (disk full)
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #statement(query: string): StatementSync {
    const known = this.#statements.get(query);
    if (known !== undefined) return known;
    const made = this.#database.prepare(query);
    const oldest = this.#statements.keys().next();
    if (this.#statements.size >= limits.statements_max && oldest.done !== true) this.#statements.delete(oldest.value);
    this.#statements.set(query, made);
    return made;
  }
}

/** Whole numbers are read as numbers (and refused above 2^53), so that no bigint comes up. */
function rowsOf(rows: Record<string, SQLOutputValue>[]): SqlRow[] {
  return rows as SqlRow[];
}

function explained(error: unknown, path: string): EdgebanError {
  const message = messageOf(error);
  const corrupt = /malformed|not a database|corrupt/.test(message);
  return new EdgebanError(corrupt ? 'ERR_STORE_CORRUPT' : 'ERR_STORE_OPEN', message, {
    file: path,
    remedy: corrupt ? 'move the file away: a new one is made' : 'see that its directory exists and can be written',
    cause: error,
  });
}
