/** What one host may hold and ban: a stolen key can neither fill the ledger nor push out what the others ban. */
import { EdgebanError } from '../../shared/errors.ts';
import { number } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { HostChanges } from './hosts.ts';
import { ledgerLimits } from './limits.ts';
import type { Held, Roll } from './roll.ts';
import { countOf } from './state.ts';

/** The new bans that a host may still take up at once, by weight; more come with time. */
export function bansLeft(sql: Sql, host: string, now: UnixTime): number {
  const row = sql.all('SELECT ban_tokens, ban_tokens_at FROM hosts WHERE id = ?', host)[0];
  if (row === undefined) return 0;
  const tokens = number(row, 'ban_tokens');
  const gained = (Math.max(0, now - number(row, 'ban_tokens_at')) * ledgerLimits.bans_per_hour_max) / 3_600;
  // what a new host has beyond the burst stays until it is spent
  return Math.max(tokens, Math.min(ledgerLimits.bans_burst, tokens + gained));
}

/** A host's share while one batch of its events is taken in. The roll must be up to date. */
export class Share {
  readonly #sql: Sql;
  readonly #host: string;
  readonly #now: UnixTime;
  readonly #held: Held;
  readonly #all: number;
  /** By how much this batch has changed what the host holds. */
  #bans = 0;
  #weight = 0;
  /** Null until it is asked for. */
  #left: number | null = null;
  #spent = false;

  constructor(sql: Sql, roll: Roll, host: string, now: UnixTime) {
    this.#sql = sql;
    this.#host = host;
    this.#now = now;
    this.#held = roll.heldBy(host);
    this.#all = roll.bans;
  }

  /** Throws ERR_CAP_HOLDERS or ERR_CAP_BANS if the host may not take up a ban of this weight; 0: it changes one. */
  check(weight: number): void {
    const { held_per_host_max, bans_per_hour_max } = ledgerLimits;
    if (weight > 0 && this.#held.weight + this.#weight + weight > held_per_host_max)
      throw full(`the host holds ${held_per_host_max} bans already (a /24 counts 16, a /16 counts 256)`);
    if (weight > 0 && this.#isOverEqualPart()) throw full('the ledger is full, and the host has its equal part of it');
    if (this.#tokens() < Math.max(1, weight))
      throw new EdgebanError('ERR_CAP_BANS', `the host takes up more than ${bans_per_hour_max} bans an hour`);
  }

  /** What was checked has been done. */
  spend(weight: number): void {
    this.#left = this.#tokens() - Math.max(1, weight);
    this.#spent = true;
    this.#weight += weight;
    if (weight > 0) this.#bans += 1;
  }

  /** A live ban of this weight has been lifted. */
  release(weight: number): void {
    this.#weight -= weight;
    this.#bans -= 1;
  }

  /** What was spent; to be written in the batch's transaction. */
  get changes(): HostChanges {
    return this.#spent ? { ban_tokens: this.#tokens(), ban_tokens_at: this.#now } : {};
  }

  #tokens(): number {
    this.#left ??= bansLeft(this.#sql, this.#host, this.#now);
    return this.#left;
  }

  #isOverEqualPart(): boolean {
    if (this.#all + this.#bans < ledgerLimits.bans_crowded) return false;
    const hosts = countOf(this.#sql, 'SELECT COUNT(*) AS n FROM hosts WHERE revoked_at IS NULL');
    return this.#held.bans + this.#bans >= Math.floor(ledgerLimits.bans_crowded / Math.max(1, hosts));
  }
}

function full(message: string): EdgebanError {
  return new EdgebanError('ERR_CAP_HOLDERS', message);
}
