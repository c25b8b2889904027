/** What is on record of lists that settings no longer name: what we made there has no end of its own, and is taken away. */
import { z } from 'zod';
import { text } from '../../../shared/store/row.ts';
import type { Sql } from '../../../shared/store/sql.ts';
import { budgetLimits } from '../budget.ts';
import type { EnforcementSettings } from '../contract.ts';
import { bucket, createTables, failure, loadState, type State, saveState, time } from '../schema.ts';

/** `cf_former`: one row of JSON for each list, or for the zones that were taken out of the settings of one. */
const table = 'CREATE TABLE IF NOT EXISTS cf_former (of TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID';
const former_max = 16;

export const FormerRecord = z.object({
  of: z.string(),
  account: z.string(),
  list: z.string(),
  instance: z.string(),
  /** Zones that may still have the rule. */
  zones: z.array(z.string()),
  /** Are the list's items to go, too? */
  items: z.boolean(),
  /** Items of ours as last read; null: not read yet. */
  left: z.number().nullable(),
  /** How often it was looked at again since nothing was found. */
  looks: z.number(),
  calls: bucket,
  waitUntil: time,
  failures: z.number(),
  error: failure.nullable(),
});
export type FormerRecord = z.infer<typeof FormerRecord>;

/** Puts on record what the settings of now leave behind of the list of before. To be called before a mode is opened. */
export function noteFormerList(sql: Sql, settings: EnforcementSettings | null): void {
  sql.script(table);
  createTables(sql);
  const state = loadState(sql);
  const zones = settings?.mode === 'list' ? settings.zoneIds : [];
  const current = settings?.mode === 'list' ? listKey(settings) : null;
  if (current !== null) sql.all('DELETE FROM cf_former WHERE of = ?', current);
  if (state === null) return;
  sql.transaction(() => {
    if (state.of === current) noteDroppedZones(sql, state, zones);
    else noteList(sql, state, current === null);
  });
}

function listKey(settings: Extract<EnforcementSettings, { mode: 'list' }>): string {
  return [settings.accountId, settings.listName, settings.instance ?? 'main'].join('/');
}

export function loadFormer(sql: Sql): FormerRecord[] {
  const rows = sql.all('SELECT record FROM cf_former ORDER BY of LIMIT ?', former_max);
  return rows.flatMap((row) => FormerRecord.safeParse(JSON.parse(text(row, 'record'))).data ?? []);
}

export function saveFormer(sql: Sql, record: FormerRecord): void {
  sql.all('INSERT OR REPLACE INTO cf_former VALUES (?, ?)', record.of, JSON.stringify(record));
}

export function forgetFormer(sql: Sql, { of }: FormerRecord): void {
  sql.all('DELETE FROM cf_former WHERE of = ?', of);
}

function noteList(sql: Sql, state: State, forget: boolean): void {
  const zones = Object.keys(state.rules);
  if (state.list !== null || zones.length > 0) saveFormer(sql, recordOf(state, state.of, zones, true));
  if (!forget) return;
  sql.all('DELETE FROM cf_state');
}

function noteDroppedZones(sql: Sql, state: State, zones: readonly string[]): void {
  const dropped = Object.keys(state.rules).filter((zone) => !zones.includes(zone));
  if (dropped.length === 0) return;
  const of = `${state.of}/zones`;
  const before = loadFormer(sql).find((record) => record.of === of)?.zones ?? [];
  const gone = [...new Set([...before, ...dropped])].filter((zone) => !zones.includes(zone));
  saveFormer(sql, recordOf(state, of, gone, false));
  for (const zone of dropped) delete state.rules[zone];
  saveState(sql, state);
}

function recordOf(state: State, of: string, zones: string[], items: boolean): FormerRecord {
  const [account = '', list = '', instance = 'main'] = state.of.split('/');
  const standing = { left: null, looks: 0, waitUntil: 0, failures: 0, error: null };
  const { burst } = budgetLimits.formerCalls;
  return { of, account, list, instance, zones, items, ...standing, calls: { left: burst, at: 0 } };
}
