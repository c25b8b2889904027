/** Bans are kept, ended, forgotten and purged by fail2ban's rules, and within limits. */
import { withSql } from 'test-sql';
import { expect, test } from 'vitest';
import { Bans, banLimits } from '../../shared/store/bans.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { Ban, Counter } from '../../shared/ticket.ts';
import { untilOf } from '../../shared/time.ts';
import { storeOn } from './court.ts';

function banAt(at: number, bantime: number, its: Partial<Ban> = {}): Ban {
  const id = its.id ?? '192.0.2.1';
  const until = untilOf(at, bantime);
  return { jail: 'sshd', id, ip: id, at, bantime, until, count: 1, failures: 3, matches: ['a', 'b'], ...its };
}

function onStore<T>(body: (store: ReturnType<typeof storeOn>, sql: Sql) => T): Promise<T> {
  return withSql((sql) => body(storeOn(sql), sql));
}

test('a ban comes back as it was written', async () => {
  await onStore(({ bans }) => {
    const ban = banAt(100.25, 600.5, { id: 'röot', ip: null, matches: ['"quoted"', 'two\nlines'] });
    bans.add(ban);
    expect(bans.held('sshd', 'röot')).toEqual(ban);
    expect([...bans.heldIn('sshd')]).toEqual([ban]);
    expect(bans.history('röot', 5)).toEqual([ban]);
    expect([bans.held('mail', 'röot'), [...bans.heldIn('mail')], bans.heldCount('sshd')]).toEqual([null, [], 1]);
  });
});

test('a ban that was read before is told as it is now', async () => {
  await onStore((store) => {
    const { bans } = store;
    const first = banAt(100, 600);
    const read = () => bans.held('sshd', '192.0.2.1');
    bans.add(first);
    expect([read(), read()]).toEqual([first, first]);
    bans.change({ ...first, bantime: 900, until: 1000 });
    expect(read()?.until).toBe(1000);
    bans.add({ ...first, count: 2 });
    expect(read()?.count).toBe(2);
    expect(bans.takeEnded(2_000, 10)).toHaveLength(1);
    expect(read()).toBeNull();
    bans.add(first);
    expect(read()).toEqual(first);
    bans.release('sshd', '192.0.2.1');
    expect(read()).toBeNull();
    bans.add(first);
    expect(read()).toEqual(first);
    bans.forget('sshd', '192.0.2.1');
    expect(read()).toBeNull();
  });
});

test('a ban whose transaction was undone is none, though it was read in it', async () => {
  await onStore((store) => {
    const { bans } = store;
    const undone = () =>
      store.transaction(() => {
        bans.add(banAt(100, 600));
        expect(bans.held('sshd', '192.0.2.1')).not.toBeNull();
        throw new Error('no');
      });
    expect(undone).toThrow('no');
    expect(bans.held('sshd', '192.0.2.1')).toBeNull();
  });
});

test('bans are told in the order in which they were made, however many there are', async () => {
  await onStore(({ bans }) => {
    const ids = Array.from({ length: 2_500 }, (_, i) => `id${(i * 7) % 2_500}`);
    for (const id of ids) bans.add(banAt(5, 600, { id, ip: null }));
    bans.add(banAt(5, 600, { jail: 'mail' }));
    expect(bans.idsIn('sshd')).toEqual(ids);
    bans.change(banAt(7, 600, { id: 'id7', ip: null }));
    bans.release('sshd', 'id14');
    bans.add(banAt(1, 600, { id: 'id14', ip: null }));
    const now = [...ids.filter((id) => id !== 'id14'), 'id14'];
    expect([...bans.heldIn('sshd')].map((ban) => ban.id)).toEqual(now);
    expect([...bans.endsIn('sshd')].map((ban) => ban.id)).toEqual(now);
    // who goes through them may take them out
    for (const { jail, id } of bans.heldIn('sshd')) bans.release(jail, id);
    expect([bans.heldCount('sshd'), bans.idsIn('mail')]).toEqual([0, ['192.0.2.1']]);
  });
});

