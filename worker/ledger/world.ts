/** What the ledger makes of the operator's settings: the guards, and the enforcement at Cloudflare. */
import { formatPrefix } from '../../shared/address.ts';
import { Guard, type GuardSettings } from '../../shared/engine/guard.ts';
import type { Holders } from '../../shared/store/holders.ts';
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

interface Tables {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly roll: Roll;
}

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
