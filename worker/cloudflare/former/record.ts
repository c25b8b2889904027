/** What is on record of lists that settings no longer name: what we made there has no end of its own, and is taken away. */
import { z } from 'zod';
import { text } from '../../../shared/store/row.ts';
import type { Sql } from '../../../shared/store/sql.ts';
import { budgetLimits } from '../budget.ts';
import type { Action, ApiSettings, EnforcementSettings, ListSettings } from '../contract.ts';
import { bucket, createTables, failure, loadState, type State, saveState, time } from '../schema.ts';
import { rulesFor } from '../slots.ts';

/** `cf_former`: one row of JSON for each list, or for the zones that were taken out of the settings of one. */
const table = 'CREATE TABLE IF NOT EXISTS cf_former (of TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID';
const former_max = 16;

export const FormerRecord = z.object({
  of: z.string(),
  /** Of the list that blocks, or of the second one, that challenges. */
  action: z.enum(['block', 'challenge']).default('block'),
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
  const now = settings?.mode === 'list' ? settings : null;
  sql.transaction(() => {
    if (now !== null) keepCurrent(sql, now);
    if (state === null) return;
    if (now !== null && state.of === keyOf(now, now.listName)) noteDroppedZones(sql, state, now.zoneIds);
    else noteList(sql, state, 'block', now);
    const second = state.challenge?.name ?? null;
    if (second !== null && second !== (now?.challengeListName ?? null)) noteList(sql, state, 'challenge', now);
    if (now === null) sql.all('DELETE FROM cf_state');
  });
}

/** Puts on record what settings tell of lists and zones: what a ledger that was lost had not yet taken away. */
export function noteToldLists(sql: Sql, api: ApiSettings, settings: EnforcementSettings | null): void {
  sql.script(table);
  const { accountId: account, instance = 'main', former } = api;
  const { zoneIds = [], droppedZoneIds = [], lists = [], challengeLists = [] } = former ?? {};
  const told = (action: Action, list: string) => {
    const of = [account, list, instance].join('/');
    return { ...blank, of: action === 'block' ? of : challengeKey(of), account, instance, list, action };
  };
  const all = [...lists.map((list) => told('block', list)), ...challengeLists.map((list) => told('challenge', list))];
  for (const record of all) saveFormer(sql, { ...record, zones: [...zoneIds], items: true });
  if (settings?.mode !== 'list' || droppedZoneIds.length === 0) return;
  for (const [index, list] of namesOf(settings).entries()) {
    const record = told(index === 0 ? 'block' : 'challenge', list);
    saveFormer(sql, { ...record, of: `${record.of}/zones`, zones: [...droppedZoneIds] });
  }
}

function keyOf({ accountId, instance = 'main' }: ListSettings, name: string): string {
  return [accountId, name, instance].join('/');
}

function namesOf({ listName, challengeListName = null }: ListSettings): string[] {
  return [listName, ...(challengeListName === null ? [] : [challengeListName])];
}

/** What settings name again is former no more: of a list that has changed its part only the rules are. */
function keepCurrent(sql: Sql, settings: ListSettings): void {
  const current = [keyOf(settings, settings.listName)];
  if (settings.challengeListName) current.push(challengeKey(keyOf(settings, settings.challengeListName)));
  for (const record of loadFormer(sql)) {
    if (current.includes(record.of)) forgetFormer(sql, record);
    else if (record.items && isCurrent(settings, record)) saveFormer(sql, { ...record, items: false });
  }
}

/** Does a list of the settings hold what this record is of? Then its items are the present mode's to see to. */
function isCurrent(settings: ListSettings, { account, instance, list }: Omit<FormerRecord, 'of'>): boolean {
  const isOurs = account === settings.accountId && instance === (settings.instance ?? 'main');
  return isOurs && namesOf(settings).includes(list);
}

function challengeKey(of: string): string {
  return `${of}/challenge`;
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

function noteList(sql: Sql, state: State, action: Action, now: ListSettings | null): void {
  const [account = '', list = '', instance = 'main'] = state.of.split('/');
  const name = action === 'block' ? list : (state.challenge?.name ?? '');
  const of = [account, name, instance].join('/');
  const zones = zonesOf(state, action);
  const record = { ...blank, account, list: name, instance, action, zones };
  const items = now === null || !isCurrent(now, { ...record, items: true });
  saveFormer(sql, { ...record, of: action === 'block' ? of : challengeKey(of), items });
}

/** Where a rule of ours may stand, seen or not. */
function zonesOf(state: State, action: Action): string[] {
  return [...new Set([...Object.keys(rulesFor(state, { action })), ...state.zones])];
}

function noteDroppedZones(sql: Sql, state: State, zones: readonly string[]): void {
  for (const action of ['block', 'challenge'] as const) {
    const rules = rulesFor(state, { action });
    if (action === 'challenge' && state.challenge === null) continue;
    const dropped = zonesOf(state, action).filter((zone) => !zones.includes(zone));
    if (dropped.length === 0) continue;
    const [account = '', list = '', instance = 'main'] = state.of.split('/');
    const of = `${action === 'block' ? state.of : challengeKey(state.of)}/zones`;
    const before = loadFormer(sql).find((record) => record.of === of)?.zones ?? [];
    const gone = [...new Set([...before, ...dropped])].filter((zone) => !zones.includes(zone));
    const name = action === 'block' ? list : (state.challenge?.name ?? '');
    saveFormer(sql, { ...blank, of, action, account, list: name, instance, zones: gone, items: false });
    for (const zone of dropped) delete rules[zone];
    saveState(sql, state);
  }
}

const standing = { left: null, looks: 0, waitUntil: 0, failures: 0, error: null };
const blank = { ...standing, items: false, calls: { left: budgetLimits.formerCalls.burst, at: 0 } };