test('an address is blocked until the last of the ids ends that stand for it', async () => {
  await onStore(({ bans }) => {
    bans.add(banAt(0, 100));
    bans.add(banAt(0, 300, { id: 'root', ip: '192.0.2.1' }));
    bans.add(banAt(0, 200, { id: 'admin', ip: '192.0.2.1' }));
    expect(bans.untilOfAddress('sshd', '192.0.2.1')).toBe(300);
    bans.release('sshd', 'root');
    bans.release('sshd', '192.0.2.1');
    expect([bans.untilOfAddress('sshd', '192.0.2.1'), bans.untilOfAddress('sshd', 'admin')]).toEqual([200, 200]);
    bans.release('sshd', 'admin');
    expect(bans.untilOfAddress('sshd', '192.0.2.1')).toBeUndefined();
  });
});

test('the past is one jail’s, or the sum of all', async () => {
  await onStore(({ bans }) => {
    bans.add(banAt(100, 600, { count: 2 }));
    bans.add(banAt(50, 600, { jail: 'mail', count: 3 }));
    expect(bans.past('sshd', '192.0.2.1')).toEqual({ count: 2, at: 100 });
    expect(bans.past(null, '192.0.2.1')).toEqual({ count: 5, at: 100 });
    expect([bans.past('web', '192.0.2.1'), bans.past(null, '192.0.2.9')]).toEqual([null, null]);
  });
});

test('bans that have ended are taken out in order, and stay known', async () => {
  await onStore(({ bans }) => {
    bans.add(banAt(0, 300, { id: 'c' }));
    bans.add(banAt(0, 100, { id: 'a' }));
    bans.add(banAt(0, 200, { id: 'b' }));
    bans.add(banAt(0, -1, { id: 'd' }));
    expect(bans.nextEnd()).toBe(100);
    expect(bans.takeEnded(99, 10)).toEqual([]);
    expect(bans.takeEnded(200, 1).map((ban) => ban.id)).toEqual(['a']);
    expect(bans.takeEnded(300, 10).map((ban) => ban.id)).toEqual(['b', 'c']);
    expect([bans.heldCount('sshd'), bans.nextEnd(), bans.past('sshd', 'a')]).toEqual([1, null, { count: 1, at: 0 }]);
  });
});

test('a prolonged ban ends later; release keeps the id known, forget does not', async () => {
  await onStore(({ bans }) => {
    const ban = banAt(0, 100);
    bans.add(ban);
    bans.change({ ...ban, at: 50, until: 150 });
    expect(bans.held('sshd', ban.id)).toEqual({ ...ban, at: 50, until: 150 });
    bans.release('sshd', ban.id);
    expect([bans.held('sshd', ban.id), bans.past('sshd', ban.id)?.count]).toEqual([null, 1]);
    expect(bans.forget('sshd', ban.id)).toBe(false);
    expect([bans.past('sshd', ban.id), bans.history(ban.id, 9)]).toEqual([null, []]);
    bans.add(ban);
    expect(bans.forget('sshd', ban.id)).toBe(true);
  });
});

test('the purge spares ids until three times their bantime, and permanent ones for ever', async () => {
  await onStore(({ bans }) => {
    bans.add(banAt(0, 100, { id: 'short' }));
    bans.add(banAt(0, 1000, { id: 'long' }));
    bans.add(banAt(0, -1, { id: 'permanent' }));
    const known = () => ['short', 'long', 'permanent'].map((id) => bans.past('sshd', id) !== null);
    bans.purge(1300, 1000);
    expect([known(), bans.history('short', 1).length]).toEqual([[true, true, true], 0]);
    bans.purge(1301, 1000);
    expect(known()).toEqual([false, true, true]);
    bans.purge(4001, 1000);
    expect(known()).toEqual([false, false, true]);
    expect(bans.heldCount('sshd')).toBe(3);
  });
});

