/** The tables, as numbered steps from nothing to today; the same on a host and in the ledger's Durable Object. */
import { EdgebanError } from '../errors.ts';
import { number } from './row.ts';
import type { Sql } from './sql.ts';

/** Step i (from 1) takes the tables of a component from version i-1 to i. A step that was released is never changed. */
export type Migrations = readonly string[];

export const storeMigrations: Migrations = [
  `
  -- bans in force: until null never ends; matches is a JSON list of lines
  CREATE TABLE held_bans (
    jail TEXT NOT NULL, id TEXT NOT NULL, ip TEXT, at REAL NOT NULL, bantime REAL NOT NULL, until REAL,
    count INTEGER NOT NULL, failures INTEGER NOT NULL, matches TEXT NOT NULL,
    PRIMARY KEY (jail, id)
  ) WITHOUT ROWID;
  CREATE INDEX held_bans_ip ON held_bans (jail, ip);
  CREATE INDEX held_bans_until ON held_bans (until) WHERE until IS NOT NULL;

  -- the newest ban of each id in each jail, for increments (fail2ban: bips)
  CREATE TABLE known_ids (
    id TEXT NOT NULL, jail TEXT NOT NULL, at REAL NOT NULL, bantime REAL NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (id, jail)
  ) WITHOUT ROWID;
  CREATE INDEX known_ids_at ON known_ids (at);

  -- every ban, until it is purged (fail2ban: bans)
  CREATE TABLE ban_history (
    n INTEGER PRIMARY KEY AUTOINCREMENT, jail TEXT NOT NULL, id TEXT NOT NULL, ip TEXT, at REAL NOT NULL,
    bantime REAL NOT NULL, until REAL, count INTEGER NOT NULL, failures INTEGER NOT NULL, matches TEXT NOT NULL
  );
  CREATE INDEX ban_history_id ON ban_history (id, n);
  CREATE INDEX ban_history_at ON ban_history (at);

  -- failures that have not led to a ban yet
  CREATE TABLE counters (
    jail TEXT NOT NULL, id TEXT NOT NULL, ip TEXT, first REAL NOT NULL, time REAL NOT NULL,
    retry REAL NOT NULL, failures INTEGER NOT NULL, matches TEXT NOT NULL,
    PRIMARY KEY (jail, id)
  ) WITHOUT ROWID;

  -- how far each source was read: what the source needs to go on from there, as JSON
  CREATE TABLE positions (source TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;

  -- events that the Worker has not acknowledged; key tells which of them replace each other
  CREATE TABLE outbox (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, event TEXT NOT NULL);

  -- who holds which address, and the feed: cursor grows with every change that others must hear of.
  -- lifted: ended before until. ended: until has passed, and expire() has told so. lifted_at: the newest lift.
  -- named: the last reset of the feed in which this holder was named (readers only)
  CREATE TABLE holders (
    address TEXT NOT NULL, host TEXT NOT NULL, jail TEXT NOT NULL, at REAL NOT NULL, until REAL,
    lifted INTEGER NOT NULL, lifted_at REAL, ended INTEGER NOT NULL, cursor INTEGER NOT NULL, named INTEGER NOT NULL,
    PRIMARY KEY (address, host, jail)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX holders_cursor ON holders (cursor);
  CREATE INDEX holders_until ON holders (until) WHERE lifted = 0 AND ended = 0 AND until IS NOT NULL;
  CREATE INDEX holders_host ON holders (host) WHERE lifted = 0 AND ended = 0;

  -- single values: outbox.stream, outbox.acked, outbox.compacted, outbox.lost, holders.last, holders.floor, and its users' own
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  `,
  // times is a JSON list, empty where the counter is an estimate
  "ALTER TABLE counters ADD COLUMN times TEXT NOT NULL DEFAULT '[]'",
  // groups is a JSON object: the captures of the failure that led to the ban
  `
  ALTER TABLE held_bans ADD COLUMN groups TEXT NOT NULL DEFAULT '{}';

  -- what an action that runs commands has done: one row for each id, and one for itself (id ''); data is JSON
  CREATE TABLE action_marks (
    jail TEXT NOT NULL, action TEXT NOT NULL, id TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (jail, action, id)
  ) WITHOUT ROWID;
  `,
  // 1: a guard forbids the ban, and the operator wanted it all the same
  'ALTER TABLE held_bans ADD COLUMN forced INTEGER NOT NULL DEFAULT 0',
  // edge: off, challenge or block. hosts: 1 where other hosts enforce it. told: 1 once the feed has told of it
  `
  ALTER TABLE holders ADD COLUMN edge TEXT NOT NULL DEFAULT 'block';
  ALTER TABLE holders ADD COLUMN hosts INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE holders ADD COLUMN told INTEGER NOT NULL DEFAULT 1;
  `,
  // n counts the bans of a jail in the order in which they were made, as fail2ban lists them. Each index costs at each ban:
  // nearly all ids are the address itself, and the history is short enough to be looked through once an hour
  `
  CREATE TABLE ordered_bans (
    jail TEXT NOT NULL, n INTEGER NOT NULL, id TEXT NOT NULL, ip TEXT, at REAL NOT NULL, bantime REAL NOT NULL, until REAL,
    count INTEGER NOT NULL, failures INTEGER NOT NULL, matches TEXT NOT NULL, groups TEXT NOT NULL, forced INTEGER NOT NULL,
    PRIMARY KEY (jail, n)
  ) WITHOUT ROWID;
  INSERT INTO ordered_bans SELECT jail, ROW_NUMBER() OVER (PARTITION BY jail ORDER BY at, id), id, ip, at, bantime, until,
    count, failures, matches, groups, forced FROM held_bans;
  DROP TABLE held_bans;
  ALTER TABLE ordered_bans RENAME TO held_bans;
  CREATE UNIQUE INDEX held_bans_id ON held_bans (jail, id);
  CREATE INDEX held_bans_ip ON held_bans (jail, ip) WHERE ip <> id;
  CREATE INDEX held_bans_until ON held_bans (until) WHERE until IS NOT NULL;
  DROP INDEX ban_history_at;
  `,
];

/**
 * Brings the tables of one component up to date, each step in a transaction of its own. The ledger has tables besides
 * the store's, and numbers them by itself: hence the component. Throws ERR_STORE_NEWER if a newer edgeban made them.
 */
export function migrate(sql: Sql, component: string, migrations: Migrations): void {
  sql.script('CREATE TABLE IF NOT EXISTS schema_versions (component TEXT PRIMARY KEY, version INTEGER NOT NULL)');
  const from = versionOf(sql, component);
  if (from > migrations.length) throw newer(component, from, migrations.length);
  for (const [index, step] of migrations.entries()) if (index >= from) apply(sql, component, step, index + 1);
}

function versionOf(sql: Sql, component: string): number {
  const row = sql.all('SELECT version FROM schema_versions WHERE component = ?', component)[0];
  return row === undefined ? 0 : number(row, 'version');
}

function apply(sql: Sql, component: string, step: string, version: number): void {
  sql.transaction(() => {
    sql.script(step);
    sql.all('INSERT OR REPLACE INTO schema_versions (component, version) VALUES (?, ?)', component, version);
  });
}

function newer(component: string, found: number, known: number): EdgebanError {
  const message = `the database has version ${found} of the ${component} tables, this edgeban knows ${known}`;
  return new EdgebanError('ERR_STORE_NEWER', message, {
    remedy: 'install the newer edgeban again, or move the database away',
  });
}
