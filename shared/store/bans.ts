/** Bans in force, what is remembered of earlier ones, and their history. */
import type { Ban, PastBan } from '../ticket.ts';
import { laterOf, type Seconds, type UnixTime, type Until } from '../time.ts';
import { HeldLately } from './held-lately.ts';
import { keptOf } from './kept.ts';
import { number, numberOrNull, strings, text, textOrNull, texts } from './row.ts';
import type { Sql, SqlRow, SqlValue } from './sql.ts';

export const banLimits = {
  held_bans_max: 200_000,
  known_ids_max: 500_000,
  history_bans_max: 50_000,
  /** Of all lines of one ban together; older lines go first. */
  matches_chars_max: 4096,
} as const;

type BanLimits = { readonly [name in keyof typeof banLimits]: number };

export interface BansSettings {
  /** fail2ban's dbmaxmatches: how many lines are kept of a ban. */
  readonly dbmaxmatches: number;
  readonly limits?: BanLimits;
}

/** How many times its bantime an id is remembered, over dbpurgeage (fail2ban's outDatedFactor). */
const remembered_bantimes = 3;

/** By so many bans the history may be longer than it may: each cut costs. */
const history_slack = 500;

const columns = 'jail, id, ip, at, bantime, until, count, failures, matches';
const places = '?, ?, ?, ?, ?, ?, ?, ?, ?';
const held_columns = `${columns}, groups, forced`;
/** Behind those that are there. */
const insertHeld = `INSERT OR REPLACE INTO held_bans (n, ${held_columns})
  VALUES ((SELECT COALESCE(MAX(n), 0) + 1 FROM held_bans WHERE jail = ?), ${places}, ?, ?)`;
const insertPast = `INSERT INTO ban_history (${columns}) VALUES (${places})`;
const selectHeld = `SELECT ${held_columns} FROM held_bans WHERE jail = ? AND id = ?`;
const page_rows = 1_000;

/** Methods that write belong into a transaction of the caller's, together with what else the same event writes. */
export class Bans {
  readonly #sql: Sql;
  /** May be changed while it runs. */
  dbmaxmatches: number;
  readonly #limits: BanLimits;
  /** How many were added since the history was cut to its limit; more than it may be there, but no more than this. */
  #untrimmed = 0;
  readonly #lately = new HeldLately();

  constructor(sql: Sql, settings: BansSettings) {
    this.#sql = sql;
    this.dbmaxmatches = settings.dbmaxmatches;
    this.#limits = settings.limits ?? banLimits;
  }

  /** Writes a new ban: it is held, its id is known, and it goes into the history. */
  add(ban: Ban): void {
    const kept = this.#kept(ban);
    const values = valuesOf(kept);
    this.#sql.all(insertHeld, ban.jail, ...values, JSON.stringify(kept.groups ?? {}), ban.forced === true ? 1 : 0);
    this.#remember(ban, values);
    // whoever was caught in the act goes on in a burst, before anybody can stop it; one that was asked for hardly does
    if (ban.matches.length > 0) this.#lately.put(kept);
    else this.#lately.drop(ban.jail, ban.id);
  }

  /** Writes a ban that is over already: its id is known, and it goes into the history. */
  remember(ban: Ban): void {
    this.#remember(ban, valuesOf(this.#kept(ban)));
  }

