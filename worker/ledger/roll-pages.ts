/** The roll on disk: a thousand bans to a row, so that a ledger that wakes reads few rows (a free plan counts them). */
import { z } from 'zod';
import { number, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { edgeActions } from '../../shared/ticket.ts';
import type { Entry } from './roll.ts';

/** A Durable Object's row may have 2 MB; an entry has 400 bytes at the most. */
const page_entries = 1_000;

const Row = z.tuple([z.string(), z.string(), z.string(), z.number(), z.number().nullable(), z.enum(edgeActions)]);
const Page = z.array(Row);

export interface Pages {
  /** The feed's newest cursor when they were written. */
  readonly cursor: number;
  readonly entries: readonly Entry[];
}

/** Belongs into a transaction of the caller's. */
export function savePages(sql: Sql, cursor: number, entries: readonly Entry[]): void {
  dropPages(sql);
  for (let first = 0, page = 0; page === 0 || first < entries.length; first += page_entries, page++) {
    const rows = entries
      .slice(first, first + page_entries)
      .map(({ address, host, jail, at, until, edge }) => [address, host, jail, at, until, edge]);
    sql.all('INSERT INTO roll_pages (page, cursor, entries) VALUES (?, ?, ?)', page, cursor, JSON.stringify(rows));
  }
}

/** Null if there are none. */
export function loadPages(sql: Sql): Pages | null {
  const rows = sql.all('SELECT cursor, entries FROM roll_pages ORDER BY page');
  const [first] = rows;
  if (first === undefined) return null;
  const entries = rows.flatMap((row) => Page.parse(JSON.parse(text(row, 'entries'))).map(entryOf));
  return { cursor: number(first, 'cursor'), entries };
}

function entryOf([address, host, jail, at, until, edge]: z.infer<typeof Row>): Entry {
  return { address, host, jail, at, until, edge };
}

export function dropPages(sql: Sql): void {
  sql.all('DELETE FROM roll_pages');
}
