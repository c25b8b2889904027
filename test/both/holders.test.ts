/** Who holds an address, told twice or late, and the pages that tell it to others. */
import { withSql } from 'test-sql';
import { expect, test } from 'vitest';
import { type ChangePage, changesAfter } from '../../shared/store/feed.ts';
import type { Holders, Holding } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { FeedChange } from '../../shared/wire.ts';
import { storeOn } from './court.ts';

function holding(at: number, until: number | null, its: Partial<Holding> = {}): Holding {
  return { address: '192.0.2.1', host: 'a', jail: 'sshd', at, until, edge: 'block', hosts: true, ...its };
}

function onHolders<T>(body: (holders: Holders, sql: Sql) => T): Promise<T> {
  return withSql((sql) => body(storeOn(sql).holders, sql));
}

test('the same event again changes nothing and moves no cursor', async () => {
  await onHolders((holders) => {
    expect([holders.hold(holding(1, 100)), holders.last()]).toEqual([true, 1]);
    expect([holders.hold(holding(1, 100)), holders.last()]).toEqual([false, 1]);
    expect([holders.lift(holding(5, null)), holders.last()]).toEqual([true, 2]);
    expect([holders.lift(holding(5, null)), holders.hold(holding(1, 100)), holders.last()]).toEqual([false, false, 2]);
    expect(holders.effective('192.0.2.1', 6)).toBeUndefined();
  });
});

test('an end never moves back; a newer ban takes up a lifted one; an older lift does not end a newer ban', async () => {
  await onHolders((holders) => {
    holders.hold(holding(1, 100));
    expect([holders.hold(holding(2, 90)), holders.effective('192.0.2.1', 6)]).toEqual([true, 100]);
    expect([holders.hold(holding(2, null)), holders.effective('192.0.2.1', 6)]).toEqual([true, null]);
    holders.lift(holding(5, null));
    expect([holders.hold(holding(6, 50)), holders.effective('192.0.2.1', 6)]).toEqual([true, 50]);
    expect([holders.lift(holding(5, null)), holders.effective('192.0.2.1', 6)]).toEqual([false, 50]);
    expect([holders.lift(holding(7, null)), holders.effective('192.0.2.1', 8)]).toEqual([true, undefined]);
    expect(holders.lift(holding(9, null, { host: 'nobody' }))).toBe(false);
  });
});

test('a lift counts though another clock, which is ahead, has lifted an earlier ban', async () => {
  await onHolders((holders) => {
    holders.hold(holding(100, 900));
    holders.lift(holding(160, null));
    holders.hold(holding(110, 910));
    expect([holders.lift(holding(160, null)), holders.effective('192.0.2.1', 170)]).toEqual([false, 910]);
    expect([holders.lift(holding(120, null)), holders.effective('192.0.2.1', 170)]).toEqual([true, undefined]);
  });
});

test('an address is banned until the last of its holders is gone', async () => {
  await onHolders((holders) => {
    holders.hold(holding(1, 100));
    holders.hold(holding(1, 200, { jail: 'mail' }));
    holders.hold(holding(1, null, { host: 'b' }));
    holders.hold(holding(1, 150, { address: '192.0.2.2' }));
    const ends = () => holders.effectiveAll(50).map(({ address, until }) => `${address} ${until}`);
    expect(ends()).toEqual(['192.0.2.1 null', '192.0.2.2 150']);
    holders.lift(holding(2, null, { host: 'b' }));
    expect(ends()).toEqual(['192.0.2.1 200', '192.0.2.2 150']);
    holders.lift(holding(2, null, { jail: 'mail' }));
    expect([holders.effective('192.0.2.1', 99), holders.effective('192.0.2.1', 100)]).toEqual([100, undefined]);
    expect(holders.of('192.0.2.1').map(({ host, jail, lifted }) => `${host} ${jail} ${lifted}`)).toEqual([
      'a mail true',
      'a sshd false',
      'b sshd true',
    ]);
  });
});

