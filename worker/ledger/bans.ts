/** The ledger's bans as the operator sees and changes them, and as enforcement wants them. */
import { formatPrefix, type Prefix, parsePrefix, width } from '../../shared/address.ts';
import type { Guard } from '../../shared/engine/guard.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { edgeStateOf } from '../../shared/store/edge-state.ts';
import type { Holder, Holders } from '../../shared/store/holders.ts';
import { number, numberOrNull, text } from '../../shared/store/row.ts';
import type { Sql, SqlRow } from '../../shared/store/sql.ts';
import { type EdgeAction, edgeActions } from '../../shared/ticket.ts';
import { isOver, type Seconds, type UnixTime, untilOf } from '../../shared/time.ts';
import type { BansPage, BanView } from '../shapes.ts';
import { allHosts } from './hosts.ts';
import { ledgerLimits, operatorName } from './limits.ts';

export interface BansParts {
  readonly sql: Sql;
  readonly holders: Holders;
}

const live = 'lifted = 0 AND ended = 0 AND (until IS NULL OR until > ?)';

/** Of the address, or of the narrowest banned network around it. Throws ERR_NOT_BANNED if nobody holds either. */
export function viewBan({ sql, holders }: BansParts, address: Prefix, now: UnixTime): BanView {
  const names = around(address).map(formatPrefix);
  const name = names.find((each) => liveHolders(holders, each, now).length > 0) ?? formatPrefix(address);
  return viewHolders(sql, name, liveHolders(holders, name, now).slice(0, ledgerLimits.holders_shown_max));
}

/** Narrowest first; nothing wider than this can be banned. */
export function around({ family, bits, first }: Prefix): Prefix[] {
  const widest = family === 4 ? 8 : 16;
  return Array.from({ length: Math.max(1, bits - widest + 1) }, (_, n) => {
    const rest = BigInt(width(family) - bits + n);
    return { family, bits: bits - n, first: (first >> rest) << rest };
  });
}

function viewHolders(sql: Sql, name: string, held: readonly Holder[]): BanView {
  const state = edgeStateOf(held);
  if (state === null) throw new EdgebanError('ERR_NOT_BANNED', `${name} is not banned`);
  const names = new Map(allHosts(sql).map((host) => [host.id, host.name]));
  return {
    address: name,
    action: state.edge,
    until: state.until,
    holders: held.map(({ cursor, lifted: _, address: __, ...holder }) => ({
      ...holder,
      seq: cursor,
      name: names.get(holder.host) ?? holder.host,
    })),
  };
}

export function listBans({ sql }: BansParts, after: string, limit: number, now: UnixTime): BansPage {
  const query = `SELECT address, ${edgeActions.map(endsOf).join(', ')} FROM holders WHERE address > ? AND ${live}
    GROUP BY address ORDER BY address LIMIT ?`;
  const rows = sql.all(query, after, now, Math.min(limit, ledgerLimits.bans_page_max) + 1);
  const bans = rows.slice(0, limit).map(listedBan);
  return { bans, next: rows.length > limit ? (bans.at(-1)?.address ?? null) : null };
}

/** How many ask for the action, how many of them for ever, and the last end of the others. */
function endsOf(action: EdgeAction): string {
  const its = `edge = '${action}'`;
  return `SUM(${its}) AS ${action}_n, SUM(${its} AND until IS NULL) AS ${action}_ever,
    MAX(CASE WHEN ${its} THEN until END) AS ${action}_until`;
}

function listedBan(row: SqlRow): BansPage['bans'][number] {
  const action = edgeActions.findLast((each) => number(row, `${each}_n`) > 0) ?? 'block';
  const until = number(row, `${action}_ever`) > 0 ? null : numberOrNull(row, `${action}_until`);
  return { address: text(row, 'address'), action, until };
}

/** True if it changed anything; an end never moves back. Throws ERR_GUARD_…: the guards hold for the operator, too. */
export function addOperatorBan(
  parts: BansParts,
  guard: Guard,
  address: Prefix,
  bantime: Seconds,
  now: UnixTime,
): boolean {
  const refusal = guard.check(address);
  if (refusal !== null) throw new EdgebanError(refusal.code, refusal.message);
  const until = untilOf(now, bantime);
  const holder = { host: operatorName, jail: operatorName, edge: 'block', hosts: true } as const;
  return parts.holders.hold({ address: formatPrefix(address), ...holder, at: now, until });
}

/** Lifts the address for all who hold it; each of them reads it in the feed. Returns how many they were. */
export function liftAll({ holders }: BansParts, address: Prefix, now: UnixTime): number {
  const held = liveHolders(holders, formatPrefix(address), now);
  return held.filter((holder) => liftNow(holders, holder, now)).length;
}

/**
 * Lifts every one of the addresses that is spared; to be called with those that the roll tells. Returns how many holders
 * they had.
 */
export function liftSpared(
  parts: BansParts,
  banned: Iterable<string>,
  isSpared: (prefix: Prefix) => boolean,
  now: UnixTime,
): number {
  const spared = [...banned].flatMap((address) => {
    const prefix = parsePrefix(address);
    return prefix !== null && isSpared(prefix) ? [prefix] : [];
  });
  return spared.reduce((lifted, prefix) => lifted + liftAll(parts, prefix, now), 0);
}

/** Lifts all that one host holds: a key that is no longer trusted leaves no bans. Returns how many they were. */
export function liftHost({ sql, holders }: BansParts, host: string, now: UnixTime): number {
  const rows = sql.all('SELECT address, jail, at FROM holders WHERE host = ? AND lifted = 0 AND ended = 0', host);
  const held = rows.map((row) => ({
    address: text(row, 'address'),
    host,
    jail: text(row, 'jail'),
    at: number(row, 'at'),
  }));
  return held.filter((holder) => liftNow(holders, holder, now)).length;
}

/** A ban may be dated a little ahead of our clock; a lift that is not newer would not count. */
function liftNow(holders: Holders, holder: Pick<Holder, 'address' | 'host' | 'jail' | 'at'>, now: UnixTime): boolean {
  const { address, host, jail, at } = holder;
  return holders.lift({ address, host, jail, at: Math.max(now, at) });
}

function liveHolders(holders: Holders, address: string, now: UnixTime): Holder[] {
  return holders.of(address).filter((holder) => !holder.lifted && !isOver(holder.until, now));
}
