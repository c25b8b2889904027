/** The ledger's one row of state: its identity, how often it has changed, and how far KV and Cloudflare have followed. */
import { Holders } from '../../shared/store/holders.ts';
import { number, numberOrNull, text, textOrNull } from '../../shared/store/row.ts';
import type { Sql, SqlRow, SqlValue } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';

export interface LedgerState {
  readonly id: string;
  /** Grows with every change of what is effectively banned: the feed's cursor, and a count of what moves no cursor. */
  readonly revision: number;
  /** The revision that KV has. */
  readonly snapshotRevision: number;
  readonly snapshotAt: UnixTime | null;
  readonly snapshotTriedAt: UnixTime | null;
  readonly snapshotError: string | null;
  readonly writeTokens: number;
  readonly writeTokensAt: UnixTime;
  /** The revision that enforcement has been handed. */
  readonly enforcedRevision: number;
  readonly enforcedAt: UnixTime | null;
  /** When enforcement wants to be called again. */
  readonly enforceAgain: UnixTime | null;
  readonly sweptAt: UnixTime;
  readonly purgedAt: UnixTime;
  /** The feed's newest cursor at that time. */
  readonly purgedCursor: number;
  /** When an empty ledger has taken over what it found at Cloudflare; null: not yet. 0: it was never empty. */
  readonly recoveredAt: UnixTime | null;
  readonly recovered: number;
  /** Found, but a guard forbids it. */
  readonly recoveryRefused: number;
}

export function readState(sql: Sql): LedgerState {
  const row = onlyRow(sql.all('SELECT * FROM ledger'));
  return {
    id: text(row, 'id'),
    revision: number(row, 'revision') + new Holders(sql).last(),
    snapshotRevision: number(row, 'snapshot_revision'),
    snapshotAt: numberOrNull(row, 'snapshot_at'),
    snapshotTriedAt: numberOrNull(row, 'snapshot_tried_at'),
    snapshotError: textOrNull(row, 'snapshot_error'),
    writeTokens: number(row, 'write_tokens'),
    writeTokensAt: number(row, 'write_tokens_at'),
    enforcedRevision: number(row, 'enforced_revision'),
    enforcedAt: numberOrNull(row, 'enforced_at'),
    enforceAgain: numberOrNull(row, 'enforce_again'),
    sweptAt: number(row, 'swept_at'),
    purgedAt: number(row, 'purged_at'),
    purgedCursor: number(row, 'purged_cursor'),
    recoveredAt: numberOrNull(row, 'recovered_at'),
    recovered: number(row, 'recovered'),
    recoveryRefused: number(row, 'recovery_refused'),
  };
}

/** What is to be enforced has changed, though no holder has. */
export function noteChange(sql: Sql): void {
  sql.all('UPDATE ledger SET revision = revision + 1');
}

/** As noteChange(), and KV is written at once, whatever the day's budget: it keeps a few writes beyond that. */
export function noteUrgent(sql: Sql): void {
  sql.all('UPDATE ledger SET revision = revision + 1, snapshot_tried_at = NULL, write_tokens = MAX(write_tokens, 1)');
}

/** Bans have ended by themselves: KV knows their ends and need not be written for that, if it was up to date. */
export function noteExpiry(sql: Sql): void {
  const { revision, snapshotRevision } = readState(sql);
  const told = revision === snapshotRevision ? 1 : 0;
  sql.all('UPDATE ledger SET revision = revision + 1, snapshot_revision = snapshot_revision + ?', told);
}

export function noteEnforced(sql: Sql, revision: number, again: UnixTime | null, now: UnixTime): void {
  sql.all('UPDATE ledger SET enforced_revision = ?, enforce_again = ?, enforced_at = ?', revision, again, now);
}

/** Enforcement is due. */
export function noteHurry(sql: Sql): void {
  sql.all('UPDATE ledger SET enforce_again = 0');
}

export function noteSwept(sql: Sql, now: UnixTime): void {
  sql.all('UPDATE ledger SET swept_at = ?', now);
}

export function notePurged(sql: Sql, cursor: number, now: UnixTime): void {
  sql.all('UPDATE ledger SET purged_at = ?, purged_cursor = ?', now, cursor);
}

/** The `n` of a counting query. */
export function countOf(sql: Sql, query: string, ...values: readonly SqlValue[]): number {
  return number(onlyRow(sql.all(query, ...values)), 'n');
}

function onlyRow(rows: readonly SqlRow[]): SqlRow {
  const row = rows[0];
  if (row === undefined) throw new Error('the query gave no row');
  return row;
}