test('what has ended is told once, moves no cursor, and a ban after it counts anew', async () => {
  await onHolders((holders) => {
    holders.hold(holding(1, 100));
    holders.hold(holding(1, 120, { jail: 'mail' }));
    holders.hold(holding(1, 110, { address: '192.0.2.2' }));
    holders.hold(holding(1, null, { address: '192.0.2.3' }));
    expect([holders.nextExpiry(), holders.expire(99, 10)]).toEqual([100, []]);
    expect(holders.expire(130, 1)).toEqual(['192.0.2.1']);
    expect(holders.expire(130, 10).sort()).toEqual(['192.0.2.1', '192.0.2.2']);
    expect([holders.expire(130, 10), holders.nextExpiry(), holders.last()]).toEqual([[], null, 4]);
    expect([holders.hold(holding(1, 100)), holders.hold(holding(50, 90)), holders.lift(holding(131, null))]).toEqual([
      false,
      false,
      false,
    ]);
    expect([holders.hold(holding(140, 200)), holders.nextExpiry(), holders.last()]).toEqual([true, 200, 5]);
  });
});

test('the purge keeps what is live, and the cursor; who missed a lift must begin anew', async () => {
  await onHolders((holders, sql) => {
    holders.hold(holding(1, 100));
    holders.hold(holding(1, null, { jail: 'mail' }));
    holders.hold(holding(1, null, { host: 'b' }));
    holders.lift(holding(10, null, { host: 'b' }));
    holders.expire(100, 10);
    holders.purge(109, 100);
    expect([holders.of('192.0.2.1').length, holders.floor()]).toEqual([3, 0]);
    holders.purge(111, 100);
    expect([holders.of('192.0.2.1').length, holders.floor(), holders.last()]).toEqual([2, 4, 4]);
    holders.purge(201, 100);
    expect([holders.of('192.0.2.1').length, holders.floor(), holders.last()]).toEqual([1, 4, 4]);
    const page = (after: number) => changesAfter(sql, holders, { after, resetting: false, limit: 10 });
    expect(page(3)).toMatchObject({ reset: true, more: false, cursor: 4, changes: [{ jail: 'mail', cursor: 2 }] });
    expect(page(4)).toEqual({ reset: false, more: false, cursor: 4, changes: [] });
    expect(page(5)).toMatchObject({ reset: true, changes: [{ jail: 'mail' }] });
    holders.hold(holding(300, 400));
    expect(page(4)).toMatchObject({ reset: false, cursor: 5, changes: [{ at: 300, cursor: 5, lifted: false }] });
  });
});

test('pages come in cursor order, and are what the wire says', async () => {
  await onHolders((holders, sql) => {
    for (const jail of ['a', 'b', 'c', 'd', 'e']) holders.hold(holding(1, 100, { jail }));
    holders.lift(holding(2, null, { jail: 'b' }));
    const pages: ChangePage[] = [];
    for (let after = 0; pages.at(-1)?.more !== false; after = pages.at(-1)?.cursor ?? 0)
      pages.push(changesAfter(sql, holders, { after, resetting: false, limit: 2 }));
    expect(pages.map((page) => page.changes.map((change) => change.jail).join(' '))).toEqual(['a c', 'd e', 'b']);
    for (const change of pages.flatMap((page) => page.changes)) expect(FeedChange.parse(change)).toEqual(change);
  });
});

test('the newest word says what the edge does and whether hosts do it; the same word again changes nothing', async () => {
  await onHolders((holders) => {
    const state = () => holders.of('192.0.2.1').map(({ edge, hosts, until }) => `${edge} ${hosts} ${until}`)[0];
    holders.hold(holding(1, 100, { edge: 'challenge' }));
    expect([holders.hold(holding(1, 100, { edge: 'challenge' })), state()]).toEqual([false, 'challenge true 100']);
    expect([holders.hold(holding(1, 100)), state()]).toEqual([true, 'block true 100']);
    expect([holders.hold(holding(5, 90, { edge: 'off', hosts: false })), state()]).toEqual([true, 'off false 100']);
    expect([holders.hold(holding(4, 120)), state()]).toEqual([true, 'off false 120']);
    expect([holders.hold(holding(4, 110)), state()]).toEqual([false, 'off false 120']);
  });
});
