/** What the ledger makes of the operator's settings: the guards, and the enforcement at Cloudflare. */
import { Guard } from '../../shared/engine/guard.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { createEnforcement, type Enforcement, type EnforcementSettings } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import { type Env, readSettings, type Settings } from '../settings.ts';
import { allowedPrefixes } from './allow-list.ts';
import { stanceOf } from './standing.ts';

export interface World {
  readonly settings: Settings;
  readonly guard: Guard;
  /** Null: nothing is changed at Cloudflare. */
  readonly enforcement: Enforcement | null;
  /** To be called when something that the guard goes by has changed in the tables. */
  renewGuard(): void;
}

/** Throws ERR_SETTINGS. */
export function makeWorld(env: Env, sql: Sql): World {
  const settings = readSettings(env);
  let guard = makeGuard(settings, sql);
  return {
    settings,
    get guard() {
      return guard;
    },
    enforcement: settings.enforcement === null ? null : enforce(settings.enforcement, sql),
    renewGuard: () => {
      guard = makeGuard(settings, sql);
    },
  };
}

function makeGuard({ allow }: Settings, sql: Sql): Guard {
  return new Guard({ allowed: [...allow, ...allowedPrefixes(sql)] });
}

function enforce(settings: EnforcementSettings, sql: Sql): Enforcement {
  return createEnforcement({
    sql,
    settings,
    stance: () => stanceOf(sql),
    fetch: (url, init) => fetch(url, init),
    log: (message) => log('enforcement', { message }),
  });
}
