/** Carries out what the engine decides: writes it to the store, tells the edge, and collects what follows outside. */
import { canonical } from '../../shared/address.ts';
import type { Planes } from '../../shared/config/planes.ts';
import type { Decision, Ignored, KnownBad, Verdict } from '../../shared/engine/decision.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ban, Failure } from '../../shared/ticket.ts';
import type { Seconds, UnixTime, Until } from '../../shared/time.ts';
import type { ToldEvent } from '../../shared/wire.ts';
import type { Log, Logger } from '../log/log.ts';
import type { Effects } from './effects.ts';
import { FleetFailures, fleetFailuresLimits } from './fleet-failures.ts';
import { Lifts } from './lifts.ts';
import { edgeJail } from './plan.ts';
import type { Recent } from './recent.ts';
import { Told } from './told.ts';
import { durationText, reasonOf, timeText } from './wording.ts';

export interface CourtParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly log: Log;
  readonly recent: Recent;
  /** Does this host tell the Worker? */
  isEnrolled(): boolean;
  /** Where the bans of a jail are enforced. */
  planesOf(jail: string): Planes;
  /** Are the failures of a jail told to it? */
  isFleet(jail: string): boolean;
}

/** A refusal of the same address for the same reason is told so often. */
const refusals_every_ms = 600_000;

/** Every method writes, and belongs into a transaction of the caller's. */
export class Court {
  readonly #parts: CourtParts;
  readonly #filterLog: Logger;
  readonly #told = new Told(refusals_every_ms);
  readonly #failures = new FleetFailures();
  readonly #lifts = new Lifts();

  constructor(parts: CourtParts) {
    this.#parts = parts;
    this.#filterLog = parts.log.logger('filter');
  }

