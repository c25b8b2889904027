/** How many bans were made in each hour, by host and jail: a row an hour, written once a minute at the most. */
import { z } from 'zod';
import { type Hour, type HourCounts, othersName } from '../../shared/series.ts';
import type { Holders } from '../../shared/store/holders.ts';
import { number, text } from '../../shared/store/row.ts';
import type { Sql, SqlRow } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { viewLimits } from '../../shared/view.ts';
import type { Chore } from './chores.ts';

export const tallyLimits = {
  /** Hosts' jails that one hour tells apart; the others are summed up. */
  keys_per_hour_max: 200,
  hours_kept: viewLimits.hours_max,
  /** How often it is written, in seconds: a free plan has 100,000 rows a day. */
  save_every: 300,
  /** Changes that are counted at a time; the next ones come with the next run. */
  changes_max: 20_000,
} as const;

const Counts = z.array(z.tuple([z.string(), z.string(), z.number()]));

/**
 * Counts what stands in the holders' table behind a cursor, so that nothing is lost or counted twice when the ledger is
 * evicted. A ban that its host renews counts again; one that was made and lifted within a minute counts once.
 */
export class Tally implements Chore, HourCounts {
  readonly name = 'tally';
  readonly #sql: Sql;
  readonly #holders: Holders;
  /** By the number of the hour; null until it is asked for. */
  #hours: Map<number, Hour> | null = null;
  /** How far the rows have got, and when the newest was written; null until it is read. */
  #place: { readonly cursor: number; readonly at: UnixTime } | null = null;

  constructor(sql: Sql, holders: Holders) {
    this.#sql = sql;
    this.#holders = holders;
  }

  due(): UnixTime {
    const { cursor, at } = this.#saved();
    return this.#holders.last() > cursor ? at + tallyLimits.save_every : Number.POSITIVE_INFINITY;
  }

  run(now: UnixTime): void {
    const hours = this.#known();
    const { changed, cursor } = this.#count(hours, now);
    const oldest = hourOf(now) - tallyLimits.hours_kept;
    this.#sql.transaction(() => {
      for (const hour of changed) this.#write(hour, hours.get(hour) ?? new Map(), cursor, now);
      this.#sql.all('DELETE FROM tallies WHERE hour <= ? AND cursor < ?', oldest, cursor);
    });
    this.#place = { cursor, at: now };
    for (const hour of hours.keys()) if (hour <= oldest) hours.delete(hour);
  }

  /** The last `count` hours, oldest first, the one that is running now last; what is not yet written is counted, too. */
  hours(count: number, now: UnixTime): Hour[] {
    const hours = new Map([...this.#known()].map(([hour, counts]) => [hour, copyOf(counts)]));
    this.#count(hours, now);
    const last = hourOf(now);
    return Array.from({ length: count }, (_, index) => hours.get(last - count + 1 + index) ?? new Map());
  }

  #known(): Map<number, Hour> {
    this.#hours ??= new Map(
      this.#sql.all('SELECT hour, counts FROM tallies').map((row) => [number(row, 'hour'), readHour(row)]),
    );
    return this.#hours;
  }

  #saved(): { cursor: number; at: UnixTime } {
    if (this.#place !== null) return this.#place;
    // the newest hour bears the newest cursor: each run writes the one that is running
    const row = this.#sql.all('SELECT cursor, at FROM tallies ORDER BY hour DESC LIMIT 1')[0];
    this.#place = row === undefined ? { cursor: 0, at: 0 } : { cursor: number(row, 'cursor'), at: number(row, 'at') };
    return this.#place;
  }

  /** Adds what is behind the cursor; says which hours that changes, at least the present one, and how far it has come. */
  #count(hours: Map<number, Hour>, now: UnixTime): { changed: ReadonlySet<number>; cursor: number } {
    const { cursor, at } = this.#saved();
    const query = 'SELECT host, jail, at, lifted, cursor FROM holders WHERE cursor > ? ORDER BY cursor LIMIT ?';
    const rows = this.#sql.all(query, cursor, tallyLimits.changes_max);
    const changed = new Set([hourOf(now)]);
    for (const row of rows) {
      const made = Math.min(number(row, 'at'), now);
      const isCounted = row['lifted'] === 1 && made < at;
      if (isCounted || hourOf(made) <= hourOf(now) - tallyLimits.hours_kept) continue;
      add(hours, hourOf(made), text(row, 'host'), text(row, 'jail'));
      changed.add(hourOf(made));
    }
    const last = rows.at(-1);
    const isWhole = rows.length < tallyLimits.changes_max;
    return { changed, cursor: isWhole || last === undefined ? this.#holders.last() : number(last, 'cursor') };
  }

  #write(hour: number, counts: Hour, cursor: number, now: UnixTime): void {
    const list = [...counts.values()].map(({ host, jail, bans }) => [host, jail, bans]);
    this.#sql.all(
      'INSERT OR REPLACE INTO tallies (hour, cursor, at, counts) VALUES (?, ?, ?, ?)',
      ...[hour, cursor, now, JSON.stringify(list)],
    );
  }
}

function hourOf(time: UnixTime): number {
  return Math.floor(time / 3_600);
}

function add(hours: Map<number, Hour>, hour: number, host: string, jail: string): void {
  const counts = hours.get(hour) ?? new Map();
  hours.set(hour, counts);
  const isKnown = counts.has(keyOf(host, jail)) || counts.size < tallyLimits.keys_per_hour_max;
  const name = isKnown ? { host, jail } : { host: othersName, jail: othersName };
  const known = counts.get(keyOf(name.host, name.jail));
  if (known === undefined) counts.set(keyOf(name.host, name.jail), { ...name, bans: 1 });
  else known.bans += 1;
}

function keyOf(host: string, jail: string): string {
  return `${host}\n${jail}`;
}

function readHour(row: SqlRow): Hour {
  const list = Counts.parse(JSON.parse(text(row, 'counts')));
  return new Map(list.map(([host, jail, bans]) => [keyOf(host, jail), { host, jail, bans }]));
}

function copyOf(counts: Hour): Hour {
  return new Map([...counts].map(([key, value]) => [key, { ...value }]));
}
