/** What the ledger makes of the operator's settings: the guards, and the enforcement at Cloudflare. */
import { Guard } from '../../shared/engine/guard.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { createEnforcement, type Enforcement, type EnforcementSettings } from '../cloudflare/enforcement.ts';
import { log } from '../problem.ts';
import { type Env, readSettings } from '../settings.ts';

export interface World {
  readonly guard: Guard;
  /** Null: nothing is changed at Cloudflare. */
  readonly enforcement: Enforcement | null;
}

/** Throws ERR_SETTINGS. */
export function makeWorld(env: Env, sql: Sql): World {
  const { allow, enforcement } = readSettings(env);
  return {
    guard: new Guard({ allowed: allow }),
    enforcement: enforcement === null ? null : enforce(enforcement, sql),
  };
}

function enforce(settings: EnforcementSettings, sql: Sql): Enforcement {
  return createEnforcement({
    sql,
    settings,
    fetch: (url, init) => fetch(url, init),
    log: (message) => log('enforcement', { message }),
  });
}
