/** The engine's counters, saved so that a crash forgets no failure. */
import type { Counter } from '../ticket.ts';
import { number, numbers, text, textOrNull, texts } from './row.ts';
import type { Sql, SqlRow } from './sql.ts';

/** As the engine's takeDirtyCounters() tells them. */
export interface CounterChanges {
  readonly put: readonly Counter[];
  readonly gone: readonly Pick<Counter, 'jail' | 'id'>[];
}

const put = `INSERT OR REPLACE INTO counters (jail, id, ip, first, time, retry, failures, times, matches)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export class SavedCounters {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Call it in the transaction that also writes the bans and positions to which the counters belong. */
  save(changes: CounterChanges): void {
    for (const { jail, id } of changes.gone) this.#sql.all('DELETE FROM counters WHERE jail = ? AND id = ?', jail, id);
    for (const { jail, id, ip, first, time, retry, failures, times, matches } of changes.put)
      this.#sql.all(put, jail, id, ip, first, time, retry, failures, JSON.stringify(times), JSON.stringify(matches));
  }

  get(jail: string, id: string): Counter | null {
    const row = this.#sql.all('SELECT * FROM counters WHERE jail = ? AND id = ?', jail, id)[0];
    return row === undefined ? null : counterOf(row);
  }

  /** All of them, the longest without a failure first. */
  all(): Counter[] {
    return this.#sql.all('SELECT * FROM counters ORDER BY time').map(counterOf);
  }

  forgetJail(jail: string): void {
    this.#sql.all('DELETE FROM counters WHERE jail = ?', jail);
  }
}

function counterOf(row: SqlRow): Counter {
  return {
    jail: text(row, 'jail'),
    id: text(row, 'id'),
    ip: textOrNull(row, 'ip'),
    first: number(row, 'first'),
    time: number(row, 'time'),
    retry: number(row, 'retry'),
    failures: number(row, 'failures'),
    times: numbers(row, 'times'),
    matches: texts(row, 'matches'),
  };
}
