/** The KV snapshot of all bans: when it is due, its budget of writes, and the writing. */
import { messageOf } from '../../shared/errors.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { BanList, encodeBanList, type ListedBan } from '../ban-list.ts';
import { log } from '../problem.ts';
import { pace } from './limits.ts';
import { type LedgerState, readState } from './state.ts';

/** KV may show so long what was there before a write, in seconds. */
const kv_delay_max = 120;

/** The one KV key. Its value is in the form of worker/ban-list.ts. */
export const snapshotKey = 'bans';

/** What of KV it takes. */
export interface SnapshotStore {
  put(key: string, value: Uint8Array, options: { readonly expirationTtl: number }): Promise<void>;
  get(key: string, type: 'arrayBuffer'): Promise<ArrayBuffer | null>;
}

/** When the snapshot is to be written next. */
export function snapshotDue(state: LedgerState): UnixTime {
  const { snapshotAt, snapshotTriedAt, snapshotError } = state;
  if (state.revision === state.snapshotRevision && snapshotAt !== null) return snapshotAt + pace.snapshot_refresh;
  const gap = snapshotError === null ? pace.snapshot_gap_min : pace.retry_after;
  return Math.max(snapshotTriedAt === null ? 0 : snapshotTriedAt + gap, tokenDue(state));
}

/** Writes the snapshot if it is due; a failed write is kept in the state and tried again. Returns why it failed. */
export async function writeSnapshot(
  sql: Sql,
  kv: SnapshotStore,
  bans: () => readonly ListedBan[],
  now: UnixTime,
): Promise<string | null> {
  const state = readState(sql);
  if (snapshotDue(state) > now) return null;
  spendToken(sql, state, now);
  try {
    const bytes = encodeBanList(bans(), state.revision, now);
    await kv.put(snapshotKey, bytes, { expirationTtl: pace.snapshot_ttl });
  } catch (error) {
    const message = messageOf(error);
    sql.all('UPDATE ledger SET snapshot_error = ?', message);
    return message;
  }
  sql.all('UPDATE ledger SET snapshot_revision = ?, snapshot_at = ?, snapshot_error = NULL', state.revision, now);
  return null;
}

/** Reads whether KV still has what was written: somebody may have emptied it. If not, it is due again. */
export async function checkSnapshot(sql: Sql, kv: SnapshotStore, now: UnixTime): Promise<void> {
  const { revision, snapshotRevision, snapshotAt } = readState(sql);
  const settled = snapshotAt !== null && revision === snapshotRevision && now - snapshotAt > kv_delay_max;
  if (!settled) return;
  const bytes = await kv.get(snapshotKey, 'arrayBuffer');
  if (bytes !== null && BanList.open(bytes) !== null) return;
  log('snapshot-lost', { written_at: snapshotAt });
  sql.all('UPDATE ledger SET snapshot_at = NULL');
}

/** Spent before the write, so that no crash makes room for more than the day's budget. */
function spendToken(sql: Sql, state: LedgerState, now: UnixTime): void {
  const tokens = tokensAt(state, now) - 1;
  sql.all('UPDATE ledger SET write_tokens = ?, write_tokens_at = ?, snapshot_tried_at = ?', tokens, now, now);
}

/** KV writes that may be made at once. */
export function writesLeft(state: LedgerState, now: UnixTime): number {
  return Math.floor(tokensAt(state, now));
}

function tokensAt({ writeTokens, writeTokensAt }: LedgerState, now: UnixTime): number {
  const refill = Math.max(0, now - writeTokensAt) / pace.snapshot_write_refill;
  return Math.min(pace.snapshot_writes_burst, writeTokens + refill);
}

/** When there is a whole token. */
function tokenDue({ writeTokens, writeTokensAt }: LedgerState): UnixTime {
  return writeTokens >= 1 ? 0 : writeTokensAt + (1 - writeTokens) * pace.snapshot_write_refill;
}
