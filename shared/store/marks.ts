/** What actions that run commands have done: a command leaves nothing else behind by which that could be seen. */
import { text } from './row.ts';
import type { Sql } from './sql.ts';

/** `data` is JSON of the action's own making. */
export interface Mark {
  readonly id: string;
  readonly data: string;
}

/** An id is a ban's, or empty for the action itself. */
export class Marks {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Of which actions there are marks. */
  owners(): { readonly jail: string; readonly action: string }[] {
    const rows = this.#sql.all('SELECT DISTINCT jail, action FROM action_marks');
    return rows.map((row) => ({ jail: text(row, 'jail'), action: text(row, 'action') }));
  }

  of(jail: string, action: string): Mark[] {
    const rows = this.#sql.all('SELECT id, data FROM action_marks WHERE jail = ? AND action = ?', jail, action);
    return rows.map((row) => ({ id: text(row, 'id'), data: text(row, 'data') }));
  }

  set(jail: string, action: string, id: string, data: string): void {
    this.#sql.all(
      `INSERT INTO action_marks (jail, action, id, data) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET data = excluded.data`,
      ...[jail, action, id, data],
    );
  }

  drop(jail: string, action: string, id: string): void {
    this.#sql.all('DELETE FROM action_marks WHERE jail = ? AND action = ? AND id = ?', jail, action, id);
  }

  clear(jail: string, action: string): void {
    this.#sql.all('DELETE FROM action_marks WHERE jail = ? AND action = ?', jail, action);
  }
}
