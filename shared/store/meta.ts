/** Single values by name, and how far each source was read: two tables of a key and a text. */
import { text } from './row.ts';
import type { Sql } from './sql.ts';

export class Meta {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  get(key: string): string | null {
    const row = this.#sql.all('SELECT value FROM meta WHERE key = ?', key)[0];
    return row === undefined ? null : text(row, 'value');
  }

  set(key: string, value: string): void {
    this.#sql.all(
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
      key,
      value,
    );
  }

  delete(key: string): void {
    this.#sql.all('DELETE FROM meta WHERE key = ?', key);
  }

  /** A whole number; 0 where there is none. */
  count(key: string): number {
    return Number(this.get(key) ?? 0);
  }
}

/** `data` is JSON of the source's own making (a file's inode and offset, a journal's cursor). */
export class Positions {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  get(source: string): string | null {
    const row = this.#sql.all('SELECT data FROM positions WHERE source = ?', source)[0];
    return row === undefined ? null : text(row, 'data');
  }

  set(source: string, data: string): void {
    this.#sql.all(
      'INSERT INTO positions (source, data) VALUES (?, ?) ON CONFLICT DO UPDATE SET data = excluded.data',
      source,
      data,
    );
  }

  forget(source: string): void {
    this.#sql.all('DELETE FROM positions WHERE source = ?', source);
  }

  all(): Map<string, string> {
    const rows = this.#sql.all('SELECT source, data FROM positions');
    return new Map(rows.map((row) => [text(row, 'source'), text(row, 'data')]));
  }
}
