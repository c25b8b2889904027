/** Who holds which address: the bans of all hosts at the ledger, and those of the other hosts at a host. */
import { type EdgeAction, edgeActions } from '../ticket.ts';
import { laterOf, type Seconds, type UnixTime, type Until } from '../time.ts';
import { Meta } from './meta.ts';
import { number, numberOrNull, text } from './row.ts';
import type { Sql, SqlRow } from './sql.ts';

/** One ban: `host` holds `address` for its `jail`, since `at`. */
export interface Holding {
  readonly address: string;
  readonly host: string;
  readonly jail: string;
  readonly at: UnixTime;
  readonly until: Until;
  /** What the edge does to it. */
  readonly edge: EdgeAction;
  /** Do other hosts enforce it, too? */
  readonly hosts: boolean;
}

/** The newest state of a holder. */
export interface Holder extends Holding {
  /** Ended before `until`. */
  readonly lifted: boolean;
  readonly cursor: number;
}

export type Lift = Pick<Holding, 'address' | 'host' | 'jail' | 'at'>;

interface Row extends Holder {
  readonly lifted_at: UnixTime | null;
  readonly ended: boolean;
  /** Has the feed told of it? */
  readonly told: boolean;
}

/** The cursor of the next change; holders.last remembers those whose rows are gone. */
const nextCursor = `(SELECT MAX(last) + 1 FROM (SELECT COALESCE(MAX(cursor), 0) AS last FROM holders
  UNION ALL SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'holders.last'))`;

const live = 'lifted = 0 AND ended = 0 AND (until IS NULL OR until > ?)';

/**
 * An address is banned as long as one holder is live, so that the unban of one jail does not free what another one
 * bans. Telling the same event again changes nothing and moves no cursor. Methods that write belong into a
 * transaction of the caller's.
 */
