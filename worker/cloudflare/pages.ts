/** What enforcement remembers of Cloudflare's items and rules, many to a row: a free plan counts rows read and written. */
import type { z } from 'zod';
import { text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';

/**
 * `cf_page`: entries of one kind (the list's items, the rules of a scope) whose ids fall into the page. 10,000 of them
 * are 16 rows of about 80 KB; a Durable Object's row may have 2 MB.
 */
const table = `
CREATE TABLE IF NOT EXISTS cf_page (
  kind TEXT NOT NULL, page INTEGER NOT NULL, entries TEXT NOT NULL, PRIMARY KEY (kind, page)
) WITHOUT ROWID;
`;
const pages_of_a_kind = 16;

/** Makes the table; true if the tables of before were there, whose rows are given up and read from Cloudflare anew. */
export function createPages(sql: Sql, former: string): boolean {
  sql.script(table);
  const there = sql.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", former).length > 0;
  if (there) sql.script(`DROP TABLE ${former}`);
  return there;
}

/** Entries by id, in memory once they were needed; changes are written by save(), a row for each page they touch. */
export class Pages<T extends { readonly id: string }> {
  readonly #sql: Sql;
  readonly #kind: string;
  readonly #shape: z.ZodType<readonly T[]>;
  readonly #touched = new Set<number>();
  #entries: Map<string, T> | null = null;

  constructor(sql: Sql, kind: string, shape: z.ZodType<readonly T[]>) {
    this.#sql = sql;
    this.#kind = kind;
    this.#shape = shape;
  }

  get all(): ReadonlyMap<string, T> {
    return this.#known();
  }

  set(entry: T): void {
    const known = this.#known();
    if (JSON.stringify(known.get(entry.id)) === JSON.stringify(entry)) return;
    known.set(entry.id, entry);
    this.#touched.add(pageOf(entry.id));
  }

  delete(id: string): void {
    if (this.#known().delete(id)) this.#touched.add(pageOf(id));
  }

  replace(next: readonly T[]): void {
    const kept = new Set(next.map(({ id }) => id));
    for (const id of [...this.#known().keys()]) if (!kept.has(id)) this.delete(id);
    for (const entry of next) this.set(entry);
  }

  save(): void {
    if (this.#touched.size === 0) return;
    const byPage = Map.groupBy(this.#known().values(), ({ id }) => pageOf(id));
    for (const page of this.#touched) this.#write(page, byPage.get(page) ?? []);
    this.#touched.clear();
  }

  /** Forgets all of the kind, in memory and on disk. */
  clear(): void {
    this.#entries = new Map();
    this.#touched.clear();
    this.#sql.all('DELETE FROM cf_page WHERE kind = ?', this.#kind);
  }

  #write(page: number, entries: readonly T[]): void {
    if (entries.length === 0) this.#sql.all('DELETE FROM cf_page WHERE kind = ? AND page = ?', this.#kind, page);
    else {
      const values = [this.#kind, page, JSON.stringify(entries)];
      this.#sql.all('INSERT OR REPLACE INTO cf_page VALUES (?, ?, ?)', ...values);
    }
  }

  #known(): Map<string, T> {
    this.#entries ??= this.#load();
    return this.#entries;
  }

  #load(): Map<string, T> {
    const rows = this.#sql.all('SELECT entries FROM cf_page WHERE kind = ? ORDER BY page', this.#kind);
    const read = rows.map((row) => this.#shape.parse(JSON.parse(text(row, 'entries'))));
    return new Map(read.flat().map((entry) => [entry.id, entry]));
  }
}

/** FNV-1a. */
function pageOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % pages_of_a_kind;
}
