/** The ledger's work that nobody waits for: expiry, the KV snapshot, Cloudflare, sweeping; and when it is next due. */

import type { Guard } from '../../shared/engine/guard.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { ListedBan } from '../ban-list.ts';
import type { Enforcement } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import { type Chore, nextChore } from './chores.ts';
import { sweepAddresses } from './host-addresses.ts';
import { sweepTokens } from './hosts.ts';
import { pace } from './limits.ts';
import { type Remains, recoveryDue, takeOver } from './recovery.ts';
import type { Roll } from './roll.ts';
import { checkSnapshot, type SnapshotStore, snapshotDue, snapshotKey, writeSnapshot } from './snapshot.ts';
import { stanceOf } from './standing.ts';
import { type LedgerState, noteEnforced, noteExpiry, notePurged, noteSwept, readState } from './state.ts';

export interface WorkParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly roll: Roll;
  readonly kv: SnapshotStore;
  /** Null: nothing is changed at Cloudflare. */
  readonly enforcement: Enforcement | null;
  /** What may be taken over from Cloudflare; throws ERR_SETTINGS. */
  readonly guard: () => Guard;
  readonly chores: readonly Chore[];
  /** Tells people what is wrong. */
  readonly watch?: { due(): UnixTime; run(now: UnixTime): Promise<void> };
  readonly now: () => UnixTime;
}

/** Does what is due; each stage fails for itself and comes again. Never throws. */
export async function work(parts: WorkParts): Promise<void> {
  await stage('expiry', () => expire(parts));
  const surveyed = recoveryDue(parts.sql);
  if (surveyed) await stage('recovery', () => recover(parts));
  const due = parts.chores.filter((chore) => chore.due() <= parts.now());
  for (const chore of due) await stage(chore.name, () => chore.run(parts.now()));
  await stage('roll', () => follow(parts));
  // an empty ledger would wipe out what it has not yet taken over
  const outwards = !recoveryDue(parts.sql);
  await Promise.all([
    ...(outwards ? [stage('snapshot', () => snapshot(parts))] : []),
    // with a step they would make more requests than one invocation may
    ...(outwards && !surveyed && !due.some(({ asksMuch }) => asksMuch)
      ? [stage('enforcement', () => enforce(parts))]
      : []),
    stage('sweeping', () => sweep(parts, outwards)),
    stage('alerts', async () => await parts.watch?.run(parts.now())),
  ]);
}

/** When work() has something to do next, whatever its mode. */
export function nextWork(parts: Omit<WorkParts, 'now' | 'kv' | 'roll' | 'guard'>): UnixTime {
  const { sql, holders, enforcement, chores, watch } = parts;
  const state = readState(sql);
  const expiry = (holders.nextExpiry() ?? Number.POSITIVE_INFINITY) + pace.expiry_gather;
  const watching = watch?.due() ?? Number.POSITIVE_INFINITY;
  const sweeping = Math.min(state.sweptAt + pace.sweep_every, nextChore(chores), watching);
  if (recoveryDue(sql)) return Math.min(expiry, surveyDue(state), sweeping);
  const enforcing = enforcement === null ? Number.POSITIVE_INFINITY : enforcementDue(sql, enforcement);
  return Math.min(expiry, enforcing, snapshotDue(state), sweeping);
}

async function stage(name: string, run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    log('ERR_INTERNAL', { stage: name, message: messageOf(error) });
  }
}

function expire({ sql, holders, now }: WorkParts): void {
  for (let batch = 0; batch < pace.expire_batches_max; batch++) {
    const ended = sql.transaction(() => {
      const addresses = holders.expire(now(), pace.expire_batch);
      if (addresses.length > 0) noteExpiry(sql);
      return addresses.length;
    });
    if (ended > 0) log('expired', { addresses: ended });
    if (ended === 0) return;
  }
}

function follow({ roll, now }: WorkParts): void {
  roll.follow(now());
  roll.keep(pace.roll_changes_max);
}

