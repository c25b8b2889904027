/** edgeban's own ways to count: what is really inside findtime, and IPv6 by prefixes. */
import { withSql } from 'test-sql';
import { describe, expect, test } from 'vitest';
import { parsePrefix } from '../../shared/address.ts';
import type { JailRules } from '../../shared/engine/decision.ts';
import { Counters, countingLimits } from '../../shared/engine/findtime.ts';
import { below, randomOf } from '../random.ts';
import { Court, failureOf, rules } from './court.ts';

const sliding = { findtime: 600, maxretry: 5, maxmatches: 5, sliding: true };

function failure(time: number, id = '192.0.2.1') {
  return { id, ip: id, time, matches: [] };
}

function entry(text: string): JailRules['ignoreip'][number] {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new Error(text);
  return { prefix, by: 'ip', text };
}

describe('a sliding window', () => {
  test('counts what is inside findtime, in whatever order it comes', () => {
    const random = randomOf(3);
    for (let round = 0; round < 200; round++) {
      const counters = new Counters('sshd');
      const times: number[] = [];
      for (let n = 0; n < 40; n++) {
        times.push((times.at(-1) ?? 0) + below(random, 300) - 60);
        const newest = Math.max(...times);
        const inside = times.filter((time) => time >= newest - sliding.findtime).length;
        const count = counters.add(failure(times.at(-1) ?? 0), sliding);
        expect(count).toBe(Math.min(inside, sliding.maxretry));
      }
    }
  });

  test('does not ban where the estimate rounds up', () => {
    // four within three seconds, and one when the first is out: the estimate still takes them for four
    const drip = [0, 1, 2, 3, 601];
    const most = (isSliding: boolean) => {
      const counters = new Counters('sshd');
      return Math.max(...drip.map((time) => counters.add(failure(time), { ...sliding, sliding: isSliding })));
    };
    expect([most(true), most(false)]).toEqual([4, 5]);
  });

  test('goes on from what the estimate has counted, and back', () => {
    const counters = new Counters('sshd');
    for (const time of [0, 1, 2]) counters.add(failure(time), { ...sliding, sliding: false });
    expect(counters.add(failure(300), sliding)).toBe(4);
    expect(counters.add(failure(700), sliding)).toBe(2);
    expect(counters.add(failure(701), { ...sliding, sliding: false })).toBe(3);
    expect(counters.get('192.0.2.1')?.times).toEqual([]);
  });

  test('is kept over a crash, with further retries of known ids', async () => {
    await withSql((sql) => {
      const increment = {
        factor: 1,
        multipliers: [],
        formula: null,
        maxtime: null,
        rndtime: null,
        overalljails: false,
      };
      const its = { ...rules, ...sliding, increment };
      const court = new Court(sql, { sshd: its });
      court.written(() => court.engine.banNow('sshd', '192.0.2.9', 0));
      court.store.bans.release('sshd', '192.0.2.9');
      for (const time of [1, 400]) court.fail('192.0.2.1', time);
      expect(court.fail('192.0.2.9', 400)).toMatchObject({ kind: 'found', count: 2 });
      const again = new Court(sql, { sshd: its });
      // the failure at 1 is out of the window
      expect(again.fail('192.0.2.1', 700)).toMatchObject({ kind: 'found', count: 2 });
      expect(again.fail('192.0.2.9', 700)).toMatchObject({ kind: 'found', count: 4 });
      expect(again.fail('192.0.2.9', 701)).toMatchObject({ kind: 'ban' });
    });
  });

  test('keeps no more times than there is room for', () => {
    const counters = new Counters('sshd', { ...countingLimits, times_per_jail_max: 6 });
    for (const id of ['a', 'b']) for (const time of [1, 2, 3]) counters.add(failure(time, id), sliding);
    counters.add(failure(4, 'c'), sliding);
    expect(['a', 'b', 'c'].map((id) => counters.get(id)?.retry)).toEqual([undefined, 3, 1]);
    counters.drop('b');
    for (const time of [5, 6, 7, 8]) counters.add(failure(time, 'd'), sliding);
    expect(['c', 'd'].map((id) => counters.get(id)?.retry)).toEqual([1, 4]);
  });
});