  #remember(ban: Ban, values: readonly SqlValue[]): void {
    this.#sql.all(
      'INSERT OR REPLACE INTO known_ids (id, jail, at, bantime, count) VALUES (?, ?, ?, ?, ?)',
      ...[ban.id, ban.jail, ban.at, ban.bantime, ban.count],
    );
    this.#sql.all(insertPast, ...values);
    this.#untrimmed += 1;
    if (this.#untrimmed >= history_slack) this.#trimHistory();
  }

  #trimHistory(): void {
    this.#untrimmed = 0;
    this.#sql.all(
      'DELETE FROM ban_history WHERE n <= (SELECT MAX(n) FROM ban_history) - ?',
      this.#limits.history_bans_max,
    );
  }

  /** Writes the new end of a ban that is held (prolonged, or cut at a restart); the history keeps it as it was made. */
  change(ban: Ban): void {
    this.#lately.drop(ban.jail, ban.id);
    this.#sql.all(
      'UPDATE held_bans SET at = ?, bantime = ?, until = ? WHERE jail = ? AND id = ?',
      ...[ban.at, ban.bantime, ban.until, ban.jail, ban.id],
    );
  }

  held(jail: string, id: string): Ban | null {
    const lately = this.#lately.get(jail, id);
    if (lately !== undefined) return lately;
    const row = this.#sql.all(selectHeld, jail, id)[0];
    if (row === undefined) return null;
    const ban = banOf(row);
    this.#lately.put(ban);
    return ban;
  }

  /** What was written last is undone: the transaction was not committed. */
  rolledBack(): void {
    this.#lately.clear();
  }

  /** In the order in which they were made. Read as they are asked for: meanwhile bans may be changed and taken out. */
  *heldIn(jail: string): Generator<Ban> {
    for (const row of this.#rowsOf(jail, held_columns)) yield banOf(row);
  }

  /** The ids of the same, in the same order. */
  idsIn(jail: string): string[] {
    return Array.from(this.#rowsOf(jail, 'id'), (row) => text(row, 'id'));
  }

  /** What a firewall has to know of the same. */
  *endsIn(jail: string): Generator<Pick<Ban, 'id' | 'ip' | 'until'>> {
    for (const row of this.#rowsOf(jail, 'id, ip, until')) {
      yield { id: text(row, 'id'), ip: textOrNull(row, 'ip'), until: numberOrNull(row, 'until') };
    }
  }

  /** A page after the other: there may be very many. */
  *#rowsOf(jail: string, wanted: string): Generator<SqlRow> {
    const query = `SELECT n, ${wanted} FROM held_bans WHERE jail = ? AND n > ? ORDER BY n LIMIT ${page_rows}`;
    let page: SqlRow[];
    let last = 0;
    do {
      page = this.#sql.all(query, jail, last);
      for (const row of page) {
        last = number(row, 'n');
        yield row;
      }
    } while (page.length === page_rows);
  }

  /** Until when a jail blocks an address, whatever ids stand for it; undefined if it does not. */
  untilOfAddress(jail: string, address: string): Until | undefined {
    // without statistics SQLite would look through the whole jail for an ip
    const query = `SELECT until FROM held_bans WHERE jail = ? AND id = ? UNION ALL
      SELECT until FROM held_bans INDEXED BY held_bans_ip WHERE jail = ? AND ip = ? AND ip <> id`;
    const rows = this.#sql.all(query, jail, address, jail, address);
    return rows.length === 0 ? undefined : rows.map((row) => numberOrNull(row, 'until')).reduce(laterOf);
  }

  /** Those with bans in force. */
  jails(): string[] {
    return this.#sql.all('SELECT DISTINCT jail FROM held_bans').map((row) => text(row, 'jail'));
  }

  /** The bans of a jail that are of networks (or of other ids with a slash in them). */
  networksIn(jail: string): Ban[] {
    const query = `SELECT ${held_columns} FROM held_bans WHERE jail = ? AND instr(id, '/') > 0`;
    return this.#sql.all(query, jail).map(banOf);
  }

  heldCount(jail: string): number {
    const row = this.#sql.all('SELECT COUNT(*) AS held FROM held_bans WHERE jail = ?', jail)[0];
    return row === undefined ? 0 : number(row, 'held');
  }

  /** The earlier bans of `id` in one jail, or in all of them (null). */
  past(jail: string | null, id: string): PastBan | null {
    const select = 'SELECT SUM(count) AS count, MAX(at) AS at FROM known_ids WHERE id = ?';
    const [row] = jail === null ? this.#sql.all(select, id) : this.#sql.all(`${select} AND jail = ?`, id, jail);
    const count = row === undefined ? null : numberOrNull(row, 'count');
    return row === undefined || count === null ? null : { count, at: number(row, 'at') };
  }

  /** Takes out bans that have ended, at most `limit`, first ended first. Their ids stay known. */
  takeEnded(now: UnixTime, limit: number): Ban[] {
    return this.#take('until <= ? ORDER BY until', [now], limit);
  }

  /** Takes out bans above the limit, those that end soonest; the caller lifts them and says so. */
  takeExcess(): Ban[] {
    const row = this.#sql.all('SELECT COUNT(*) AS held FROM held_bans')[0];
    const excess = (row === undefined ? 0 : number(row, 'held')) - this.#limits.held_bans_max;
    return excess <= 0 ? [] : this.#take('TRUE ORDER BY until IS NULL, until', [], excess);
  }

  /** Ends a ban; its id stays known (a ban that is dropped at a restart, or that has ended). */
  release(jail: string, id: string): void {
    this.#lately.drop(jail, id);
    this.#sql.all('DELETE FROM held_bans WHERE jail = ? AND id = ?', jail, id);
  }

  /** What an operator's unban does: nothing of the id is remembered, as in fail2ban. True if the ban was in force. */
  forget(jail: string, id: string): boolean {
    this.#lately.drop(jail, id);
    this.#sql.all('DELETE FROM known_ids WHERE id = ? AND jail = ?', id, jail);
    this.#sql.all('DELETE FROM ban_history WHERE id = ? AND jail = ?', id, jail);
    return this.#sql.all('DELETE FROM held_bans WHERE jail = ? AND id = ? RETURNING id', jail, id).length > 0;
  }

  /** When the next ban ends; null if none will. */
  nextEnd(): UnixTime | null {
    const row = this.#sql.all('SELECT MIN(until) AS until FROM held_bans WHERE until IS NOT NULL')[0];
    return row === undefined ? null : numberOrNull(row, 'until');
  }

  /** The newest bans of an id, newest first. */
  history(id: string, limit: number): Ban[] {
    return this.#sql
      .all(`SELECT ${columns} FROM ban_history WHERE id = ? ORDER BY n DESC LIMIT ?`, id, limit)
      .map(banOf);
  }

  /**
   * fail2ban's hourly purge: history older than `age` (dbpurgeage); ids whose last ban is older than that, even had it
   * lasted three times as long, and was not for ever. Bans in force are not touched.
   */
  purge(now: UnixTime, age: Seconds): void {
    const before = now - age;
    this.#sql.all('DELETE FROM ban_history WHERE at < ?', before);
    this.#trimHistory();
    this.#sql.all(
      'DELETE FROM known_ids WHERE at < ? AND bantime >= 0 AND at + bantime * ? < ?',
      ...[before, remembered_bantimes, before],
    );
    this.#sql.all(
      `DELETE FROM known_ids WHERE (id, jail) IN
         (SELECT id, jail FROM known_ids ORDER BY at DESC LIMIT -1 OFFSET ?)`,
      this.#limits.known_ids_max,
    );
  }

  #take(which: string, values: readonly SqlValue[], limit: number): Ban[] {
    const rows = this.#sql.all(
      `DELETE FROM held_bans WHERE (jail, n) IN
         (SELECT jail, n FROM held_bans WHERE ${which} LIMIT ?) RETURNING ${held_columns}`,
      ...[...values, limit],
    );
    for (const row of rows) this.#lately.drop(text(row, 'jail'), text(row, 'id'));
    return rows.map(banOf).sort((a, b) => (a.until ?? Infinity) - (b.until ?? Infinity));
  }

  #kept(ban: Ban): Ban {
    return keptOf(ban, this.dbmaxmatches, this.#limits.matches_chars_max);
  }
}

function valuesOf({ jail, id, ip, at, bantime, until, count, failures, matches }: Ban): SqlValue[] {
  return [jail, id, ip, at, bantime, until, count, failures, JSON.stringify(matches)];
}

function banOf(row: SqlRow): Ban {
  return {
    jail: text(row, 'jail'),
    id: text(row, 'id'),
    ip: textOrNull(row, 'ip'),
    at: number(row, 'at'),
    bantime: number(row, 'bantime'),
    until: numberOrNull(row, 'until'),
    count: number(row, 'count'),
    failures: number(row, 'failures'),
    matches: texts(row, 'matches'),
    ...groupsIn(row),
    ...(row['forced'] === 1 ? { forced: true } : {}),
  };
}

/** The history has no such column. */
function groupsIn(row: SqlRow): Pick<Ban, 'groups'> {
  if (row['groups'] === undefined || row['groups'] === '{}') return {};
  return { groups: strings(row, 'groups') };
}
