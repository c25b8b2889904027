/** The ledger's own tables beside the store's `holders`: hosts, enrolment tokens, what was done and told, and one row of state. */
import { type Migrations, migrate, storeMigrations } from '../../shared/store/schema.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { pace } from './limits.ts';

const ledgerMigrations: Migrations = [
  `
  -- one row: who we are, how often who is banned has changed, how far KV and Cloudflare have followed
  CREATE TABLE ledger (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, revision INTEGER NOT NULL,
    snapshot_revision INTEGER NOT NULL, snapshot_at REAL, snapshot_tried_at REAL, snapshot_error TEXT,
    write_tokens REAL NOT NULL, write_tokens_at REAL NOT NULL,
    enforced_revision INTEGER NOT NULL, enforced_at REAL, enforce_again REAL,
    swept_at REAL NOT NULL, purged_at REAL NOT NULL, purged_cursor INTEGER NOT NULL
  );

  -- revoked hosts stay, so that their keys never come back
  CREATE TABLE hosts (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE,
    enrolled_at REAL NOT NULL, seen_at REAL NOT NULL, revoked_at REAL
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX hosts_name ON hosts (name) WHERE revoked_at IS NULL;

  -- SHA-256 of a token that is out; host: who has used it
  CREATE TABLE enroll_tokens (hash TEXT PRIMARY KEY, expires_at REAL NOT NULL, host TEXT) WITHOUT ROWID;

  -- the number of the last event taken in
  CREATE TABLE streams (
    host TEXT NOT NULL, stream TEXT NOT NULL, last INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (host, stream)
  ) WITHOUT ROWID;

  CREATE TABLE nonces (
    host TEXT NOT NULL, nonce TEXT NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (host, nonce)
  ) WITHOUT ROWID;
  `,
  `
  -- what a host may still ban at once (share.ts), and what its share has refused
  ALTER TABLE hosts ADD COLUMN ban_tokens REAL NOT NULL DEFAULT 0;
  ALTER TABLE hosts ADD COLUMN ban_tokens_at REAL NOT NULL DEFAULT 0;
  ALTER TABLE hosts ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE hosts ADD COLUMN refused_at REAL;
  ALTER TABLE hosts ADD COLUMN refused_code TEXT;

  -- who held what when the feed was at this cursor: JSON lists of [address, host, jail, at, until]
  CREATE TABLE roll_pages (page INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, entries TEXT NOT NULL);
  `,
  `
  -- when an empty ledger has taken over what it found at Cloudflare (recovery.ts), and how many bans that were
  ALTER TABLE ledger ADD COLUMN recovered_at REAL;
  ALTER TABLE ledger ADD COLUMN recovered INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE ledger ADD COLUMN recovery_refused INTEGER NOT NULL DEFAULT 0;
  -- a ledger of before knows what it has put there
  UPDATE ledger SET recovered_at = 0;
  `,
  // from here on the lists end with what the edge does
  'DELETE FROM roll_pages',
  `
  -- who has done what by hand; the newest only
  CREATE TABLE acts (
    n INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL, place TEXT, what TEXT NOT NULL,
    about TEXT NOT NULL
  );

  -- the operator's allow list, beside the var ALLOW
  CREATE TABLE allowed (address TEXT PRIMARY KEY, note TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;

  -- keys that hosts have replaced: they never come back
  CREATE TABLE spent_keys (key TEXT PRIMARY KEY, host TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;

  -- from where a host's signed requests have come
  CREATE TABLE host_addresses (
    host TEXT NOT NULL, address TEXT NOT NULL, seen_at REAL NOT NULL, PRIMARY KEY (host, address)
  ) WITHOUT ROWID;
  `,
  `
  -- bans by the hour in which they were made (tally.ts): JSON list of [host, jail, bans]; cursor, at: of the holders that
  -- are counted, and when that was
  CREATE TABLE tallies (hour INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, at REAL NOT NULL, counts TEXT NOT NULL);

  -- sessions of the dashboard that were ended before their time
  CREATE TABLE ended_sessions (id TEXT PRIMARY KEY, expires_at REAL NOT NULL) WITHOUT ROWID;

  -- what a host runs, and how late its newest events came, in seconds
  ALTER TABLE hosts ADD COLUMN version TEXT;
  ALTER TABLE hosts ADD COLUMN lag REAL;
  `,
  `
  -- what is wrong, or was within the day (JSON); what people were told, in order; what of it is on its way to whom
  CREATE TABLE incidents (key TEXT PRIMARY KEY, incident TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE alerts (n INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, at REAL NOT NULL, news TEXT NOT NULL);
  CREATE TABLE alert_deliveries (
    n INTEGER NOT NULL, target TEXT NOT NULL, attempts INTEGER NOT NULL, due REAL NOT NULL, PRIMARY KEY (n, target)
  ) WITHOUT ROWID;
  `,
  `
  -- each table and index costs a row a ban: what a request writes of its host is one row now. signed_at: the newest
  -- request that was written down (nonces.ts); streams: JSON (streams.ts); spent, spent_day: rows (allowance.ts)
  ALTER TABLE hosts ADD COLUMN signed_at REAL NOT NULL DEFAULT 0;
  ALTER TABLE hosts ADD COLUMN streams TEXT;
  ALTER TABLE hosts ADD COLUMN spent REAL NOT NULL DEFAULT 0;
  ALTER TABLE hosts ADD COLUMN spent_day INTEGER NOT NULL DEFAULT 0;
  UPDATE hosts SET
    signed_at = (SELECT COALESCE(MAX(expires_at) - 121, 0) FROM nonces WHERE host = hosts.id),
    streams = (SELECT json_group_array(json_array(stream, last, at) ORDER BY at DESC) FROM streams WHERE host = hosts.id);
  DROP TABLE nonces;
  DROP TABLE streams;
  -- asked for by a revocation only
  DROP INDEX holders_host;
  `,
];

/** Brings the tables up to date and, the first time, gives the ledger its identity: `id`, a UUID. */
export function prepareTables(sql: Sql, id: string, now: UnixTime): void {
  migrate(sql, 'store', storeMigrations);
  migrate(sql, 'ledger', ledgerMigrations);
  if (sql.all('SELECT 1 FROM ledger').length > 0) return;
  sql.all(
    `INSERT INTO ledger (one, id, revision, snapshot_revision, write_tokens, write_tokens_at, enforced_revision,
       swept_at, purged_at, purged_cursor) VALUES (1, ?, 1, 0, ?, ?, 0, ?, ?, 0)`,
    ...[id, pace.snapshot_writes_burst, now, now, now],
  );
}
