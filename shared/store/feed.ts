/** The feed between ledger and hosts: pages of changed holders on one side, taking them in on the other. */
import { type Holder, type Holders, holderOf } from './holders.ts';
import { Meta } from './meta.ts';
import { text } from './row.ts';
import type { Sql } from './sql.ts';

/** What hosts hear of a holder. `hosts` false: it is for the edge alone now, and lifted for all other hosts. */
export type Change = Omit<Holder, 'edge' | 'hosts'> & { readonly hosts?: false | undefined };

/** Changes in cursor order. `cursor` is where to go on; `reset`: the pages start from nothing (see wire.ts, FeedPage). */
export interface ChangePage {
  readonly cursor: number;
  readonly reset: boolean;
  readonly more: boolean;
  readonly changes: readonly Change[];
}

export interface PageRequest {
  /** The last cursor that the reader has taken in; 0 for none. */
  readonly after: number;
  /** Is the reader in the middle of a reset (the page before had `reset` and `more`)? */
  readonly resetting: boolean;
  readonly limit: number;
}

/**
 * The ledger's side. A reset begins for who is too far behind, or ahead (another ledger's cursor). Bans for the edge alone
 * are left out unless hosts have heard of them before, or they were lifted: their own host must know that.
 */
export function changesAfter(sql: Sql, holders: Holders, request: PageRequest): ChangePage {
  const last = holders.last();
  const known = request.after <= last;
  const reset = !known || request.resetting || request.after < holders.floor();
  const after = known && (request.resetting || !reset) ? request.after : 0;
  const found = sql.all(
    'SELECT * FROM holders WHERE cursor > ? AND (told = 1 OR lifted = 1) ORDER BY cursor LIMIT ?',
    ...[after, request.limit + 1],
  );
  const changes = found.slice(0, request.limit).map((row) => changeOf(holderOf(row)));
  const more = found.length > request.limit;
  return { cursor: more ? (changes.at(-1)?.cursor ?? last) : last, reset, more, changes };
}

function changeOf({ edge: _, hosts, ...change }: Holder): Change {
  return hosts ? change : { ...change, hosts: false };
}

const key = 'address = ? AND host = ? AND jail = ?';

/**
 * A host's side: takes in the pages that the ledger gives, in their order. The ledger's word is taken as it is. What
 * must survive a restart (the ledger's cursor, whether a reset is under way) is kept here, too. Belongs into a
 * transaction of the caller's, one for each page.
 */
export class Heard {
  readonly #sql: Sql;
  readonly #holders: Holders;
  readonly #meta: Meta;

  constructor(sql: Sql, holders: Holders) {
    this.#sql = sql;
    this.#holders = holders;
    this.#meta = new Meta(sql);
  }

  /** What to ask for next. */
  next(): Omit<PageRequest, 'limit'> {
    return { after: this.#meta.count('heard.cursor'), resetting: this.#meta.get('heard.resetting') !== null };
  }

  /** The ledger that the cursor belongs to; null before the first page. */
  ledger(): string | null {
    return this.#meta.get('heard.ledger');
  }

  /**
   * Takes in a page; returns the addresses whose holders have changed, each once. A page that does not start from
   * nothing, of another ledger than the last one, is not taken: the next request then begins a reset.
   */
  take(ledger: string, page: ChangePage): string[] {
    const known = this.ledger();
    const other = known !== null && known !== ledger;
    if (other || (page.reset && !this.next().resetting)) this.#beginReset(ledger);
    if (other && !page.reset) return [];
    const changed = page.changes.filter((change) => this.#apply(change)).map((change) => change.address);
    this.#meta.set('heard.ledger', ledger);
    this.#meta.set('heard.cursor', String(page.cursor));
    const swept = page.reset && !page.more ? this.#endReset() : [];
    return [...new Set([...changed, ...swept])];
  }

  #beginReset(ledger: string): void {
    this.#meta.set('heard.ledger', ledger);
    this.#meta.set('heard.cursor', '0');
    this.#meta.set('heard.reset', String(this.#meta.count('heard.reset') + 1));
    this.#meta.set('heard.resetting', '1');
  }

  /** Forgets the holders that no page of the reset has named. */
  #endReset(): string[] {
    this.#meta.set('holders.last', String(this.#holders.last()));
    const rows = this.#sql.all(
      'DELETE FROM holders WHERE named < ? RETURNING address',
      this.#meta.count('heard.reset'),
    );
    this.#meta.delete('heard.resetting');
    return rows.map((row) => text(row, 'address'));
  }

  #apply(change: Change): boolean {
    const { address, host, jail, at, until } = change;
    const lifted = change.lifted || change.hosts === false ? 1 : 0;
    const named = this.#meta.count('heard.reset');
    const same = `${key} AND at = ? AND until IS ? AND lifted = ?`;
    const query = `UPDATE holders SET named = ? WHERE ${same} RETURNING address`;
    if (this.#sql.all(query, named, address, host, jail, at, until, lifted).length > 0) return false;
    this.#sql.all(
      `INSERT OR REPLACE INTO holders (address, host, jail, at, until, lifted, lifted_at, ended, cursor, named)
         VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
      ...[address, host, jail, at, until, lifted, lifted === 1 ? at : null, this.#holders.last() + 1, named],
    );
    return true;
  }
}
