/** Who holds what now, in memory: follows the holders' table by its cursor, so that each step reads only what has changed. */

import { type EdgeState, edgeStatesOf } from '../../shared/store/edge-state.ts';
import { type Holder, holderOf } from '../../shared/store/holders.ts';
import { number } from '../../shared/store/row.ts';
import type { Sql, SqlRow } from '../../shared/store/sql.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import type { ListedBan } from '../ban-list.ts';
import type { Wanted } from '../cloudflare/enforcement.ts';
import { inTurn } from './fair-turns.ts';
import { dropPages, loadPages, savePages } from './roll-pages.ts';
import { weightOf } from './weight.ts';

/** One live ban. */
export type Entry = Omit<Holder, 'lifted' | 'cursor' | 'hosts'>;

export interface Held {
  /** Bans, one for each address and jail. */
  readonly bans: number;
  /** What they weigh (weight.ts). */
  readonly weight: number;
}

const nothing: Held = { bans: 0, weight: 0 };

/**
 * All methods but follow() tell what held when it was last called; it may not be called in a transaction that can be
 * rolled back. Losing it loses nothing: it is read again, from its pages and what has changed since they were written.
 */
export class Roll {
  readonly #sql: Sql;
  /** By address, then by who holds it. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #held = new Map<string, Held>();
  #bans = 0;
  #version = 0;
  /** How far the table has been read; null before the first time. */
  #cursor: number | null = null;
  #pagesCursor = 0;
  #nextEnd: UnixTime = Number.POSITIVE_INFINITY;
  /** Worked out once for each state of the roll. */
  #wanted: readonly Wanted[] | null = null;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Reads what has changed, and lets go of what has ended. */
  follow(now: UnixTime): void {
    if (this.#cursor === null) this.#load();
    const rows = this.#sql.all('SELECT * FROM holders WHERE cursor > ? ORDER BY cursor', this.#cursor ?? 0);
    for (const row of rows) this.#take(row);
    if (this.#nextEnd <= now) this.#dropEnded(now);
  }

  /** All that the edge should refuse or challenge, and what follows when that has ended. */
  effective(): ListedBan[] {
    return [...this.#entries].flatMap(([address, holders]) => statesOf(address, [...holders.values()]));
  }

  /** What the edge should refuse, in fair turns (fair-turns.ts): beyond Cloudflare's cap the last are left out. */
  wanted(): readonly Wanted[] {
    this.#wanted ??= inTurn(this.#enforced()).flatMap((address) => this.#wantedOf(address));
    return this.#wanted;
  }

  #enforced(): Entry[] {
    return [...this.#entries.values()].flatMap((holders) => [...holders.values()].filter(({ edge }) => edge !== 'off'));
  }

  /** All live bans, by address and then by who holds it. */
  all(): ReadonlyMap<string, ReadonlyMap<string, Entry>> {
    return this.#entries;
  }

  /** Another one whenever all() has changed. */
  get version(): number {
    return this.#version;
  }

  /** All addresses and networks that somebody holds. */
  banned(): Iterable<string> {
    return this.#entries.keys();
  }

  heldBy(host: string): Held {
    return this.#held.get(host) ?? nothing;
  }

  /** Bans of all hosts. */
  get bans(): number {
    return this.#bans;
  }

  /** Addresses and networks that are banned. */
  get addresses(): number {
    return this.#entries.size;
  }

  /** Writes the pages anew once reading up from them takes `changes_max` rows or more. */
  keep(changes_max: number): void {
    const cursor = this.#cursor;
    if (cursor === null || cursor - this.#pagesCursor < changes_max) return;
    const entries = [...this.#entries.values()].flatMap((holders) => [...holders.values()]);
    this.#sql.transaction(() => savePages(this.#sql, cursor, entries));
    this.#pagesCursor = cursor;
  }

  /** To be called with a purge, in its transaction: lifts that the pages do not know of are forgotten. */
  forgetPages(): void {
    dropPages(this.#sql);
    this.#pagesCursor = 0;
  }

  #load(): void {
    const pages = loadPages(this.#sql);
    for (const entry of pages?.entries ?? []) this.#add(entry);
    this.#cursor = pages?.cursor ?? 0;
    this.#pagesCursor = this.#cursor;
  }

  #take(row: SqlRow): void {
    const { lifted, cursor, hosts: _, ...entry } = holderOf(row);
    this.#remove(entry);
    if (!lifted && number(row, 'ended') === 0) this.#add(entry);
    this.#cursor = cursor;
    this.#wanted = null;
  }

  #add(entry: Entry): void {
    const holders = this.#entries.get(entry.address) ?? new Map<string, Entry>();
    this.#entries.set(entry.address, holders);
    holders.set(keyOf(entry), entry);
    this.#count(entry, 1);
    if (entry.until !== null) this.#nextEnd = Math.min(this.#nextEnd, entry.until);
  }

  #remove(entry: Entry): void {
    const holders = this.#entries.get(entry.address);
    const known = holders?.get(keyOf(entry));
    if (holders === undefined || known === undefined) return;
    holders.delete(keyOf(entry));
    if (holders.size === 0) this.#entries.delete(entry.address);
    this.#count(known, -1);
  }

  #count({ host, address }: Entry, sign: 1 | -1): void {
    const { bans, weight } = this.heldBy(host);
    this.#bans += sign;
    this.#version += 1;
    if (bans + sign === 0) this.#held.delete(host);
    else this.#held.set(host, { bans: bans + sign, weight: weight + sign * weightOf(address) });
  }

  #dropEnded(now: UnixTime): void {
    this.#nextEnd = Number.POSITIVE_INFINITY;
    this.#wanted = null;
    for (const holders of [...this.#entries.values()])
      for (const entry of [...holders.values()]) {
        if (isOver(entry.until, now)) this.#remove(entry);
        else if (entry.until !== null) this.#nextEnd = Math.min(this.#nextEnd, entry.until);
      }
  }

  #wantedOf(address: string): Wanted[] {
    const holders = [...(this.#entries.get(address)?.values() ?? [])];
    return statesOf(address, holders)
      .slice(0, 1)
      .map((state) => ({ ...state, comment: commentOf(holders, state) }));
  }
}

/** A jail that asks for what is done. */
function commentOf(holders: readonly Entry[], { action }: ListedBan): string {
  const [jail = ''] = holders.flatMap((holder) => (holder.edge === action ? [holder.jail] : [])).sort();
  return jail.replace(/[^\w .:/-]/g, '?');
}

function statesOf(address: string, holders: readonly EdgeState[]): ListedBan[] {
  return edgeStatesOf(holders).map(({ edge, until }) => ({ address, action: edge, until }));
}

function keyOf({ host, jail }: Entry): string {
  return `${host} ${jail}`;
}
