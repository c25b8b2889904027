/** The way in for hosts: who has signed, whether the request is new, and how much the host may do in a minute. */
import { formatPrefix, parsePrefix, widened } from '../../shared/address.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { wireLimits } from '../../shared/wire.ts';
import { checkClock, checkSignature, type SignedRequest } from '../auth.ts';
import { RequestRefusal } from '../problem.ts';
import { checkAllowance, spend } from './allowance.ts';
import { Buckets } from './buckets.ts';
import type { Teller } from './events.ts';
import { behindBy, type FeedParts, type FeedPlace, readPlace } from './feed.ts';
import { noteAddress } from './host-addresses.ts';
import { enrolledHost, type Host, isSeenDue, saveHost, seenBy } from './hosts.ts';
import { ledgerLimits } from './limits.ts';
import { Nonces } from './nonces.ts';

const { events_burst, events_per_minute_max, requests_burst, requests_per_minute_max } = ledgerLimits;
const { rotations_burst, rotations_per_minute_max, enrolments_burst, enrolments_per_minute_max } = ledgerLimits;
const { enrolling_addresses_max, feed_changes_burst, feed_changes_per_minute_max } = ledgerLimits;

const farBehind = 'feed requests from far behind';
const noBans = () => 0;
type Rate = 'events' | 'requests' | 'new keys' | typeof farBehind;

export class Door {
  readonly #sql: Sql;
  readonly #now: () => UnixTime;
  readonly #rates = {
    events: new Buckets(events_burst, events_per_minute_max),
    requests: new Buckets(requests_burst, requests_per_minute_max),
    'new keys': new Buckets(rotations_burst, rotations_per_minute_max),
    [farBehind]: new Buckets(feed_changes_burst, feed_changes_per_minute_max),
  };

  readonly #enrolments = new Buckets(enrolments_burst, enrolments_per_minute_max, enrolling_addresses_max);
  readonly #plan: number;
  readonly #nonces = new Nonces();
  readonly #onAddress: () => void;
  /** Of hosts that have told events since the ledger woke. */
  readonly #lags = new Map<string, number>();

  /** `onAddress`: a host has come from an address that was not known. `plan`: rows that all hosts may write in a day. */
  constructor(sql: Sql, onAddress: () => void, plan: number, now: () => UnixTime) {
    this.#sql = sql;
    this.#onAddress = onAddress;
    this.#plan = plan;
    this.#now = now;
  }

  /** The host that has signed `request`, once. Throws ERR_AUTH_…, ERR_CAP_EVENTS. */
  async admit(request: SignedRequest): Promise<Host> {
    const { host, seen } = await this.#verify(request);
    if (isSeenDue(host, seen)) saveHost(this.#sql, host.id, seen);
    return host;
  }

  /**
   * The same for a request that changes something: its caller writes what is new of the host, with the change. Throws
   * ERR_CAP_ROWS, too. `bans`: how many it tells of.
   */
  async admitTeller(request: SignedRequest, bans: () => number): Promise<Teller> {
    const teller = await this.#verify(request);
    checkAllowance(this.#sql, teller.host, this.#plan, bans, this.#now());
    return teller;
  }

  async #verify(request: SignedRequest): Promise<{ host: Host; seen: ReturnType<typeof seenBy> }> {
    const { key } = enrolledHost(this.#sql, request.host);
    checkClock(request.time, this.#now());
    await checkSignature(request, key);
    const host = enrolledHost(this.#sql, request.host); // again: it may have been revoked meanwhile
    if (host.key !== key) await checkSignature(request, host.key); // or have got another key
    this.take('requests', host.id, 1);
    this.#nonces.spend(request, host.signedAt, this.#now());
    if (request.place !== null && noteAddress(this.#sql, host.id, request.place, this.#now())) this.#onAddress();
    return { host, seen: seenBy(host, request, this.lagOf(host.id), this.#now()) };
  }

  /** Takes `count` of the host's tokens, or as many as there are; throws ERR_CAP_EVENTS where there is none. */
  take(what: Exclude<Rate, typeof farBehind>, host: string, count: number): number {
    const taken = this.#rates[what].take(host, count, this.#now());
    if (taken > 0) return taken;
    throw this.#tooMuch(what, host, count);
  }

  /**
   * The host is to be told the changes that it is behind: each is a row to be read, of which a free plan has so many a day,
   * and one key might ask for all of them again and again. Returns its place. Throws ERR_CAP_EVENTS.
   */
  catchUp(host: Host, feed: FeedParts, url: string, by: 'page' | 'live'): FeedPlace {
    const place = readPlace(new URL(url, 'https://ledger').searchParams, feed.ledger);
    const changes = behindBy(feed, place, by);
    if (changes >= wireLimits.feed_changes_max) {
      checkAllowance(this.#sql, host, this.#plan, noBans, this.#now());
      saveHost(this.#sql, host.id, spend(host, changes / ledgerLimits.rows_read_per_written, this.#now()));
    }
    if (!this.#rates[farBehind].takeAll(host.id, changes, this.#now()))
      throw this.#tooMuch(farBehind, host.id, changes);
    return place;
  }

  #tooMuch(what: Rate, host: string, count: number): RequestRefusal {
    const retry_after = this.#rates[what].waitFor(host, count);
    return new RequestRefusal('ERR_CAP_EVENTS', `the host sends more ${what} than it may`, { retry_after });
  }

  /** An enrolment from there; those that fail are counted. Throws ERR_CAP_ENROLMENTS, or what `body` throws. */
  async enrolment<T>(place: string | null, body: () => Promise<T>): Promise<T> {
    const prefix = place === null ? null : parsePrefix(place);
    const from = prefix === null ? '' : formatPrefix(widened(prefix, 64));
    if (this.#enrolments.take(from, 1, this.#now()) === 0) {
      const retry_after = this.#enrolments.waitFor(from, 1);
      throw new RequestRefusal('ERR_CAP_ENROLMENTS', 'too many enrolments fail from this address', { retry_after });
    }
    const enrolled = await body();
    this.#enrolments.giveBack(from);
    return enrolled;
  }

  /** `newest`: when the newest of the events that a host has just told happened; null: none was new. */
  noteLag(host: string, newest: UnixTime | null): void {
    if (newest !== null) this.#lags.set(host, Math.max(0, this.#now() - newest));
  }

  /** Null: it has told none since the ledger woke. */
  lagOf(host: string): number | null {
    return this.#lags.get(host) ?? null;
  }

  /** Forgets what a host has used up. */
  drop(host: string): void {
    this.#lags.delete(host);
    for (const rates of Object.values(this.#rates)) rates.drop(host);
  }
}
