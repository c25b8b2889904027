/** What the ledger knows of one address: who holds it or has held it, what forbids a ban, what was done to it by hand. */
import type { z } from 'zod';
import { formatPrefix, type Prefix } from '../../shared/address.ts';
import type { Guard } from '../../shared/engine/guard.ts';
import type { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import { AddressStory } from '../../shared/view.ts';
import { actsAbout } from './acts.ts';
import { around } from './bans.ts';
import { ledgerLimits } from './limits.ts';

export const LedgerStory = AddressStory.pick({ address: true, now: true, guard: true, held: true, acts: true });
export type LedgerStory = z.infer<typeof LedgerStory>;

interface StoryParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly guard: Guard;
}

/** Bans of networks around the address are its own, too. */
export function ledgerStory(
  { sql, holders, guard }: StoryParts,
  address: Prefix,
  nameOf: (host: string) => string,
  now: UnixTime,
): LedgerStory {
  const name = formatPrefix(address);
  const refusal = guard.check(address);
  const held = around(address)
    .flatMap((prefix) => holders.of(formatPrefix(prefix)))
    .toSorted((one, other) => other.at - one.at)
    .slice(0, ledgerLimits.held_shown_max)
    .map((holder) => ({
      address: holder.address,
      host: nameOf(holder.host),
      jail: holder.jail,
      at: holder.at,
      until: holder.until,
      state: holder.lifted ? ('lifted' as const) : isOver(holder.until, now) ? ('ended' as const) : ('held' as const),
    }));
  return {
    address: name,
    now,
    guard: refusal === null ? null : { code: refusal.code, message: refusal.message },
    held,
    acts: actsAbout(sql, name),
  };
}
