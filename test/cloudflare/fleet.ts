/** Simulated hosts: engine, store, outbox and feed of the real ones, and a line to the ledger that loses and repeats. */
import { expect } from 'vitest';
import { parsePrefix } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { changesAfter } from '../../shared/store/feed.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { Ban } from '../../shared/ticket.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import { readState } from '../../worker/ledger/state.ts';
import { RequestRefusal } from '../../worker/problem.ts';
import { Court, rules } from '../both/court.ts';
import type { TestLedger } from './ledger.ts';
import { memorySql } from './scene.ts';

const jail = 'sshd';
const page_changes = 7;
const batch_events = 5;

/** What happens to one message between host and ledger. */
export type Line = 'good' | 'lost' | 'answer lost' | 'repeated';

/** What hosts ask for, by the address; every third one is to be challenged only. */
export function isChallenged(address: string): boolean {
  return Number(/\d+$/.exec(address)?.[0]) % 3 === 0;
}

export class SimulatedHost {
  readonly name: string;
  readonly #sql: Sql = memorySql();
  #court: Court;
  /** The ledger at which the bans in force were told. */
  #told: string | null = null;

  constructor(name: string) {
    this.name = name;
    this.#court = this.#open();
  }

  /** As after kill -9. */
  crash(): void {
    this.#court = this.#open();
  }

  fail(id: string, now: UnixTime): void {
    const { store, engine } = this.#court;
    store.transaction(() => {
      const decision = engine.failure(jail, { id, ip: id, time: now, matches: ['a line'], groups: {} }, now);
      if (decision.kind === 'ban') store.bans.add(decision.ban);
      if (decision.kind === 'prolong') store.bans.change(decision.ban);
      if (decision.kind === 'ban' || decision.kind === 'prolong') this.#queue(decision.ban);
      store.counters.save(engine.takeDirtyCounters());
    });
  }

  unban(id: string, now: UnixTime): void {
    const { store } = this.#court;
    if (store.bans.held(jail, id) === null) return;
    store.transaction(() => {
      store.bans.release(jail, id);
      store.outbox.append(id, JSON.stringify({ kind: 'unban', jail, address: id, at: now }));
    });
  }

  /** Bans in force here, by this host. */
  own(now: UnixTime): Ban[] {
    const { store } = this.#court;
    store.transaction(() => store.bans.takeEnded(now, 1_000));
    return store.bans.idsIn(jail).flatMap((id) => {
      const ban = store.bans.held(jail, id);
      return ban === null || isOver(ban.until, now) ? [] : [ban];
    });
  }

  /** What it has heard of the others. */
  heard(now: UnixTime): string[] {
    return this.#court.store.holders.effectiveAll(now).map(({ address }) => address);
  }

  get waiting(): number {
    return this.#court.store.outbox.size;
  }

  /** One batch on its way to the ledger. A new ledger is told everything. */
  push(ledger: TestLedger, line: Line, now: UnixTime): void {
    const { store } = this.#court;
    if (this.#told !== ledger.id) {
      ledger.enrol(this.name);
      this.#told = ledger.id;
      this.#tellAnew(now);
    }
    const pending = store.outbox.peek(batch_events);
    if (pending === null || line === 'lost') return;
    const events = pending.events.map((event): unknown => JSON.parse(event));
    try {
      const { acked } = ledger.tell(this.name, pending.stream, pending.first, events);
      if (line === 'repeated')
        expectNothingNew(ledger, () => ledger.tell(this.name, pending.stream, pending.first, events));
      if (line !== 'answer lost') store.transaction(() => store.outbox.ack(pending.stream, acked));
    } catch (error) {
      if (!(error instanceof RequestRefusal) || error.code !== 'ERR_EVENTS_GAP') throw error;
      this.#tellAnew(now);
    }
  }

  /** One page of the feed. */
  pull(ledger: TestLedger, line: Line): void {
    const { store } = this.#court;
    if (line === 'lost' || line === 'answer lost') return;
    const next = store.heard.next();
    const place = store.heard.ledger() === ledger.id ? next : { after: -1, resetting: false };
    const page = changesAfter(ledger.sql, ledger.holders, { ...place, limit: page_changes });
    const changes = page.changes.filter(({ host }) => host !== this.name);
    for (let times = line === 'repeated' ? 2 : 1; times > 0; times--)
      store.transaction(() => store.heard.take(ledger.id, { ...page, changes }));
  }

  #queue(ban: Ban): void {
    const { ip, until, at, failures, count } = ban;
    const address = ip ?? ban.id;
    const edge = isChallenged(address) ? 'challenge' : 'block';
    const event = { kind: 'ban', jail, address, at, until, failures, count, edge };
    this.#court.store.outbox.append(ban.id, JSON.stringify(event));
  }

  #tellAnew(now: UnixTime): void {
    const { store } = this.#court;
    const bans = this.own(now);
    store.transaction(() => {
      store.outbox.restart();
      for (const ban of bans) this.#queue(ban);
    });
  }

  #open(): Court {
    const its = { ...rules, maxretry: 2, findtime: 3_600, bantime: 1_800 };
    return new Court(this.#sql, { [jail]: its }, { own: [parsePrefix('203.0.113.250')].flatMap((own) => own ?? []) });
  }
}

/** No event is applied twice. */
function expectNothingNew(ledger: TestLedger, again: () => unknown): void {
  const before = { revision: readState(ledger.sql).revision, cursor: ledger.holders.last() };
  try {
    again();
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
  }
  expect({ revision: readState(ledger.sql).revision, cursor: ledger.holders.last() }).toEqual(before);
}
