/** Taking in a host's events: numbered, each judged by itself, and applied exactly once. */

import { formatPrefix, isSingle } from '../../shared/address.ts';
import type { Guard } from '../../shared/engine/guard.ts';
import { EdgebanError, type ErrorCode } from '../../shared/errors.ts';
import type { Holders, Holding, Lift } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { isOver, laterOf, type Seconds, type UnixTime, type Until } from '../../shared/time.ts';
import { EventBatch, type EventReceipt, HostEvent, wireLimits } from '../../shared/wire.ts';
import { readJson } from '../body.ts';
import { log, RequestRefusal } from '../problem.ts';
import { readAddress } from './address.ts';
import { rowsOf, spend } from './allowance.ts';
import type { Fleet, FleetFailure, FleetRules } from './fleet.ts';
import { type Host, type HostChanges, saveHost } from './hosts.ts';
import { fleetName, ledgerLimits, recoveredName } from './limits.ts';
import { handOver } from './recovery.ts';
import type { Roll } from './roll.ts';
import { Share } from './share.ts';
import { advanced, lastOf, readStreams } from './streams.ts';
import { weightOf } from './weight.ts';

type RefusedEvent = EventReceipt['refused'][number];

export interface EventsParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly guard: Guard;
  readonly roll: Roll;
  /** The longest ban that a host may make, in seconds; null: as long as it likes. */
  readonly longest: Seconds | null;
  /** Null: failures do not count. */
  readonly fleet: { readonly rules: FleetRules; readonly counters: Fleet } | null;
}

/** Who tells, and what is to be written of him with the events. */
export interface Teller {
  readonly host: Host;
  readonly seen: HostChanges;
}

export interface Taken {
  readonly receipt: EventReceipt;
  /** Is anything banned or lifted that was not before? */
  readonly changed: boolean;
  /** What the bans weigh that the host's jail did not hold before (weight.ts). */
  readonly weight: number;
  /** Bans that were longer than may be. */
  readonly cut: number;
  /** When the newest event happened, by the host's clock; null: none was new. */
  readonly newest: UnixTime | null;
}

/**
 * Takes in a batch of the host that has signed it; `allow` says how many of so many new events are within the
 * host's rate, and throws if none is. Events
 * seen before are judged again (so that a receipt that was lost comes again) but not applied. In one transaction: the
 * events, the stream's number, and the note that something must be done about it. Throws ERR_EVENTS_GAP (with
 * `expected`).
 */
export function takeEvents(
  parts: EventsParts,
  { host, seen }: Teller,
  batch: EventBatch,
  allow: (count: number) => number,
  now: UnixTime,
): Taken {
  const streams = readStreams(parts.sql, host.id);
  const last = lastOf(streams, batch.stream);
  if (batch.first > last + 1) throw gap(batch, last);
  const known = Math.min(last + 1 - batch.first, batch.events.length);
  const fresh = known < batch.events.length ? allow(batch.events.length - known) : 0;
  const taking = batch.events.slice(0, known + fresh);
  parts.roll.follow(now);
  return parts.sql.transaction(() => {
    const intake = new Intake(parts, host, now);
    for (const [index, event] of taking.entries()) intake.take(batch.first + index, event, index >= known);
    const moved = fresh > 0 ? { streams: JSON.stringify(advanced(streams, batch.stream, last + fresh, now)) } : {};
    saveHost(parts.sql, host.id, { ...seen, ...moved, ...intake.hostChanges });
    const { refused, changed, weight, cut, newest } = intake;
    return { receipt: { stream: batch.stream, acked: last + fresh, refused }, changed, weight, cut, newest };
  });
}

/** The batch that a body holds; its events are judged later. Throws ERR_REQUEST_INVALID. */
export function readBatch(body: string): EventBatch {
  return readJson(EventBatch, body);
}

/** As far as it says, without judging. */
export function bansIn({ events }: EventBatch): number {
  return events.filter((event) => event instanceof Object && 'kind' in event && event.kind === 'ban').length;
}

const shareCodes: readonly ErrorCode[] = ['ERR_CAP_HOLDERS', 'ERR_CAP_BANS'];

/** One batch on its way in. */
class Intake {
  readonly refused: RefusedEvent[] = [];
  weight = 0;
  cut = 0;
  newest: UnixTime | null = null;
  readonly #parts: EventsParts;
  readonly #host: Host;
  readonly #now: UnixTime;
  readonly #share: Share;
  #overShare = 0;
  #code: ErrorCode | null = null;
  #changes = 0;
  #failures = 0;

  constructor(parts: EventsParts, host: Host, now: UnixTime) {
    this.#parts = parts;
    this.#host = host;
    this.#now = now;
    this.#share = new Share(parts.sql, parts.roll, host.id, now);
  }

