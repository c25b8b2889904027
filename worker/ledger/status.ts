/** How the ledger stands, for the operator: KV, Cloudflare, hosts. */
import type { UnixTime } from '../../shared/time.ts';
import type { Enforcement } from '../cloudflare/enforcement.ts';
import type { HostView, StatusView } from '../shapes.ts';
import { type BansParts, countBans } from './bans.ts';
import { allHosts } from './hosts.ts';
import { snapshotDue } from './snapshot.ts';
import { type LedgerState, readState } from './state.ts';

export function viewStatus(
  parts: BansParts,
  enforcement: Enforcement | null,
  listeners: number,
  now: UnixTime,
): StatusView {
  const state = readState(parts.sql);
  return {
    ledger: state.id,
    revision: state.revision,
    bans: countBans(parts, now),
    hosts: allHosts(parts.sql).filter((host) => host.revokedAt === null).length,
    listeners,
    snapshot: {
      current: state.snapshotRevision === state.revision,
      written_at: state.snapshotAt,
      error: state.snapshotError,
      due_at: snapshotDue(state),
    },
    enforcement:
      enforcement === null ? { mode: 'none', current: true, detail: null } : following(enforcement, state, now),
  };
}

function following(enforcement: Enforcement, state: LedgerState, now: UnixTime): StatusView['enforcement'] {
  const detail = enforcement.status(now);
  return { mode: detail.mode, current: detail.inStep && state.enforcedRevision === state.revision, detail };
}

/** `isLive`: does a host of this id listen to the feed? */
export function viewHosts({ sql, holders }: BansParts, isLive: (id: string) => boolean): HostView[] {
  return allHosts(sql).map(({ id, name, enrolledAt, seenAt, revokedAt }) => ({
    id,
    name,
    enrolled_at: enrolledAt,
    seen_at: seenAt,
    revoked_at: revokedAt,
    live: isLive(id),
    holders: holders.heldBy(id),
  }));
}
