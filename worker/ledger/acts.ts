/** The ledger's own record of what was done by hand: who, when, what. */
import { number, text, textOrNull } from '../../shared/store/row.ts';
import type { Sql, SqlRow } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Act, Acts } from '../../shared/view.ts';
import type { ActsPage } from '../shapes.ts';
import { ledgerLimits, operatorName } from './limits.ts';

/** Who asks: `place` is the address from which the request came, null where nobody knows. */
export interface Person {
  readonly who: string;
  readonly place: string | null;
}

/** The ledger's own decisions: the brake, Cloudflare's ranges. */
export const itself: Person = { who: 'ledger', place: null };

/** `name`: what who has logged in to the dashboard is called; '': nobody has said. */
export function operatorAt(place: string | null, name = ''): Person {
  return { who: name === '' ? operatorName : `${operatorName} ${name}`, place };
}

export type ActName =
  | 'enroll-token'
  | 'enrolled'
  | 'rotated'
  | 'revoked'
  | 'ban'
  | 'lift'
  | 'allow'
  | 'disallow'
  | 'panic'
  | 'resume'
  | 'brake'
  | 'brake-released'
  | 'ranges'
  | 'login'
  | 'logout';

const about_length_max = 300;

/** Belongs into the transaction of the act. `about`: what it was done to, never a secret. */
export function noteAct(sql: Sql, { who, place }: Person, what: ActName, about: string, now: UnixTime): void {
  const shown = about.replace(/[^\x20-\x7e]+/g, ' ').slice(0, about_length_max);
  const [row] = sql.all(
    'INSERT INTO acts (at, who, place, what, about) VALUES (?, ?, ?, ?, ?) RETURNING n',
    ...[now, who, place, what, shown],
  );
  if (row !== undefined) sql.all('DELETE FROM acts WHERE n <= ?', number(row, 'n') - ledgerLimits.acts_max);
}

/** In the order in which they were done. */
export function listActs(sql: Sql, after: number, limit: number): ActsPage {
  const rows = sql.all('SELECT * FROM acts WHERE n > ? ORDER BY n LIMIT ?', after, limit + 1);
  const acts = rows.slice(0, limit).map(actOf);
  return { acts, next: rows.length > limit ? (acts.at(-1)?.n ?? null) : null };
}

/** Newest first, those before the act `before`; null: from the newest on. */
export function newestActs(sql: Sql, before: number | null, limit: number): Acts {
  const rows = sql.all(
    'SELECT * FROM acts WHERE n < ? ORDER BY n DESC LIMIT ?',
    ...[before ?? Number.MAX_SAFE_INTEGER, limit + 1],
  );
  const acts = rows.slice(0, limit).map(actOf);
  return { acts, next: rows.length > limit ? (acts.at(-1)?.n ?? null) : null };
}

/** What was done to the address, newest first, as far as the last `acts_searched_max` acts tell. */
export function actsAbout(sql: Sql, address: string): Act[] {
  const query = `SELECT * FROM (SELECT * FROM acts ORDER BY n DESC LIMIT ?)
    WHERE about = ? OR substr(about, 1, ?) = ? ORDER BY n DESC LIMIT ?`;
  const { acts_searched_max, acts_shown_max } = ledgerLimits;
  const beginning = `${address} `;
  return sql.all(query, acts_searched_max, address, beginning.length, beginning, acts_shown_max).map(actOf);
}

export function actOf(row: SqlRow): Act {
  return {
    n: number(row, 'n'),
    at: number(row, 'at'),
    who: text(row, 'who'),
    place: textOrNull(row, 'place'),
    what: text(row, 'what'),
    about: text(row, 'about'),
  };
}
