/** A ledger that was lost begins empty: it takes over the bans that Cloudflare and KV still have, instead of lifting them. */
import { formatPrefix, parsePrefix } from '../../shared/address.ts';
import type { Guard } from '../../shared/engine/guard.ts';
import type { Holders, Holding } from '../../shared/store/holders.ts';
import { number, numberOrNull, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { isOver, laterOf, type UnixTime } from '../../shared/time.ts';
import { BanList } from '../ban-list.ts';
import type { Wanted } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import { ledgerLimits, recoveredName } from './limits.ts';
import { noteChange, readState } from './state.ts';

interface RecoveryParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly guard: Guard;
}

/** What is left of the lost ledger's bans. */
export interface Remains {
  /** At Cloudflare, with our mark. */
  readonly found: readonly Wanted[];
  /** In KV; null: nothing. */
  readonly snapshot: ArrayBuffer | null;
}

/** Has nobody looked yet what an empty ledger finds outside? Nothing may be removed there until then. */
export function recoveryDue(sql: Sql): boolean {
  return readState(sql).recoveredAt === null;
}

/**
 * Takes over what was found, at most `recovered_max` bans: each address is held by `recovered` for the jail and until
 * the time that its comment tells, unless that is over or a guard forbids it. KV knows newer
 * ends, but no jails. In one transaction with the note that it has been done.
 */
export function takeOver(parts: RecoveryParts, remains: Remains, now: UnixTime): void {
  const { sql } = parts;
  const running = runningBans(remains, now);
  const taken = sql.transaction(() => {
    const held = running.filter((ban) => takeOne(parts, ban, now)).length;
    const query = 'UPDATE ledger SET recovered_at = ?, recovered = ?, recovery_refused = ?';
    sql.all(query, now, held, running.length - held);
    if (held > 0) noteChange(sql);
    return held;
  });
  if (running.length > 0) log('recovered', { bans: taken, refused: running.length - taken });
}

function runningBans({ found, snapshot }: Remains, now: UnixTime): readonly Wanted[] {
  const { recovered_max } = ledgerLimits;
  const kept = snapshot === null ? [] : (BanList.open(snapshot)?.bans(now, recovered_max) ?? []);
  const bans = new Map(found.map((ban) => [ban.address, ban]));
  for (const ban of kept) {
    const known = bans.get(ban.address) ?? { ...ban, comment: '' };
    const action = known.action === 'block' ? 'block' : ban.action;
    bans.set(ban.address, { ...known, action, until: laterOf(known.until, ban.until) });
  }
  return [...bans.values()].filter(({ until }) => !isOver(until, now)).slice(0, recovered_max);
}

function takeOne({ holders, guard }: RecoveryParts, ban: Wanted, now: UnixTime): boolean {
  const { address, action, comment, until } = ban;
  const prefix = parsePrefix(address);
  if (prefix === null || guard.check(prefix) !== null) return false;
  const jail = comment || recoveredName;
  // a host has no challenge: it would block
  const hosts = action === 'block';
  return holders.hold({
    address: formatPrefix(prefix),
    host: recoveredName,
    jail,
    at: now,
    until,
    edge: action,
    hosts,
  });
}

/**
 * A host tells a ban again whose ledger was lost: from now on it is the host's, who can lift it. Only the ban of the
 * same jail goes over, or one that ends no later: another host's longer one waits for that host.
 */
export function handOver({ sql, holders }: Omit<RecoveryParts, 'guard'>, ban: Holding, now: UnixTime): void {
  const query = 'SELECT jail, at, until FROM holders WHERE address = ? AND host = ? AND lifted = 0 AND ended = 0';
  for (const row of sql.all(query, ban.address, recoveredName)) {
    const jail = text(row, 'jail');
    const until = numberOrNull(row, 'until');
    // comments and KV tell ends in whole seconds, rounded up
    const covers = ban.until === null || (until !== null && ban.until + 1 > until);
    if (jail !== ban.jail && !covers) continue;
    holders.lift({ address: ban.address, host: recoveredName, jail, at: Math.max(now, number(row, 'at')) });
  }
}