describe('IPv6 by prefixes', () => {
  const wide = { ...rules, maxretry: 3, prefix6: 64 };
  const scene = (its: JailRules, play: (court: Court) => void, guard = {}) =>
    withSql((sql) => play(new Court(sql, { sshd: its }, guard)));

  test('three addresses of one /64 are one visitor; IPv4 and names stay by themselves', async () => {
    await scene(wide, (court) => {
      expect(court.fail('2001:db8::1', 1)).toMatchObject({ kind: 'found', count: 1 });
      expect(court.fail('2001:db8::2', 2)).toMatchObject({ kind: 'found', count: 2 });
      expect(court.fail('2001:db8:0:1::2', 2)).toMatchObject({ kind: 'found', count: 1 });
      expect(court.fail('2001:db8::ffff', 3)).toMatchObject({
        kind: 'ban',
        ban: { id: '2001:db8::/64', ip: '2001:db8::/64', failures: 3 },
      });
      expect(court.fail('192.0.2.1', 3)).toMatchObject({ count: 1 });
      expect(court.fail('192.0.2.2', 3)).toMatchObject({ count: 1 });
      for (const time of [4, 5]) court.fail('root', time, { ip: '2001:db8:5::7' });
      const byName = court.fail('root', 6, { ip: '2001:db8:5::8' });
      expect(byName).toMatchObject({ kind: 'ban', ban: { id: 'root', ip: '2001:db8:5::/64' } });
    });
  });

  test('an address lifts the ban of its prefix, and a client counts by prefixes', async () => {
    await scene(wide, (court) => {
      court.written(() => court.engine.attempt('sshd', '2001:db8::1', ['a', 'b'], 1));
      court.written(() => court.engine.attempt('sshd', '2001:db8::2', [], 1));
      expect(court.engine.heldBy('sshd', '2001:db8::77').map(({ id }) => id)).toEqual(['2001:db8::/64']);
      expect(court.engine.heldBy('sshd', '2001:db8:1::77')).toEqual([]);
      court.written(() => court.engine.banNow('sshd', '2001:db8::/48', 1));
      expect(court.engine.heldBy('sshd', '2001:db8:0:1::77')).toEqual([]);
      // a jail that does not run: nobody knows its prefix
      court.engine.dropJail('sshd');
      expect(court.engine.heldBy('sshd', '2001:db8::77').map(({ id }) => id)).toEqual(['2001:db8::/64']);
      expect(court.engine.heldBy('sshd', '2001:db8:0:1::77').map(({ id }) => id)).toEqual(['2001:db8::/48']);
    });
  });

  test.each([
    ['ignoreip', { ...wide, ignoreip: [entry('2001:db8::5')] }, {}],
    ['the allow list', wide, { allowed: [entry('2001:db8::5').prefix] }],
    ['the widest that may be banned', wide, { prefix6: 96 }],
  ])('%s is not banned along: then it is the single address', async (_name, its, guard) => {
    await scene(
      its,
      (court) => {
        for (const time of [1, 2]) court.fail('2001:db8::1', time);
        expect(court.fail('2001:db8::2', 2)).toMatchObject({ kind: 'found', count: 1 });
        expect(court.fail('2001:db8::1', 3)).toMatchObject({ kind: 'ban', ban: { id: '2001:db8::1' } });
      },
      guard,
    );
  });

  test('what is spared is spared', async () => {
    await scene({ ...wide, ignoreip: [entry('2001:db8::5')] }, (court) => {
      expect(court.engine.failure('sshd', failureOf('2001:db8::5', 1), 1)).toMatchObject({ kind: 'ignored', by: 'ip' });
    });
  });
});
