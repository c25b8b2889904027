/** The operator's allow list in the ledger, beside the var ALLOW: what stands on it is never banned. */
import { formatPrefix, type Prefix, parsePrefix } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { number, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { AllowedView } from '../shapes.ts';
import { ledgerLimits } from './limits.ts';
import { countOf } from './state.ts';

/** Those of the var come first; nobody knows since when. */
export function viewAllowed(sql: Sql, fromVar: readonly Prefix[]): AllowedView[] {
  const rows = sql.all('SELECT * FROM allowed ORDER BY address');
  const kept = rows.map((row) => ({
    address: text(row, 'address'),
    note: text(row, 'note'),
    at: number(row, 'at'),
    source: 'ledger' as const,
  }));
  const set = fromVar.map((prefix) => ({
    address: formatPrefix(prefix),
    note: '',
    at: null,
    source: 'ALLOW' as const,
  }));
  return [...set, ...kept];
}

export function allowedPrefixes(sql: Sql): Prefix[] {
  return sql.all('SELECT address FROM allowed').flatMap((row) => parsePrefix(text(row, 'address')) ?? []);
}

/** One that is there gets the new note. Throws ERR_CAP_ALLOWED. */
export function addAllowed(sql: Sql, address: Prefix, note: string, now: UnixTime): void {
  const kept = countOf(sql, 'SELECT COUNT(*) AS n FROM allowed WHERE address <> ?', formatPrefix(address));
  if (kept >= ledgerLimits.allowed_max)
    throw new EdgebanError('ERR_CAP_ALLOWED', `the allow list has ${kept} entries already`, {
      remedy: 'take away what is not needed (DELETE /v1/allow/{address}), or write networks',
    });
  sql.all('INSERT OR REPLACE INTO allowed (address, note, at) VALUES (?, ?, ?)', formatPrefix(address), note, now);
}

/** Throws ERR_ALLOWED_UNKNOWN, for an entry of the var too. */
export function dropAllowed(sql: Sql, address: Prefix): void {
  const name = formatPrefix(address);
  if (sql.all('DELETE FROM allowed WHERE address = ? RETURNING address', name).length > 0) return;
  throw new EdgebanError('ERR_ALLOWED_UNKNOWN', `${name} is not on the ledger's allow list`, {
    remedy: 'GET /v1/allow tells what is; an entry of the var ALLOW is taken away there',
  });
}
