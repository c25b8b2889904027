/** The store: all tables over one database, brought up to date when it is opened. */
import { Bans, type BansSettings } from './bans.ts';
import { SavedCounters } from './counters.ts';
import { Heard } from './feed.ts';
import { Holders } from './holders.ts';
import { Marks } from './marks.ts';
import { Meta, Positions } from './meta.ts';
import { Outbox } from './outbox.ts';
import { migrate, storeMigrations } from './schema.ts';
import type { Sql } from './sql.ts';

export interface StoreSettings extends BansSettings {
  /** Makes the UUID of a new outbox stream. */
  readonly freshStream: () => string;
}

/** What belongs together is written in one `transaction`, which may not be nested. */
export interface Store {
  readonly bans: Bans;
  readonly counters: SavedCounters;
  readonly positions: Positions;
  readonly outbox: Outbox;
  readonly meta: Meta;
  readonly holders: Holders;
  readonly heard: Heard;
  readonly marks: Marks;
  transaction<T>(body: () => T): T;
}

/** Throws ERR_STORE_NEWER if a newer edgeban wrote the database. */
export function openStore(sql: Sql, settings: StoreSettings): Store {
  migrate(sql, 'store', storeMigrations);
  const holders = new Holders(sql);
  const bans = new Bans(sql, settings);
  return {
    bans,
    counters: new SavedCounters(sql),
    positions: new Positions(sql),
    outbox: new Outbox(sql, settings.freshStream),
    meta: new Meta(sql),
    holders,
    heard: new Heard(sql, holders),
    marks: new Marks(sql),
    transaction: (body) => {
      try {
        return sql.transaction(body);
      } catch (error) {
        bans.rolledBack();
        throw error;
      }
    },
  };
}