export class Holders {
  readonly #sql: Sql;
  readonly #meta: Meta;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#meta = new Meta(sql);
  }

  /**
   * Takes in a ban; true if it changed anything. The end of a ban never moves back; `edge` and `hosts` are as the newest
   * says. A ban that was lifted is taken up again only by one that is newer than the lifted one, and then knows nothing
   * of those before the lift. `row`: what find() has just told, for those who needed it anyway.
   */
  hold(holding: Holding, row: Row | null = this.find(holding)): boolean {
    if (row === null) return this.#write(holding, null);
    if (row.lifted) return holding.at > row.at && this.#write(holding, row);
    if (row.lifted_at !== null && holding.at <= row.lifted_at && holding.at < row.at) return false;
    const { at, edge, hosts } = holding.at < row.at ? row : holding;
    const until = laterOf(row.until, holding.until);
    const same = at === row.at && edge === row.edge && hosts === row.hosts;
    if (until === row.until && (same || row.ended)) return false;
    return this.#write({ ...holding, at, until, edge, hosts }, row);
  }

  /** Takes in an unban (`at`: when it was said); true if it changed anything. It does not lift a ban newer than itself. */
  lift(lift: Lift): boolean {
    const row = this.find(lift);
    if (row === null || row.lifted || row.ended || lift.at < row.at) return false;
    // the same lift told again; an other one counts even if it seems older: it may come by another clock
    if (lift.at === row.lifted_at) return false;
    const { address, host, jail, at } = lift;
    this.#sql.all(
      `UPDATE holders SET lifted = 1, lifted_at = ?, cursor = ${nextCursor} WHERE address = ? AND host = ? AND jail = ?`,
      ...[at, address, host, jail],
    );
    return true;
  }

  /** Until when the address is banned, whatever the edge does: the latest end of all who hold it; undefined if none does. */
  effective(address: string, now: UnixTime): Until | undefined {
    const rows = this.#sql.all(`SELECT until FROM holders WHERE address = ? AND ${live}`, address, now);
    const ends = rows.map((row) => numberOrNull(row, 'until'));
    return ends.length === 0 ? undefined : ends.reduce(laterOf);
  }

  /** All banned addresses with their ends, in the order of the text. */
  effectiveAll(now: UnixTime): { readonly address: string; readonly until: Until }[] {
    const rows = this.#sql.all(
      `SELECT address, CASE WHEN COUNT(*) = COUNT(until) THEN MAX(until) END AS until
         FROM holders WHERE ${live} GROUP BY address ORDER BY address`,
      now,
    );
    return rows.map((row) => ({ address: text(row, 'address'), until: numberOrNull(row, 'until') }));
  }

  /** Everyone who holds or held the address. */
  of(address: string): Holder[] {
    return this.#sql.all('SELECT * FROM holders WHERE address = ? ORDER BY host, jail', address).map(holderOf);
  }

  /**
   * Marks holders whose time is over, at most `limit`, and returns their addresses (each once), so that projections can
   * follow. Moves no cursor: whoever reads the feed knows `until`.
   */
  expire(now: UnixTime, limit: number): string[] {
    const rows = this.#sql.all(
      `UPDATE holders SET ended = 1 WHERE (address, host, jail) IN
         (SELECT address, host, jail FROM holders
            WHERE lifted = 0 AND ended = 0 AND until IS NOT NULL AND until <= ? ORDER BY until LIMIT ?)
       RETURNING address`,
      now,
      limit,
    );
    return [...new Set(rows.map((row) => text(row, 'address')))];
  }

  /** When expire() has something to do next; null if never. */
  nextExpiry(): UnixTime | null {
    const row = this.#sql.all(
      'SELECT MIN(until) AS until FROM holders WHERE lifted = 0 AND ended = 0 AND until IS NOT NULL',
    )[0];
    return row === undefined ? null : numberOrNull(row, 'until');
  }

  /**
   * Deletes holders that were lifted or ended `age` ago. Readers who have not got as far as `floor` may then have
   * missed the lift of a ban that would still run, and must begin anew.
   */
  purge(now: UnixTime, age: Seconds): void {
    const before = now - age;
    this.#meta.set('holders.last', String(this.last()));
    const purged = this.#sql.all(
      `DELETE FROM holders WHERE (lifted = 1 AND lifted_at < ?) OR (lifted = 0 AND ended = 1 AND until < ?)
         RETURNING cursor, lifted, until`,
      ...[before, before],
    );
    const missed = purged.filter((row) => row['lifted'] === 1 && (row['until'] === null || number(row, 'until') > now));
    const floor = missed.reduce((highest, row) => Math.max(highest, number(row, 'cursor')), this.floor());
    this.#meta.set('holders.floor', String(floor));
  }

  /** The cursor of the newest change; 0 before the first. */
  last(): number {
    const row = this.#sql.all('SELECT MAX(cursor) AS last FROM holders')[0];
    const newest = row === undefined ? null : numberOrNull(row, 'last');
    return Math.max(newest ?? 0, this.#meta.count('holders.last'));
  }

  /** A reader with a cursor below this one must begin anew. */
  floor(): number {
    return this.#meta.count('holders.floor');
  }

  /** The newest state of one holder, also of one whose ban is over. */
  find(key: Pick<Holding, 'address' | 'host' | 'jail'>): Row | null {
    const { address, host, jail } = key;
    const select = 'SELECT * FROM holders WHERE address = ? AND host = ? AND jail = ?';
    const row = this.#sql.all(select, address, host, jail)[0];
    if (row === undefined) return null;
    const lifted_at = numberOrNull(row, 'lifted_at');
    return { ...holderOf(row), lifted_at, ended: row['ended'] === 1, told: row['told'] === 1 };
  }

  #write(holding: Holding, before: Row | null): true {
    const { address, host, jail, at, until, edge, hosts } = holding;
    const told = hosts || before?.told === true;
    this.#sql.all(
      `INSERT OR REPLACE INTO holders
         (address, host, jail, at, until, lifted, lifted_at, ended, cursor, named, edge, hosts, told)
         VALUES (?, ?, ?, ?, ?, 0, ?, 0, ${nextCursor}, 0, ?, ?, ?)`,
      ...[address, host, jail, at, until, before?.lifted_at ?? null],
      ...[edge, hosts ? 1 : 0, told ? 1 : 0],
    );
    return true;
  }
}

export function holderOf(row: SqlRow): Holder {
  return {
    address: text(row, 'address'),
    host: text(row, 'host'),
    jail: text(row, 'jail'),
    at: number(row, 'at'),
    until: numberOrNull(row, 'until'),
    edge: edgeActionOf(text(row, 'edge')),
    hosts: row['hosts'] === 1,
    lifted: row['lifted'] === 1,
    cursor: number(row, 'cursor'),
  };
}

/** An action that nobody here knows blocks: a ban is a ban. */
function edgeActionOf(name: string): EdgeAction {
  return edgeActions.find((action) => action === name) ?? 'block';
}
