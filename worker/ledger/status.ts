/** How the ledger stands, for the operator: KV, Cloudflare, hosts. */
import { incidentKinds } from '../../shared/incidents.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { openIncidents } from '../alerts/book.ts';
import type { Enforcement } from '../cloudflare/enforcement.ts';
import type { HostView, StatusView } from '../shapes.ts';
import { allHosts, type Host } from './hosts.ts';
import { ledgerLimits } from './limits.ts';
import { viewRanges } from './ranges.ts';
import type { Roll } from './roll.ts';
import { bansLeft } from './share.ts';
import { snapshotDue } from './snapshot.ts';
import { readBrake, readPanic } from './standing.ts';
import { type LedgerState, readState } from './state.ts';

interface StatusParts {
  readonly sql: Sql;
  /** Up to date. */
  readonly roll: Roll;
}

/** The one that the mode uses; both null in the mode `none`. */
interface EnforcedBy {
  readonly enforcement: Enforcement | null;
  readonly gate: { readonly challenge: 'turnstile' | 'block' } | null;
}

export function viewStatus(
  { sql, roll }: StatusParts,
  { enforcement, gate }: EnforcedBy,
  listeners: number,
  now: UnixTime,
): StatusView {
  const state = readState(sql);
  const hosts = allHosts(sql).filter((host) => host.revokedAt === null);
  return {
    ledger: state.id,
    revision: state.revision,
    bans: roll.addresses,
    hosts: hosts.length,
    over_share: hosts.flatMap((host) => overShare(host, now)),
    listeners,
    recovery: {
      due: enforcement !== null && state.recoveredAt === null,
      at: state.recoveredAt === 0 ? null : state.recoveredAt,
      bans: state.recovered,
      refused: state.recoveryRefused,
    },
    panic: readPanic(sql),
    brake: readBrake(sql),
    ranges: viewRanges(sql),
    snapshot: {
      current: state.snapshotRevision === state.revision,
      written_at: state.snapshotAt,
      error: state.snapshotError,
      due_at: snapshotDue(state),
    },
    enforcement: enforcedBy(enforcement, gate, state, now),
    incidents: openIncidents(sql).map(({ kind, about, text, since }) => ({
      kind,
      about,
      title: incidentKinds[kind].title,
      text,
      since,
    })),
  };
}

/** In the mode `gate` what KV holds is enforced. */
function enforcedBy(
  enforcement: Enforcement | null,
  gate: EnforcedBy['gate'],
  state: LedgerState,
  now: UnixTime,
): StatusView['enforcement'] {
  const detail = enforcement?.status(now) ?? { mode: 'none' };
  const former = [...(enforcement?.former(now) ?? [])];
  const isWritten = state.snapshotRevision === state.revision;
  if (gate !== null) return { mode: 'gate', current: isWritten, detail: null, former, gate };
  if (detail.mode === 'none') return { mode: 'none', current: true, detail: null, former };
  return { mode: detail.mode, current: detail.inStep && state.enforcedRevision === state.revision, detail, former };
}

function overShare({ id, name, refused }: Host, now: UnixTime): StatusView['over_share'] {
  if (refused === null || refused.at <= now - ledgerLimits.refusal_told) return [];
  return [{ host: id, name, code: refused.code, refused: refused.count, at: refused.at }];
}

/** `isLive`: does a host of this id listen to the feed? */
export function viewHosts({ sql, roll }: StatusParts, isLive: (id: string) => boolean, now: UnixTime): HostView[] {
  return allHosts(sql).map(({ id, name, enrolledAt, seenAt, revokedAt, version, lag }) => ({
    id,
    name,
    enrolled_at: enrolledAt,
    seen_at: seenAt,
    revoked_at: revokedAt,
    live: isLive(id),
    version,
    lag,
    holders: roll.heldBy(id).bans,
    share: {
      held: roll.heldBy(id).weight,
      held_max: ledgerLimits.held_per_host_max,
      bans_left: revokedAt === null ? Math.floor(bansLeft(sql, id, now)) : 0,
    },
  }));
}
