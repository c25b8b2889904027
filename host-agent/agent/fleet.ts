/** What other hosts have banned, as the Worker's feed tells it: bans of the jail `edge`, under this host's own guards. */
import { canonical } from '../../shared/address.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Ban } from '../../shared/ticket.ts';
import { FOREVER, type UnixTime, type Until } from '../../shared/time.ts';
import type { FeedChange, FeedPage } from '../../shared/wire.ts';
import type { FeedPlace, FeedSink } from '../edge/ports.ts';
import type { Logger } from '../log/log.ts';
import type { Court } from './court.ts';
import type { Desk } from './desk.ts';
import type { Effects } from './effects.ts';
import { edgeJail } from './plan.ts';

export interface FleetParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly court: Court;
  readonly desk: Desk;
  readonly log: Logger;
  /** This host's id at the ledger. */
  readonly host: string;
}

export class Fleet implements FeedSink {
  readonly #parts: FleetParts;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  next(): FeedPlace {
    const { heard } = this.#parts.store;
    return { ledger: heard.ledger(), ...heard.next() };
  }

  take(page: FeedPage): void {
    const { store, desk, host } = this.#parts;
    desk.transact((effects, now) => {
      const others = page.changes.filter((change) => change.host !== host).flatMap(inOurSpelling);
      const changed = store.heard.take(page.ledger, { ...page, changes: others });
      for (const address of changed) this.#settle(address, now, effects);
      for (const change of page.changes) if (change.host === host && change.lifted) this.#obey(change, now, effects);
    });
  }

  /** After a start or a reload: guards and ignoreip may have changed. */
  review(now: UnixTime, effects: Effects): void {
    const { bans, holders } = this.#parts.store;
    const known = new Set(holders.effectiveAll(now).map(({ address }) => address));
    for (const ban of bans.heldIn(edgeJail)) known.add(ban.id);
    for (const address of known) this.#settle(address, now, effects);
  }

  /** Makes the jail's ban of an address what its holders say. */
  #settle(address: string, now: UnixTime, effects: Effects): void {
    const { store, engine, court } = this.#parts;
    const held = store.bans.held(edgeJail, address);
    const until = store.holders.effective(address, now);
    const ignored = until === undefined ? null : engine.ignored(edgeJail, { id: address, ip: address });
    if (ignored !== null) court.sayIgnored(edgeJail, address, ignored, effects);
    if (until === undefined || ignored !== null) {
      if (held !== null) court.release(held, effects);
      return;
    }
    if (held === null) court.adopt(banOf(address, now, until), effects);
    else if (held.until !== until) court.adopt({ ...held, until, bantime: bantimeOf(held.at, until) }, effects);
  }

  /** The operator has lifted a ban of this host. One that was made since is another ban. */
  #obey(change: FeedChange, now: UnixTime, effects: Effects): void {
    const { store, engine, court, log } = this.#parts;
    for (const ban of engine.heldBy(change.jail, change.address)) {
      if (ban.at > change.at || store.bans.held(ban.jail, ban.id) === null) continue;
      effects.say(() => log.notice(`[${ban.jail}] the operator lifts the ban of ${ban.id} at the edge`));
      court.pardon(ban, now, effects);
    }
  }
}

/** The ledger writes addresses as we do; what it might spell otherwise would be found by nobody. */
function inOurSpelling(change: FeedChange): FeedChange[] {
  const address = canonical(change.address);
  return address === null ? [] : [{ ...change, address }];
}

function banOf(address: string, now: UnixTime, until: Until): Ban {
  const bantime = bantimeOf(now, until);
  return { jail: edgeJail, id: address, ip: address, at: now, bantime, until, count: 1, failures: 0, matches: [] };
}

function bantimeOf(at: UnixTime, until: Until): number {
  return until === null ? FOREVER : Math.max(0, until - at);
}