test('every table has its limit; held bans above it are handed back, those that end soonest first', async () => {
  await onStore((_store, sql) => {
    const limits = { ...banLimits, held_bans_max: 2, known_ids_max: 3, history_bans_max: 2 };
    const bans = new Bans(sql, { dbmaxmatches: 10, limits });
    for (const [index, bantime] of [300, 200, 100, -1].entries()) bans.add(banAt(index, bantime, { id: `id${index}` }));
    expect(bans.takeExcess().map((ban) => ban.id)).toEqual(['id2', 'id1']);
    expect(bans.takeExcess()).toEqual([]);
    bans.purge(10, 1000);
    const ids = ['id0', 'id1', 'id2', 'id3'];
    expect(ids.map((id) => bans.past('sshd', id) !== null)).toEqual([false, true, true, true]);
    expect(ids.map((id) => bans.history(id, 1).length)).toEqual([0, 0, 1, 1]);
  });
});

test('of the lines the newest are kept, as many as dbmaxmatches and the size allow', async () => {
  await onStore((_store, sql) => {
    const kept = (dbmaxmatches: number, matches: readonly string[]) => {
      const bans = new Bans(sql, { dbmaxmatches, limits: { ...banLimits, matches_chars_max: 6 } });
      bans.add(banAt(0, 100, { matches }));
      return bans.held('sshd', '192.0.2.1')?.matches;
    };
    expect(kept(2, ['a', 'b', 'c'])).toEqual(['b', 'c']);
    expect(kept(0, ['a'])).toEqual([]);
    expect(kept(9, ['aaa', 'bbb', 'ccc'])).toEqual(['bbb', 'ccc']);
    expect(kept(9, ['aaa', 'bbbb', 'cccc'])).toEqual(['bb', 'cccc']);
  });
});

test('a ban that was just written is told as whoever reads the database tells it', async () => {
  await onStore((_store, sql) => {
    const settings = { dbmaxmatches: 1, limits: { ...banLimits, matches_chars_max: 6 } };
    const told = (its: Partial<Ban>) => {
      const bans = new Bans(sql, settings);
      bans.add(banAt(0, 100, its));
      return [bans.held('sshd', '192.0.2.1'), new Bans(sql, settings).held('sshd', '192.0.2.1')];
    };
    const captures = { long: 'x'.repeat(5_000), user: 'root' };
    for (const groups of [{}, { user: 'root' }, captures, { long: captures.long }]) {
      const [written, read] = told({ groups, matches: ['first', 'a long line'], forced: true });
      expect(written).toEqual(read);
      expect(read?.matches).toEqual(['a long']);
    }
  });
});

test('counters, positions and single values are kept', async () => {
  await onStore(({ counters, positions, meta }) => {
    const counter: Counter = {
      jail: 'sshd',
      id: 'a',
      ip: null,
      first: 1.5,
      time: 3,
      retry: 2,
      failures: 2,
      times: [1.5, 3],
      matches: ['x'],
    };
    const older = { ...counter, id: 'b', time: 2, ip: '192.0.2.1' };
    counters.save({ put: [counter, older, { ...counter, jail: 'mail', time: 9 }], gone: [] });
    counters.forgetJail('mail');
    expect(counters.all()).toEqual([older, counter]);
    counters.save({ put: [{ ...older, retry: 3 }], gone: [{ jail: 'sshd', id: 'a' }] });
    expect(counters.all()).toEqual([{ ...older, retry: 3 }]);
    positions.set('/var/log/auth.log', '{"offset":1}');
    positions.set('/var/log/auth.log', '{"offset":2}');
    positions.set('journal', '"s=1"');
    positions.forget('journal');
    expect([positions.get('/var/log/auth.log'), positions.get('journal')]).toEqual(['{"offset":2}', null]);
    expect([...positions.all()]).toEqual([['/var/log/auth.log', '{"offset":2}']]);
    meta.set('a', '7');
    expect([meta.get('a'), meta.count('a'), meta.get('b'), meta.count('b')]).toEqual(['7', 7, null, 0]);
    meta.delete('a');
    expect(meta.get('a')).toBeNull();
  });
});
