/** The host's database, read beside the daemon that writes it: who is banned, and how many were banned hour by hour. */
import { DatabaseSync } from 'node:sqlite';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import type { BanEntry, BanRoll } from '../../shared/overview.ts';
import type { Hour } from '../../shared/series.ts';
import type { UnixTime, Until } from '../../shared/time.ts';

/** From when until when a ban holds. */
export interface Term {
  readonly at: UnixTime;
  readonly until: Until;
}

interface HeldBan extends Term {
  readonly jail: string;
  readonly address: string;
}

const hour_s = 3_600;

/** A roll of the bans in force, as of the last look. */
export class HostDatabase implements BanRoll {
  version = 0;
  readonly #database: DatabaseSync;
  readonly #host: string;
  #revision = '';
  #bans = new Map<string, Map<string, BanEntry>>();

  /** `host`: what this host is called. Throws ERR_STORE_OPEN. */
  constructor(path: string, host: string) {
    this.#host = host;
    try {
      this.#database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
      this.#database.prepare('SELECT 1 FROM held_bans LIMIT 1').get();
    } catch (cause) {
      const reason = messageOf(cause);
      const remedy = 'the dashboard reads the database of the daemon: dbfile must be a file, and you root';
      throw new EdgebanError('ERR_STORE_OPEN', reason, { file: path, remedy, cause });
    }
  }

  /** `revision`: another one than the last time says that there may be something new. */
  follow(revision: string): void {
    if (revision === this.#revision) return;
    this.#revision = revision;
    this.#bans = new Map();
    for (const ban of this.#held()) {
      const entries = this.#bans.get(ban.address) ?? new Map<string, BanEntry>();
      const { jail, at, until } = ban;
      entries.set(jail, { host: this.#host, jail, at, until, edge: 'off' });
      this.#bans.set(ban.address, entries);
    }
    this.version += 1;
  }

  all(): Iterable<readonly [string, ReadonlyMap<string, BanEntry>]> {
    return this.#bans;
  }

  /** Of an id in a jail; undefined: it is not banned there. */
  termOf(jail: string, id: string): Term | undefined {
    const row = this.#database.prepare('SELECT at, until FROM held_bans WHERE jail = ? AND id = ?').get(jail, id);
    if (typeof row?.['at'] !== 'number') return undefined;
    return { at: row['at'], until: typeof row['until'] === 'number' ? row['until'] : null };
  }

  /** The last `count` hours, oldest first, the one that is running now last; as far as ended bans are kept (dbpurgeage). */
  hours(count: number, now: UnixTime): Hour[] {
    const first = Math.floor(now / hour_s) - count + 1;
    const query = `SELECT CAST(at / ${hour_s} AS INTEGER) AS hour, jail, COUNT(*) AS bans FROM ban_history
      WHERE at >= ? GROUP BY hour, jail`;
    const hours = Array.from({ length: count }, (): Hour => new Map());
    for (const { hour, jail, bans } of this.#database.prepare(query).all(first * hour_s)) {
      if (typeof hour !== 'number' || typeof jail !== 'string' || typeof bans !== 'number') continue;
      hours[hour - first]?.set(jail, { host: this.#host, jail, bans });
    }
    return hours;
  }

  close(): void {
    this.#database.close();
  }

  *#held(): Iterable<HeldBan> {
    for (const row of this.#database.prepare('SELECT jail, id, ip, at, until FROM held_bans').iterate()) {
      const { jail, id, ip, at, until } = row;
      if (typeof jail !== 'string' || typeof id !== 'string' || typeof at !== 'number') continue;
      yield { jail, at, address: typeof ip === 'string' ? ip : id, until: typeof until === 'number' ? until : null };
    }
  }
}
