/** Sees to it that what holds for all bans at once is carried out at Cloudflare. */
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Enforcement, RuleStatus } from '../cloudflare/enforcement.ts';
import type { Chore } from './chores.ts';
import { stanceOf } from './standing.ts';

const key = 'edge.stance';
const calm = JSON.stringify({ panic: false, brake: false });

/** The rules afterwards; null where the ledger enforces nothing. What fails there is tried again by steps. */
export async function carryOut(
  sql: Sql,
  enforcement: Enforcement | null,
  now: UnixTime,
  revive = false,
): Promise<readonly RuleStatus[] | null> {
  const stance = JSON.stringify(stanceOf(sql));
  const rules = (await enforcement?.switch(now, revive)) ?? null;
  new Meta(sql).set(key, stance);
  return rules;
}

/** Due where the stance is another one than was last carried out. */
export function stanceChore(sql: Sql, enforcement: () => Enforcement | null): Chore {
  return {
    name: 'stance',
    asksMuch: true,
    due: () => ((new Meta(sql).get(key) ?? calm) === JSON.stringify(stanceOf(sql)) ? Number.POSITIVE_INFINITY : 0),
    run: async (now) => {
      await carryOut(sql, enforcement(), now);
    },
  };
}
