/** The feed from a ledger to a host: two databases that must agree in the end. */
import { expect, test } from 'vitest';
import { changesAfter, type Heard } from '../../shared/store/feed.ts';
import { Holders, type Holding } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { edgeActions } from '../../shared/ticket.ts';
import { laterOf } from '../../shared/time.ts';
import { storeOn } from '../both/court.ts';
import { withSql } from '../both/sql-node.ts';
import { below, oneOf, randomOf } from '../random.ts';

function holding(at: number, until: number | null, its: Partial<Holding> = {}): Holding {
  return { address: '192.0.2.1', host: 'a', jail: 'sshd', at, until, edge: 'block', hosts: true, ...its };
}

const [oneLedger, otherLedger] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];

/** A reader that keeps its own tables; `read` takes in pages until it is up to date, or as many as told. */
function readerOn(sql: Sql): {
  heard: Heard;
  holders: Holders;
  read: (ledger: string, from: Sql, pages?: number) => void;
} {
  const { heard, holders } = storeOn(sql);
  const read = (ledger: string, from: Sql, pages = 1000) => {
    for (let page = 0; page < pages; page += 1) {
      const answer = changesAfter(from, new Holders(from), { ...heard.next(), limit: 3 });
      sql.transaction(() => heard.take(ledger, answer));
      if (!answer.more && !heard.next().resetting) return;
    }
  };
  return { heard, holders, read };
}

test('a reader hears what changed, once', async () => {
  await withSql((ledger) =>
    withSql((host) => {
      const { holders } = storeOn(ledger);
      holders.hold(holding(1, 100));
      holders.hold(holding(1, 200, { jail: 'mail' }));
      const page = changesAfter(ledger, holders, { after: 0, resetting: false, limit: 10 });
      const reader = readerOn(host);
      expect(reader.heard.ledger()).toBeNull();
      expect(reader.heard.take(oneLedger, page)).toEqual(['192.0.2.1']);
      expect(reader.heard.take(oneLedger, page)).toEqual([]);
      expect([reader.heard.ledger(), reader.heard.next()]).toEqual([oneLedger, { after: 2, resetting: false }]);
      expect(reader.holders.effective('192.0.2.1', 50)).toBe(200);
    }),
  );
});

test('after a reset, and with another ledger, holders that are not named are gone', async () => {
  await withSql((ledger) =>
    withSql((other) =>
      withSql((host) => {
        const reader = readerOn(host);
        const { holders } = storeOn(ledger);
        for (let i = 0; i < 9; i += 1) holders.hold(holding(1, null, { address: `192.0.2.${i}` }));
        reader.read(oneLedger, ledger);
        holders.lift(holding(2, null, { address: '192.0.2.0' }));
        holders.purge(1000, 10);
        reader.read(oneLedger, ledger, 1);
        expect([reader.heard.next().resetting, reader.holders.effectiveAll(5).length]).toEqual([true, 9]);
        reader.read(oneLedger, ledger);
        expect(reader.holders.effectiveAll(5)).toEqual(holders.effectiveAll(5));
        const strange = storeOn(other).holders;
        for (let i = 0; i < 20; i += 1) strange.hold(holding(1, null, { address: `198.51.100.${i}` }));
        reader.read(otherLedger, other);
        expect(reader.holders.effectiveAll(5)).toEqual(strange.effectiveAll(5));
        expect(reader.heard.ledger()).toBe(otherLedger);
      }),
    ),
  );
});

test('a ban for the edge alone is for no host to enforce; one that becomes so is lifted for the others', async () => {
  await withSql((ledger) =>
    withSql((host) => {
      const { holders } = storeOn(ledger);
      const reader = readerOn(host);
      const changes = (after: number) => changesAfter(ledger, holders, { after, resetting: false, limit: 10 }).changes;
      holders.hold(holding(1, null, { hosts: false }));
      holders.hold(holding(1, null, { address: '192.0.2.2' }));
      expect(changes(0).map(({ address }) => address)).toEqual(['192.0.2.2']);
      reader.read(oneLedger, ledger);
      holders.hold(holding(2, null, { address: '192.0.2.2', hosts: false, edge: 'challenge' }));
      expect(changes(2)).toMatchObject([{ address: '192.0.2.2', lifted: false, hosts: false, cursor: 3 }]);
      reader.read(oneLedger, ledger);
      expect(reader.holders.effectiveAll(5)).toEqual([]);
      holders.hold(holding(3, null, { address: '192.0.2.2' }));
      reader.read(oneLedger, ledger);
      expect(reader.holders.effectiveAll(5)).toEqual([{ address: '192.0.2.2', until: null }]);
      // its own host must hear that the operator has lifted it
      holders.lift(holding(4, null));
      expect(changes(4)).toMatchObject([{ address: '192.0.2.1', lifted: true }]);
    }),
  );
});

interface Told {
  readonly kind: 'hold' | 'lift';
  readonly holding: Holding;
}

/** What hosts must enforce, by the ledger's table. */
function forHosts(sql: Sql, now: number): { address: string; until: number | null }[] {
  const rows = sql.all(
    'SELECT address, until FROM holders WHERE hosts = 1 AND lifted = 0 AND ended = 0 AND (until IS NULL OR until > ?)',
    now,
  );
  const ends = new Map<string, number | null>();
  for (const { address, until } of rows) {
    const known = ends.get(String(address));
    const end = until === null ? null : Number(until);
    ends.set(String(address), known === undefined ? end : laterOf(known, end));
  }
  return [...ends].map(([address, until]) => ({ address, until })).sort((a, b) => (a.address < b.address ? -1 : 1));
}

function tell(holders: Holders, { kind, holding: its }: Told): boolean {
  return kind === 'hold' ? holders.hold(its) : holders.lift(its);
}

test.each([1, 2, 3, 4])(
  'replays and lost pages (seed %i): every reader ends with what the ledger holds',
  async (seed) => {
    const random = randomOf(seed);
    const age = 30;
    await withSql((ledger) =>
      withSql((host) => {
        const { holders } = storeOn(ledger);
        const reader = readerOn(host);
        const told: Told[] = [];
        let now = 1000;
        for (let step = 0; step < 600; step += 1) {
          now += random() * 5;
          const key = { address: `192.0.2.${below(random, 12)}`, host: oneOf(random, ['a', 'b']), jail: 'sshd' };
          const until = random() < 0.2 ? null : now + below(random, 300);
          const its = { edge: oneOf(random, edgeActions), hosts: random() < 0.7 };
          const event: Told = { kind: random() < 0.6 ? 'hold' : 'lift', holding: { ...key, at: now, until, ...its } };
          tell(holders, event);
          told.push(event);
          const cursor = holders.last();
          // what is older than the purge leaves behind is not known any more
          const again = [
            event,
            oneOf(
              random,
              told.filter((one) => one.holding.at >= now - age),
            ),
          ];
          expect(again.map((one) => tell(holders, one))).toEqual([false, false]);
          expect(holders.last()).toBe(cursor);
          if (random() < 0.1) holders.expire(now, 5);
          if (random() < 0.03) holders.purge(now, age);
          if (random() < 0.15) reader.read(oneLedger, ledger, 1 + below(random, 4));
        }
        expect(holders.floor()).toBeGreaterThan(0);
        reader.read(oneLedger, ledger);
        expect(forHosts(ledger, now).length).toBeGreaterThan(0);
        expect(holders.effectiveAll(now).length).toBeGreaterThan(forHosts(ledger, now).length);
        expect(reader.holders.effectiveAll(now)).toEqual(forHosts(ledger, now));
      }),
    );
  },
);