  /** One failure of a jail, judged and carried out. */
  hear(jail: string, failure: Failure, now: UnixTime, effects: Effects): Decision {
    const decision = this.#parts.engine.failure(jail, failure, now);
    if (decision.kind === 'ignored') {
      this.sayIgnored(jail, failure.id, decision, effects);
      return decision;
    }
    const { ip } = failure;
    if (ip !== null && this.#parts.isFleet(jail) && this.#parts.isEnrolled())
      this.#failures.note(jail, ip, Math.min(failure.time, now), now);
    const at = timeText(Math.min(failure.time, now));
    this.#sayFound(jail, failure.id, at, effects);
    const bad = decision.kind === 'found' || decision.kind === 'ban' ? decision.bad : null;
    if (bad !== null) this.#sayKnownBad(jail, failure.id, at, bad, effects);
    if (decision.kind !== 'found') this.carryOut(jail, withGroups(decision, failure), effects);
    return decision;
  }

  /** A guard's word is told once in a while for each address, in a word that is seen: somebody escapes a ban. */
  sayIgnored(jail: string, id: string, ignored: Ignored, effects: Effects): void {
    const log = this.#filterLog;
    const text = `[${jail}] Ignore ${id} by ${reasonOf(ignored)}`;
    effects.say(() => this.#parts.recent.note('spared', jail, id));
    if (ignored.by !== 'guard') effects.say(() => log.info(text));
    else if (this.#told.isDue(text)) effects.say(() => log.notice(text));
  }

  /** A client's failure of an id; returns true if it bans somebody. Throws what a guard says. */
  attempt(jail: string, id: string, lines: readonly string[], now: UnixTime, effects: Effects): boolean {
    const decision = this.#parts.engine.attempt(jail, id, lines, now);
    if (decision.kind === 'refused') throw new EdgebanError(decision.code, `${decision.id}: ${decision.message}`);
    effects.say(() => this.#parts.log.logger('filter').info(`[${jail}] Attempt ${id} - ${timeText(now)}`));
    return decision.kind !== 'found' && decision.kind !== 'ignored' && this.carryOut(jail, decision, effects);
  }

  /** Writes a verdict down; returns true if somebody is banned who was not before. */
  carryOut(jail: string, verdict: Verdict, effects: Effects): boolean {
    const log = this.#parts.log.logger('actions');
    switch (verdict.kind) {
      case 'ban':
        this.#ban(verdict.ban, verdict.base, effects);
        return true;
      case 'prolong':
        this.#prolong(verdict.ban, effects);
        return false;
      case 'already':
        sayAlready(log, jail, verdict.ban.id, effects);
        effects.order({ kind: 'again', ban: verdict.ban });
        return false;
      case 'expired':
        effects.say(() => log.notice(`[${jail}] Ignore ${verdict.id}, expired bantime`));
        return false;
      case 'refused':
        effects.say(() => this.#parts.recent.note('refused', jail, verdict.id));
        if (this.#told.isDue(`${jail} ${verdict.id} ${verdict.code}`))
          effects.say(() => log.warning(`[${jail}] Not banned: ${verdict.id}: ${verdict.message} (${verdict.code})`));
        return false;
    }
  }

  /** An operator's unban: nothing of the id is remembered here, and the edge is told. */
  pardon(ban: Ban, now: UnixTime, effects: Effects): void {
    this.#parts.store.bans.forget(ban.jail, ban.id);
    this.#lift(ban, effects);
    this.#tell(this.#unbanEvent(ban, now), effects);
  }

  /** A ban whose time has come, which the store has taken out already. The edge counts for itself. */
  end(ban: Ban, effects: Effects): void {
    this.#lift(ban, effects);
  }

  /** Takes over a ban, or a new end of one, that the feed tells of. */
  adopt(ban: Ban, effects: Effects): void {
    const { bans } = this.#parts.store;
    const isNew = bans.held(ban.jail, ban.id) === null;
    if (isNew) bans.add(ban);
    else bans.change(ban);
    if (isNew) effects.say(() => this.#sayBan(ban));
    this.#block(ban, effects);
    effects.order({ kind: isNew ? 'ban' : 'prolong', ban });
  }

  /** Ends a ban that the feed no longer holds, or that this host spares. */
  release(ban: Ban, effects: Effects): void {
    this.#parts.store.bans.release(ban.jail, ban.id);
    this.#lift(ban, effects);
  }

  /** A ban that is no longer in order (a new ignoreip, a guard): it is lifted, but the id stays known. */
  drop(ban: Ban, why: string, now: UnixTime, effects: Effects): void {
    this.#parts.store.bans.release(ban.jail, ban.id);
    effects.say(() => this.#parts.log.logger('actions').info(`[${ban.jail}] ${ban.id} is not banned any more: ${why}`));
    this.#lift(ban, effects);
    this.#tell(this.#unbanEvent(ban, now), effects);
  }

  /** How many addresses have failed in the fleet's jails and are not told yet. */
  get untold(): number {
    return this.#failures.waiting;
  }

  /** Tells some of them, if not too much else waits: each by itself, for one does not replace another. */
  tellFailures(effects: Effects): void {
    const { outbox } = this.#parts.store;
    if (outbox.size >= fleetFailuresLimits.outbox_events_max) return;
    for (const event of this.#failures.take())
      effects.write(() =>
        outbox.append(JSON.stringify([event.kind, event.jail, event.address]), JSON.stringify(event)),
      );
    effects.queued();
  }

  /** Queues all bans in force once more: the outbox had to drop events. */
  tellAnew(jails: readonly string[]): void {
    const { store } = this.#parts;
    store.outbox.restart();
    for (const jail of jails) for (const ban of store.bans.heldIn(jail)) this.#queue(this.#banEvent(ban));
  }

  /** The same for one jail, whose bans are to be enforced elsewhere from now on. */
  tellOf(jail: string, effects: Effects): void {
    for (const ban of this.#parts.store.bans.heldIn(jail)) this.#tell(this.#banEvent(ban), effects);
  }

  #ban(ban: Ban, base: Seconds, effects: Effects): void {
    const { store, log } = this.#parts;
    effects.write(() => store.bans.add(ban));
    effects.say(() => this.#sayBan(ban));
    if (ban.bantime !== base) {
      const grown = `${ban.count} # ${durationText(ban.bantime)} -> ${timeText(ban.until)}`;
      effects.say(() => log.logger('observer').notice(`[${ban.jail}] Increase Ban ${ban.id} (${grown})`));
    }
    this.#block(ban, effects);
    effects.order({ kind: 'ban', ban });
    this.#tell(this.#banEvent(ban), effects);
  }

  #prolong(ban: Ban, effects: Effects): void {
    const { store, log, recent } = this.#parts;
    effects.write(() => store.bans.change(ban));
    effects.say(() => {
      log.logger('actions').info(`[${ban.jail}] Prolong Ban ${ban.id} to ${timeText(ban.until)}`);
      recent.note('prolong', ban.jail, ban.id);
    });
    this.#block(ban, effects);
    effects.order({ kind: 'prolong', ban });
    this.#tell(this.#banEvent(ban), effects);
  }

  #sayBan({ jail, id }: Ban): void {
    this.#parts.log.logger('actions').notice(`[${jail}] Ban ${id}`);
    this.#parts.recent.note('ban', jail, id);
  }

  #block(ban: Ban, effects: Effects): void {
    const address = addressOf(ban);
    if (address !== null) effects.change(ban.jail, { kind: 'add', address, until: ban.until });
  }

  #lift(ban: Ban, effects: Effects): void {
    effects.say(() => {
      this.#parts.log.logger('actions').notice(`[${ban.jail}] Unban ${ban.id}`);
      this.#parts.recent.note('unban', ban.jail, ban.id);
    });
    effects.order({ kind: 'unban', ban });
    const address = addressOf(ban);
    if (address === null) return;
    // another id of this jail may stand for the same address (a filter that bans by user name)
    const until = this.#parts.store.bans.untilOfAddress(ban.jail, address);
    if (until === undefined) effects.change(ban.jail, { kind: 'delete', address });
    else effects.change(ban.jail, { kind: 'add', address, until });
  }

  /** By itself: what is to be said later keeps in memory all that is at hand where it is made. */
  #sayFound(jail: string, id: string, at: string, effects: Effects): void {
    effects.say(() => {
      this.#filterLog.info(`[${jail}] Found ${id} - ${at}`);
      this.#parts.recent.note('found', jail, id);
    });
  }

  #sayKnownBad(jail: string, id: string, at: string, bad: KnownBad, effects: Effects): void {
    const text = `[${jail}] Found ${id}, bad - ${at}, ${bad.count} # -> ${bad.weight.toFixed(1)}`;
    effects.say(() => this.#parts.log.logger('observer').info(text));
  }

  #tell(event: ToldEvent | null, effects: Effects): void {
    // what the edge has said need not be told to it
    if (event === null || event.jail === edgeJail || !this.#parts.isEnrolled()) return;
    effects.write(() => this.#queue(event));
    effects.queued();
  }

  /** What is as usual need not be said. */
  #banEvent(ban: Ban): ToldEvent | null {
    const address = addressOf(ban);
    if (address === null) return null;
    const { jail, until, failures, count } = ban;
    const at = this.#lifts.timeOf(jail, address, ban.at);
    const { edge, hosts } = this.#parts.planesOf(jail);
    const planes = { ...(edge === 'block' ? {} : { edge }), ...(hosts ? {} : { hosts }) };
    return { kind: 'ban', jail, address, at, until: wireUntil(until), failures, count, ...planes };
  }

  #unbanEvent(ban: Ban, now: UnixTime): ToldEvent | null {
    const address = addressOf(ban);
    if (address === null) return null;
    const { jail } = ban;
    const at = Math.max(now, this.#lifts.timeOf(jail, address, ban.at));
    this.#lifts.note(jail, address, at);
    return { kind: 'unban', jail, address, at };
  }

  #queue(event: ToldEvent | null): void {
    if (event === null) return;
    this.#parts.store.outbox.append(JSON.stringify([event.jail, event.address]), JSON.stringify(event));
  }
}

function sayAlready(log: Logger, jail: string, id: string, effects: Effects): void {
  effects.say(() => log.notice(`[${jail}] ${id} already banned`));
}

/** A new ban keeps what the failure that led to it has caught, for its actions. */
function withGroups(verdict: Verdict, failure: Failure): Verdict {
  // their names are put together when they are asked for
  return verdict.kind === 'ban' ? { ...verdict, ban: { ...verdict.ban, groups: failure.groups } } : verdict;
}

/** What a firewall can be told of a ban; null if there is no address in it. */
export function addressOf(ban: Pick<Ban, 'id' | 'ip'>): string | null {
  return ban.ip ?? canonical(ban.id);
}

/** The wire's times end in the year 5138; a formula may make a ban that ends later. */
function wireUntil(until: Until): Until {
  return until === null || until > 1e11 ? null : until;
}
