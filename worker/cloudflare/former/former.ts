/** After a change of ENFORCEMENT, LIST_NAME or zones: what was made before is taken away once the new mode is in force. */
import type { Sql } from '../../../shared/store/sql.ts';
import type { UnixTime } from '../../../shared/time.ts';
import { loadState } from '../access-rules/memory.ts';
import { accessRulesLeft, createAccessRulesMode, noteToldScopes } from '../access-rules/mode.ts';
import type { Bucket } from '../budget.ts';
import type {
  AccessRulesStatus,
  ApiSettings,
  EnforcementParts,
  EnforcementSettings,
  FormerStatus,
  Survey,
} from '../contract.ts';
import { createTables, loadState as loadListState } from '../schema.ts';
import { clearFormerList } from './list.ts';
import { type FormerRecord, loadFormer, noteFormerList, noteToldLists } from './record.ts';
import { createSurvey } from './survey.ts';

/** The budget of calls as the mode of before has left it: Cloudflare counts on. To be asked before openFormer. */
export function callsLeft(sql: Sql): Bucket | null {
  createTables(sql);
  const buckets = [loadListState(sql)?.budgets.calls, loadState(sql)?.calls].flatMap((each) => each ?? []);
  return buckets.toSorted((one, other) => other.at - one.at)[0] ?? null;
}

export interface Former {
  /** When there is something to do next; null: nothing is left. */
  due(): UnixTime | null;
  /** As bounded as a step of enforcement. */
  clear(now: UnixTime): Promise<void>;
  /**
   * What is left, for a ledger that was lost, as bounded as a step. A place that the token may not read holds nothing; one
   * that cannot be read is given up after a few looks, for the present mode waits: it is taken away all the same, later.
   */
  survey(now: UnixTime): Promise<Survey>;
  status(now: UnixTime): readonly FormerStatus[];
}

export type FormerParts = Omit<EnforcementParts, 'settings'> & { readonly sql: Sql; readonly api: ApiSettings };

/** To be called before the mode of now is opened: it puts on record what that leaves behind. */
export function openFormer(parts: FormerParts, settings: EnforcementSettings | null): Former {
  const { sql, api } = parts;
  noteTold(sql, api, settings);
  noteFormerList(sql, settings);
  const records = loadFormer(sql);
  const lists = new Map(records.map((record) => [record.of, record]));
  const listParts = { ...parts, settings: { ...api, mode: 'access-rules', zoneIds: [] } as const };
  // a mode without any scope takes away what is in those of before
  const rules =
    settings?.mode === 'access-rules' || accessRulesLeft(sql, api) === 0
      ? null
      : createAccessRulesMode({ ...listParts, spares: true });
  let rulesDue: UnixTime | null = 0;

  function due(): UnixTime | null {
    const times = [...lists.values()].map(({ waitUntil }) => waitUntil);
    if (rules !== null && rulesDue !== null) times.push(rulesDue);
    return times.length === 0 ? null : Math.min(...times);
  }

  async function clear(now: UnixTime): Promise<void> {
    const next = [...lists.values()].find(({ waitUntil }) => waitUntil <= now);
    if (next !== undefined) {
      await clearFormerList(listParts, next, now);
      if (!loadFormer(sql).some(({ of }) => of === next.of)) lists.delete(next.of);
    } else if (rules !== null && rulesDue !== null && rulesDue <= now) {
      const { again } = await rules.step([], now);
      rulesDue = accessRulesLeft(sql, api) === 0 ? null : (again ?? now);
    }
  }

  function status(now: UnixTime): FormerStatus[] {
    const full = [...lists.values()].filter(({ looks }) => looks === 0);
    const ofLists = full.map((record) => listStatus(record, now));
    const left = rulesDue === null ? null : rules?.status(now);
    return left?.mode === 'access-rules' ? [...ofLists, rulesStatus(left)] : ofLists;
  }

  return { due, clear, survey: createSurvey(listParts, records, rules), status };
}

/** Once, whenever settings tell something else. A crash on the way does it again. */
function noteTold(sql: Sql, api: ApiSettings, settings: EnforcementSettings | null): void {
  sql.script(told);
  const text = JSON.stringify(api.former ?? null);
  if ((sql.all('SELECT former FROM cf_told')[0]?.['former'] ?? 'null') === text) return;
  noteToldLists(sql, api, settings);
  noteToldScopes(sql, api);
  sql.all('INSERT INTO cf_told VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET former = excluded.former', text);
}

/** `cf_told`: one row, the JSON of what settings have told of former ones. */
const told = 'CREATE TABLE IF NOT EXISTS cf_told (only INTEGER PRIMARY KEY CHECK (only = 1), former TEXT NOT NULL)';

function listStatus({ list, left, zones, items, error, waitUntil }: FormerRecord, now: UnixTime): FormerStatus {
  const wait = waitUntil > now ? waitUntil : null;
  return { mode: 'list', name: list, left: items ? left : 0, zones: zones.length, error, waitUntil: wait };
}

function rulesStatus({ scopes, error, waitUntil }: AccessRulesStatus): FormerStatus {
  const left = scopes.reduce((sum, { ours }) => sum + ours, 0);
  return { mode: 'access-rules', name: null, left, zones: scopes.length, error, waitUntil };
}