  take(seq: number, raw: unknown, fresh: boolean): void {
    try {
      const event = judge(raw, this.#parts.guard);
      if (fresh && this.#apply(event)) this.#changes += 1;
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      this.refused.push({ seq, code: error.code, message: error.message });
      if (shareCodes.includes(error.code)) this.#noteOverShare(error.code);
    }
  }

  /** Is anything banned or lifted that was not before? */
  get changed(): boolean {
    return this.#changes > 0;
  }

  /** After the last event. */
  get hostChanges(): HostChanges {
    const rows = rowsOf({ changes: this.#changes, failures: this.#failures });
    return { ...this.#share.changes, ...this.#refusals, ...spend(this.#host, rows, this.#now) };
  }

  get #refusals(): HostChanges {
    if (this.#overShare === 0) return {};
    const { refused } = this.#host;
    const before = refused !== null && refused.at > this.#now - ledgerLimits.refusal_told ? refused.count : 0;
    return { refused: before + this.#overShare, refused_at: this.#now, refused_code: this.#code };
  }

  #apply(event: HostEvent): boolean {
    const { address, jail } = event;
    this.newest = Math.max(this.newest ?? 0, event.at);
    // a host's clock may be ahead as far as its signature's; beyond that nobody gets to the front by dating ahead
    const at = Math.min(event.at, this.#now + wireLimits.clock_skew_max);
    const holding = { address, jail, at, host: this.#host.id };
    if (event.kind === 'unban') return this.#lift(holding);
    if (event.kind === 'failure') return this.#count({ ...event, at: Math.min(at, this.#now) });
    const { edge, hosts } = event;
    return this.#hold({ ...holding, until: this.#shortened(event.until, at), edge, hosts });
  }

  /** A failure, which may be the one for which the fleet bans. */
  #count(failure: FleetFailure): boolean {
    const { fleet, holders, roll } = this.#parts;
    const { address } = failure;
    this.#failures += 1;
    if (fleet === null || roll.heldBy(fleetName).weight >= ledgerLimits.fleet_held_max) return false;
    if (!fleet.counters.count(fleet.rules, this.#host.id, failure, this.#now)) return false;
    const until = this.#now + fleet.rules.bantime;
    const planes = { edge: 'block', hosts: true } as const;
    log('fleet-ban', { address, host: this.#host.id });
    this.weight += weightOf(address);
    return holders.hold({ address, host: fleetName, jail: fleetName, at: this.#now, until, ...planes });
  }

  #shortened(until: Until, at: UnixTime): Until {
    const { longest } = this.#parts;
    if (longest === null || (until !== null && until <= at + longest)) return until;
    this.cut += 1;
    return at + longest;
  }

  #hold(holding: Holding): boolean {
    if (isOver(holding.until, this.#now)) return false;
    const known = this.#parts.holders.find(holding);
    const live = known !== null && this.#isLive(known) ? known : null;
    if (live !== null && addsNothing(holding, live)) return false;
    const weight = live === null ? weightOf(holding.address) : 0;
    this.#share.check(weight);
    if (!this.#parts.holders.hold(holding, known)) return false;
    this.#share.spend(weight);
    this.weight += weight;
    if (this.#parts.roll.heldBy(recoveredName).bans > 0) handOver(this.#parts, holding, this.#now);
    return true;
  }

  #lift(lift: Lift): boolean {
    const { holders } = this.#parts;
    const known = holders.find(lift);
    if (!holders.lift(lift)) return false;
    if (known !== null && this.#isLive(known)) this.#share.release(weightOf(lift.address));
    return true;
  }

  #isLive({ lifted, ended, until }: NonNullable<ReturnType<Holders['find']>>): boolean {
    return !lifted && !ended && !isOver(until, this.#now);
  }

  #noteOverShare(code: ErrorCode): void {
    this.#overShare += 1;
    this.#code = code;
  }
}

/** Is all of it known already? */
function addsNothing({ at, until, edge, hosts }: Holding, live: Holding): boolean {
  if (laterOf(live.until, until) !== live.until) return false;
  return at < live.at || (at === live.at && edge === live.edge && hosts === live.hosts);
}

/** The event with its address in canonical form; throws ERR_EVENT_INVALID, ERR_ADDRESS_INVALID, ERR_GUARD_…. */
function judge(raw: unknown, guard: Guard): HostEvent {
  const parsed = HostEvent.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new EdgebanError('ERR_EVENT_INVALID', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not an event'}`);
  }
  const prefix = readAddress(parsed.data.address);
  if (parsed.data.kind === 'failure' && !isSingle(prefix))
    throw new EdgebanError('ERR_EVENT_INVALID', 'address: failures are those of one address');
  const refusal = parsed.data.kind === 'unban' ? null : guard.check(prefix);
  if (refusal !== null) throw new EdgebanError(refusal.code, refusal.message);
  return { ...parsed.data, address: formatPrefix(prefix) };
}

function gap(batch: EventBatch, last: number): RequestRefusal {
  const message = `the batch begins with ${batch.first}, but ${last + 1} is expected`;
  return new RequestRefusal('ERR_EVENTS_GAP', message, { expected: last + 1 });
}