async function snapshot({ sql, roll, kv, now }: WorkParts): Promise<void> {
  const time = now();
  const error = await writeSnapshot(sql, kv, () => listed(sql, roll), time);
  if (error !== null) log('ERR_SNAPSHOT_WRITE', { message: error });
}

/** A panic lets everybody in, a brake makes challenges of blocks. */
function listed(sql: Sql, roll: Roll): readonly ListedBan[] {
  const { panic, brake } = stanceOf(sql);
  if (panic) return [];
  return brake ? roll.effective().map((ban) => ({ ...ban, action: 'challenge' })) : roll.effective();
}

/** While enforcement waits (for a budget, or after a failure), new bans do not ring it: they come along afterwards. */
function enforcementDue(sql: Sql, enforcement: Enforcement): UnixTime {
  const { revision, enforcedRevision, enforcedAt, enforceAgain } = readState(sql);
  const due = revision === enforcedRevision ? (enforceAgain ?? Number.POSITIVE_INFINITY) : 0;
  return Math.max(due, enforcement.waitsUntil() ?? 0, (enforcedAt ?? 0) + pace.enforcement_gap_min);
}

async function recover(parts: WorkParts): Promise<void> {
  const { sql, holders, now } = parts;
  const state = readState(sql);
  if (surveyDue(state) > now()) return;
  // what the ledger wants has not been handed over by this
  const { enforcedRevision } = state;
  try {
    const { remains, again } = await lookForRemains(parts);
    noteEnforced(sql, enforcedRevision, again, now());
    if (remains !== null) takeOver({ sql, holders, guard: parts.guard() }, remains, now());
  } catch (error) {
    noteEnforced(sql, enforcedRevision, now() + pace.retry_after, now());
    throw error;
  }
}

function surveyDue({ enforcedAt, enforceAgain }: LedgerState): UnixTime {
  return Math.max(enforceAgain ?? 0, (enforcedAt ?? 0) + pace.enforcement_gap_min);
}

async function lookForRemains({
  enforcement,
  kv,
  now,
}: WorkParts): Promise<{ remains: Remains | null; again: UnixTime }> {
  const survey = await enforcement?.survey(now());
  const { found, again } = survey ?? { found: [], again: now() };
  if (found === null) return { remains: null, again };
  return { remains: { found, snapshot: await kv.get(snapshotKey, 'arrayBuffer') }, again };
}

async function enforce(parts: WorkParts): Promise<void> {
  const { sql, roll, enforcement, now } = parts;
  const time = now();
  if (enforcement === null || enforcementDue(sql, enforcement) > time) return;
  const { revision } = readState(sql);
  try {
    const { again } = await enforcement.step(roll.wanted(), time);
    noteEnforced(sql, revision, again, now());
  } catch (error) {
    noteEnforced(sql, revision, now() + pace.retry_after, now());
    throw error;
  }
}

/** `outwards`: is KV ours to put right already? */
async function sweep(parts: WorkParts, outwards: boolean): Promise<void> {
  const { sql, now } = parts;
  const time = now();
  if (time < readState(sql).sweptAt + pace.sweep_every) return;
  sql.transaction(() => {
    sweepTokens(sql, time);
    sweepAddresses(sql, time);
    purge(parts, time);
    noteSwept(sql, time);
  });
  if (outwards) await checkSnapshot(sql, parts.kv, time);
}

function purge({ sql, holders, roll }: WorkParts, now: UnixTime): void {
  const { purgedAt, purgedCursor } = readState(sql);
  const newest = holders.last();
  const crowded = newest - purgedCursor > pace.changes_per_purge_max;
  if (!crowded && now < purgedAt + pace.purge_every) return;
  roll.forgetPages();
  holders.purge(now, crowded ? pace.tombstone_life_crowded : pace.tombstone_life);
  notePurged(sql, newest, now);
}
