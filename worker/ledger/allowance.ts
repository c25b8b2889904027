/**
 * What one host may cost a day in rows that Cloudflare bills: a free plan writes 100,000 a day, and then the ledger stands
 * still until midnight UTC. Counted by what things are known to cost (test/worker/stolen-key.test.ts measures it).
 */
import { number, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { RequestRefusal } from '../problem.ts';
import { type Host, type HostChanges, saveHost } from './hosts.ts';
import { ledgerLimits } from './limits.ts';

const day_s = 86_400;
const code = 'ERR_CAP_ROWS';

/** What a request has brought about. */
export interface Work {
  /** Bans taken up or lifted. */
  readonly changes: number;
  readonly failures: number;
}

/** In rows written; `read`: rows that were read, of which a plan has fifty times as many. */
export function rowsOf({ changes, failures }: Work, read = 0): number {
  const { rows_per_request, rows_per_change, rows_per_failure, rows_read_per_written } = ledgerLimits;
  return rows_per_request + changes * rows_per_change + failures * rows_per_failure + read / rows_read_per_written;
}

function dayOf(now: UnixTime): number {
  return Math.floor(now / day_s);
}

function spentToday({ spent }: Host, now: UnixTime): number {
  return spent.day === dayOf(now) ? spent.rows : 0;
}

export function spend(host: Host, rows: number, now: UnixTime): HostChanges {
  return { spent_day: dayOf(now), spent: spentToday(host, now) + rows };
}

/**
 * Throws ERR_CAP_ROWS where the host has had its part of the day, `plan`: the rows that all may write in it. That it was
 * refused is written down now and then, for status and alerts, with the bans that its request would have brought; nothing else is.
 */
export function checkAllowance(sql: Sql, host: Host, plan: number, bans: () => number, now: UnixTime): void {
  if (spentToday(host, now) < partOf(sql, host, plan, now)) return;
  const told = host.refused?.code === code && now - host.refused.at < ledgerLimits.allowance_told;
  // it comes again with the same ones: they are not summed up
  if (!told) saveHost(sql, host.id, { refused: bans(), refused_at: now, refused_code: code });
  throw new RequestRefusal(code, 'the host has cost as many rows today as it may', {
    retry_after: (dayOf(now) + 1) * day_s - now,
  });
}

/**
 * What nobody else can take, and most of what is left of what is for all: however many keys are stolen, all together stay
 * below the plan, and each other host keeps its own.
 */
function partOf(sql: Sql, host: Host, plan: number, now: UnixTime): number {
  const { allowance_alone, allowance_own, allowance_common, allowance_take, allowance_floor } = ledgerLimits;
  // other hosts are counted only for those who cost much
  if (spentToday(host, now) < plan * allowance_floor) return Number.POSITIVE_INFINITY;
  const all = sql.all('SELECT id, spent, spent_day FROM hosts WHERE revoked_at IS NULL');
  if (all.length <= 1) return plan * allowance_alone;
  const own = (plan * allowance_own) / all.length;
  const others = all.filter((row) => text(row, 'id') !== host.id && number(row, 'spent_day') === dayOf(now));
  const taken = others.reduce((sum, row) => sum + Math.max(0, number(row, 'spent') - own), 0);
  return own + Math.max(0, plan * allowance_common - taken) * allowance_take;
}
