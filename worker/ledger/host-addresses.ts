/** From where the hosts' signed requests come: such addresses are never banned. */
import { formatPrefix, type Prefix, parsePrefix } from '../../shared/address.ts';
import { Guard } from '../../shared/engine/guard.ts';
import { number, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { ledgerLimits } from './limits.ts';

/** What nobody bans anyway need not be remembered. */
const floor = new Guard();

/**
 * Notes that a verified request of the host has come from there; true if that was not known. A host has so many
 * addresses at the most: a further one is noted only in the place of one that was not seen for a day, so that a stolen
 * key spares few of its thief's.
 */
export function noteAddress(sql: Sql, host: string, place: string, now: UnixTime): boolean {
  const [known] = sql.all('SELECT seen_at FROM host_addresses WHERE host = ? AND address = ?', host, place);
  if (known !== undefined) {
    if (now - number(known, 'seen_at') >= ledgerLimits.host_address_step)
      sql.all('UPDATE host_addresses SET seen_at = ? WHERE host = ? AND address = ?', now, host, place);
    return false;
  }
  const prefix = parsePrefix(place);
  if (prefix === null || floor.check(prefix) !== null || !hasRoom(sql, host, now)) return false;
  sql.all('INSERT INTO host_addresses (host, address, seen_at) VALUES (?, ?, ?)', host, formatPrefix(prefix), now);
  return true;
}

/** Makes room, where that is possible. */
function hasRoom(sql: Sql, host: string, now: UnixTime): boolean {
  const rows = sql.all('SELECT address, seen_at FROM host_addresses WHERE host = ? ORDER BY seen_at', host);
  const [oldest] = rows;
  if (oldest === undefined || rows.length < ledgerLimits.addresses_per_host_max) return true;
  if (now - number(oldest, 'seen_at') < ledgerLimits.host_address_rest) return false;
  sql.all('DELETE FROM host_addresses WHERE host = ? AND address = ?', host, text(oldest, 'address'));
  return true;
}

export function hostAddresses(sql: Sql): Prefix[] {
  return sql
    .all('SELECT DISTINCT address FROM host_addresses')
    .flatMap((row) => parsePrefix(text(row, 'address')) ?? []);
}

export function forgetAddresses(sql: Sql, host: string): void {
  sql.all('DELETE FROM host_addresses WHERE host = ?', host);
}

/** Those from which nothing has come for a long time. */
export function sweepAddresses(sql: Sql, now: UnixTime): void {
  sql.all('DELETE FROM host_addresses WHERE seen_at < ?', now - ledgerLimits.host_address_life);
}
