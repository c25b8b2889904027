/** What enforcement remembers of Cloudflare's items and rules, many to a row: a free plan counts rows read and written. */
import type { z } from 'zod';
import { number, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';

/**
 * `cf_page`: entries of one kind (the list's items, the rules of a scope) whose keys fall into the page. 50,000 rules
 * are 16 rows of about 400 KB, 10,000 items are 4 of about 300 KB; a Durable Object's row may have 2 MB.
 * A few are one row.
 */
const table = `
CREATE TABLE IF NOT EXISTS cf_page (
  kind TEXT NOT NULL, page INTEGER NOT NULL, entries TEXT NOT NULL, PRIMARY KEY (kind, page)
) WITHOUT ROWID;
`;

/** Makes the table; true if the tables of before were there, whose rows are given up and read from Cloudflare anew. */
export function createPages(sql: Sql, former: string): boolean {
  sql.script(table);
  const there = sql.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", former).length > 0;
  if (there) sql.script(`DROP TABLE ${former}`);
  return there;
}

const few = 500;

interface PagesForm<T> {
  /** How many there are of the kind, where it has more than a few entries. */
  readonly pages: number;
  /** What an entry's page is found by. */
  readonly keyOf: (entry: T) => string;
}

/** Entries by id, in memory once they were needed; changes are written by save(), a row for each page they touch. */
export class Pages<T extends { readonly id: string }> {
  readonly #sql: Sql;
  readonly #kind: string;
  readonly #shape: z.ZodType<readonly T[]>;
  readonly #form: PagesForm<T>;
  /** Hashes of the keys of what has changed since the last save(). */
  readonly #touched = new Set<number>();
  /** How many pages there are on disk. */
  #pages = 1;
  #entries: Map<string, T> | null = null;

  constructor(
    sql: Sql,
    kind: string,
    shape: z.ZodType<readonly T[]>,
    form: PagesForm<T> = { pages: 16, keyOf: ({ id }) => id },
  ) {
    this.#sql = sql;
    this.#kind = kind;
    this.#shape = shape;
    this.#form = form;
  }

  get all(): ReadonlyMap<string, T> {
    return this.#known();
  }

  set(entry: T): void {
    const known = this.#known();
    if (JSON.stringify(known.get(entry.id)) === JSON.stringify(entry)) return;
    known.set(entry.id, entry);
    this.#touched.add(this.#hashOf(entry));
  }

  delete(id: string): void {
    const entry = this.#known().get(id);
    if (entry === undefined) return;
    this.#known().delete(id);
    this.#touched.add(this.#hashOf(entry));
  }

  replace(next: readonly T[]): void {
    const kept = new Set(next.map(({ id }) => id));
    for (const id of [...this.#known().keys()]) if (!kept.has(id)) this.delete(id);
    for (const entry of next) this.set(entry);
  }

  save(): void {
    if (this.#touched.size === 0) return;
    const pages = this.#known().size <= few ? 1 : this.#form.pages;
    const byPage = Map.groupBy(this.#known().values(), (entry) => this.#hashOf(entry) % pages);
    const touched = new Set([...this.#touched].map((hash) => hash % pages));
    // all are written when their number changes
    if (pages !== this.#pages) for (let page = 0; page < this.#form.pages; page++) touched.add(page);
    for (const page of touched) this.#write(page, byPage.get(page) ?? []);
    this.#pages = pages;
    this.#touched.clear();
  }

  /** Forgets all of the kind, in memory and on disk. */
  clear(): void {
    this.#entries = new Map();
    this.#touched.clear();
    this.#pages = 1;
    this.#sql.all('DELETE FROM cf_page WHERE kind = ?', this.#kind);
  }

  #write(page: number, entries: readonly T[]): void {
    if (entries.length === 0) this.#sql.all('DELETE FROM cf_page WHERE kind = ? AND page = ?', this.#kind, page);
    else {
      const values = [this.#kind, page, JSON.stringify(entries)];
      this.#sql.all('INSERT OR REPLACE INTO cf_page VALUES (?, ?, ?)', ...values);
    }
  }

  #hashOf(entry: T): number {
    return hashOf(this.#form.keyOf(entry));
  }

  #known(): Map<string, T> {
    this.#entries ??= this.#load();
    return this.#entries;
  }

  #load(): Map<string, T> {
    const rows = this.#sql.all('SELECT page, entries FROM cf_page WHERE kind = ? ORDER BY page', this.#kind);
    this.#pages = rows.every((row) => number(row, 'page') === 0) ? 1 : this.#form.pages;
    const read = rows.map((row) => this.#shape.parse(JSON.parse(text(row, 'entries'))));
    return new Map(read.flat().map((entry) => [entry.id, entry]));
  }
}

/** FNV-1a. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
