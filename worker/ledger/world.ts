/** What the ledger makes of the operator's settings: the guards, and the enforcement at Cloudflare. */
import { formatPrefix } from '../../shared/address.ts';
import { Guard, type GuardSettings } from '../../shared/engine/guard.ts';
import type { Holders } from '../../shared/store/holders.ts';
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { createClearing, createEnforcement, type Enforcement, type Fetch } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import { type Env, readSettings, type Settings } from '../settings.ts';
import { allowedPrefixes } from './allow-list.ts';
import type { Chore } from './chores.ts';
import { hostAddresses } from './host-addresses.ts';
import { rangesChore, toldRanges } from './ranges.ts';
import type { Roll } from './roll.ts';
import { SparedChore } from './spared.ts';
import { stanceOf } from './standing.ts';
import { noteHurry } from './state.ts';

interface Tables {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly roll: Roll;
}

const settingsKey = 'edge.settings';

export interface World {
  readonly settings: Settings;
  readonly guard: Guard;
  /** Null: nothing is changed at Cloudflare. */
  readonly enforcement: Enforcement | null;
  readonly chores: readonly Chore[];
  /** To be called when something that the guard goes by has changed in the tables. */
  renewGuard(): void;
}

/** `changed`: hosts and Cloudflare have something to follow. Throws ERR_SETTINGS. */
export function makeWorld(env: Env, tables: Tables, changed: () => void): World {
  const { sql } = tables;
  const settings = readSettings(env);
  let guard = new Guard(guarded(settings, sql));
  const sources = () =>
    JSON.stringify(Object.values(guarded(settings, sql)).map((prefixes) => prefixes.map(formatPrefix)));
  const spared = new SparedChore({ ...tables, guard: () => guard, sources, changed });
  const renewGuard = () => {
    guard = new Guard(guarded(settings, sql));
    spared.renew();
  };
  noteSettings(settings, sql);
  const enforcement = enforce(settings, sql);
  const api = settings.enforcement === null ? null : { ...settings.enforcement, fetch: ask };
  return {
    settings,
    get guard() {
      return guard;
    },
    enforcement,
    chores: [spared, ...(api === null ? [] : [rangesChore(sql, api, renewGuard)])],
    renewGuard,
  };
}

/** What is never banned beside what is in the code. */
function guarded({ allow }: Settings, sql: Sql) {
  return {
    allowed: [...allow, ...allowedPrefixes(sql)],
    hosts: hostAddresses(sql),
    cloudflare: toldRanges(sql),
  } satisfies GuardSettings;
}

const ask: Fetch = (url, init) => fetch(url, init);

/** Other settings than were last in force are carried out now, not when the former ones were to be looked at again. */
function noteSettings({ enforcement: settings }: Settings, sql: Sql): void {
  const { token: _, ...its } = settings ?? { token: '' };
  const meta = new Meta(sql);
  const text = JSON.stringify(its);
  if (meta.get(settingsKey) === text) return;
  noteHurry(sql);
  meta.set(settingsKey, text);
}

function enforce({ enforcement: settings, api }: Settings, sql: Sql): Enforcement | null {
  const parts = {
    sql,
    stance: () => stanceOf(sql),
    fetch: ask,
    log: (message: string) => log('enforcement', { message }),
  };
  if (settings !== null) return createEnforcement({ ...parts, settings });
  return api === null ? null : createClearing({ ...parts, api });
}
