/** Enforcement as a dashboard shows it, whatever the mode: use against cap, drift, rules, budgets. */
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Enforcement } from '../../shared/view.ts';
import { listLimits } from '../cloudflare/lists.ts';
import type { StatusView } from '../shapes.ts';
import { pace } from './limits.ts';
import { writesLeft } from './snapshot.ts';
import { readState } from './state.ts';

export function enforcementView(sql: Sql, { enforcement, snapshot }: StatusView, now: UnixTime): Enforcement {
  const { mode, current, detail, former } = enforcement;
  const { written_at, error } = snapshot;
  return {
    mode,
    current,
    ...cloudflareView(detail),
    snapshot: { current: snapshot.current, written_at, error },
    budgets: [...(detail?.budgets ?? []), kvWrites(sql, now)],
    former: former.map(({ mode: kind, name, left, zones }) => formerText(kind, name, left, zones)),
  };
}

type Detail = StatusView['enforcement']['detail'];

function cloudflareView(
  detail: Detail,
): Pick<Enforcement, 'lists' | 'operation' | 'drift' | 'reconciled_at' | 'wait_until' | 'error' | 'rules'> {
  if (detail === null)
    return {
      lists: [],
      operation: null,
      drift: null,
      reconciled_at: null,
      wait_until: null,
      error: null,
      rules: [],
    };
  const { missing, surplus, leftOut, refused, unfit } = detail;
  return {
    ...placeOf(detail),
    drift: { missing, surplus, left_out: leftOut.count, refused: refused.count + unfit.count },
    reconciled_at: detail.reconciledAt,
    wait_until: detail.waitUntil,
    error: detail.error,
  };
}

function placeOf(detail: NonNullable<Detail>): Pick<Enforcement, 'lists' | 'operation' | 'rules'> {
  if (detail.mode === 'access-rules') return { lists: [], operation: null, rules: [] };
  const rules = detail.rules.map(({ zone, action, rule, enabled, first, error }) => ({
    zone,
    action,
    enabled,
    first,
    error,
    there: rule !== null,
  }));
  const { list, challengeList } = detail;
  const lists = [listView(list, 'block'), ...(challengeList === null ? [] : [listView(challengeList, 'challenge')])];
  return { lists, operation: detail.operation, rules };
}

type ListFacts = Extract<NonNullable<Detail>, { mode: 'list' }>['list'];

function listView({ name, ours, foreign }: ListFacts, action: 'block' | 'challenge'): Enforcement['lists'][number] {
  return { name, action, ours, foreign, max: listLimits.items_max };
}

/** The budget of KV's writes. */
export function kvWrites(sql: Sql, now: UnixTime): Enforcement['budgets'][number] {
  return {
    name: 'KV writes',
    left: writesLeft(readState(sql), now),
    max: pace.snapshot_writes_burst,
    refill_per_hour: 3_600 / pace.snapshot_write_refill,
  };
}

function formerText(mode: string, name: string | null, left: number | null, zones: number): string {
  const what = mode === 'list' ? `list ${name ?? ''}` : `access rules in ${zones} places`;
  return `${what}: ${left === null ? 'not yet read' : `${left} left`}`;
}
