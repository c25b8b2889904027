/** The engine decides as fail2ban does, and no decision touches who is ignored or guarded. */
import { withSql } from 'test-sql';
import { expect, test } from 'vitest';
import { contains, type Prefix, parsePrefix } from '../../shared/address.ts';
import type { Increment } from '../../shared/engine/bantime.ts';
import type { IgnoreEntry, JailRules } from '../../shared/engine/decision.ts';
import { Guard } from '../../shared/engine/guard.ts';
import { laterOf, type Until } from '../../shared/time.ts';
import { below, oneOf, randomOf } from '../random.ts';
import { Court, rules } from './court.ts';

const increment: Increment = {
  factor: 1,
  multipliers: [],
  formula: null,
  maxtime: null,
  rndtime: null,
  overalljails: false,
};

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new Error(`no prefix: ${text}`);
  return parsed;
}

function ignoring(...texts: string[]): IgnoreEntry[] {
  return texts.map((text) => ({ prefix: prefix(text), by: 'ip', text }));
}

/** Runs the body in a court with the jail sshd under these rules (and mail under the plain ones). */
function court<T>(its: Partial<JailRules>, body: (court: Court) => T): Promise<T> {
  return withSql((sql) => body(new Court(sql, { sshd: { ...rules, ...its }, mail: rules })));
}

test('the third failure bans: from the last failure on, with its lines', async () => {
  await court({}, (its) => {
    expect(its.fail('192.0.2.1', 100)).toEqual({ kind: 'found', count: 1, maxretry: 3, bad: null });
    its.fail('192.0.2.1', 200);
    expect(its.fail('192.0.2.1', 300)).toEqual({
      kind: 'ban',
      base: 600,
      bad: null,
      ban: {
        jail: 'sshd',
        id: '192.0.2.1',
        ip: '192.0.2.1',
        at: 300,
        bantime: 600,
        until: 900,
        count: 1,
        failures: 3,
        matches: ['192.0.2.1 at 100', '192.0.2.1 at 200', '192.0.2.1 at 300'],
      },
    });
    expect(its.engine.failing('sshd')).toBe(0);
  });
});

test('jails and ids are counted apart', async () => {
  await court({ maxretry: 2 }, (its) => {
    its.fail('192.0.2.1', 1);
    expect(its.fail('192.0.2.2', 2)).toMatchObject({ kind: 'found', count: 1 });
    expect(its.fail('192.0.2.1', 3, { jail: 'mail' })).toMatchObject({ kind: 'found', count: 1 });
  });
});

test('a failure of the future is taken as of now; one that is long over bans nobody', async () => {
  await court({ maxretry: 1 }, (its) => {
    expect(its.fail('192.0.2.1', 5000, { now: 1000 })).toMatchObject({ kind: 'ban', ban: { at: 1000, until: 1600 } });
    expect(its.fail('192.0.2.2', 400, { now: 1000 })).toEqual({ kind: 'expired', id: '192.0.2.2', until: 1000 });
    expect(its.fail('192.0.2.3', 401, { now: 1000 })).toMatchObject({ kind: 'ban', ban: { until: 1001 } });
  });
});

test('who fails while banned is already banned, or banned for longer, never for less', async () => {
  await court({ maxretry: 1 }, (its) => {
    its.fail('192.0.2.1', 100);
    expect(its.fail('192.0.2.1', 100)).toMatchObject({ kind: 'already', ban: { until: 700 } });
    expect(its.fail('192.0.2.1', 150)).toMatchObject({ kind: 'prolong', was: 700, ban: { until: 750, count: 1 } });
    its.engine.setRules('sshd', { ...rules, maxretry: 1, bantime: 10 });
    expect(its.fail('192.0.2.1', 160)).toMatchObject({ kind: 'already', ban: { until: 750 } });
    its.engine.setRules('sshd', { ...rules, maxretry: 1, bantime: -1 });
    expect(its.fail('192.0.2.1', 170)).toMatchObject({ kind: 'prolong', ban: { until: null } });
    expect(its.store.bans.held('sshd', '192.0.2.1')?.until).toBeNull();
  });
});

test('once a ban is over the next one counts on', async () => {
  await court({ maxretry: 1 }, (its) => {
    its.fail('192.0.2.1', 100);
    expect(its.fail('192.0.2.1', 700)).toMatchObject({ kind: 'ban', ban: { count: 2, bantime: 600 } });
  });
});

test('with increments a known id is banned sooner and for longer', async () => {
  await court({ increment, maxretry: 3 }, (its) => {
    for (const time of [1, 2, 3]) its.fail('192.0.2.1', time);
    expect(its.fail('192.0.2.1', 1000)).toEqual({ kind: 'found', count: 2, maxretry: 3, bad: { count: 1, weight: 2 } });
    expect(its.fail('192.0.2.1', 1001)).toMatchObject({ kind: 'ban', base: 600, ban: { count: 2, bantime: 1200 } });
    expect(its.fail('192.0.2.1', 9000)).toMatchObject({
      kind: 'ban',
      bad: { count: 2, weight: 3 },
      ban: { count: 3, bantime: 2400, failures: 1 },
    });
  });
});

test('a failure from before the last ban weighs nothing more', async () => {
  await court({ increment }, (its) => {
    for (const time of [1, 2, 3]) its.fail('192.0.2.1', time);
    expect(its.fail('192.0.2.1', 3)).toEqual({ kind: 'found', count: 1, maxretry: 3, bad: null });
  });
});

test('with overalljails the bans of all jails count for the bantime', async () => {
  await court({ increment: { ...increment, overalljails: true }, maxretry: 3 }, (its) => {
    for (const time of [1, 2, 3]) its.fail('192.0.2.1', time, { jail: 'mail' });
    for (const time of [4, 5]) expect(its.fail('192.0.2.1', time)).toMatchObject({ kind: 'found', bad: null });
    expect(its.fail('192.0.2.1', 6)).toMatchObject({ kind: 'ban', ban: { count: 2, bantime: 1200 } });
  });
});

test('who is ignored or guarded is not counted, by id or by the address behind it', async () => {
  await court({ ignoreip: ignoring('198.51.100.0/24'), maxretry: 1 }, (its) => {
    its.engine.setGuard(new Guard({ own: [prefix('192.0.2.5')], allowed: [prefix('192.0.2.6')] }));
    const by = (id: string, ip: string | null = id) => {
      const decision = its.fail(id, 1, { ip });
      return decision.kind === 'ignored' ? [decision.by, decision.by === 'guard' ? decision.code : decision.entry] : [];
    };
    expect(by('198.51.100.7')).toEqual(['ip', '198.51.100.0/24']);
    expect(by('root', '198.51.100.7')).toEqual(['ip', '198.51.100.0/24']);
    expect(by('192.0.2.5')).toEqual(['self', '192.0.2.5']);
    expect(by('192.0.2.6')).toEqual(['guard', 'ERR_GUARD_ALLOWED']);
    expect(by('root', '104.16.0.1')).toEqual(['guard', 'ERR_GUARD_CLOUDFLARE']);
    expect(by('x'.repeat(513), null)).toEqual(['length', 'x'.repeat(512)]);
    expect(its.engine.failing('sshd')).toBe(0);
  });
});

test('an operator’s ban passes ignoreip and not the guards', async () => {
  await court({ ignoreip: ignoring('192.0.2.1') }, (its) => {
    const banned = its.written(() => its.engine.banNow('sshd', '192.0.2.1', 50));
    expect(banned).toMatchObject({ kind: 'ban', ban: { id: '192.0.2.1', at: 50, until: 650, failures: 0 } });
    expect(its.engine.banNow('sshd', '192.0.2.1', 50)).toMatchObject({ kind: 'already' });
    expect(its.engine.banNow('sshd', '10.0.0.1', 50)).toMatchObject({ kind: 'refused', code: 'ERR_GUARD_RESERVED' });
    expect(its.engine.banNow('sshd', '0.0.0.0/0', 50)).toMatchObject({ kind: 'refused', code: 'ERR_GUARD_WIDE' });
    expect(its.engine.banNow('sshd', '192.0.2.77/24', 50)).toMatchObject({ ban: { id: '192.0.2.0/24' } });
    expect(its.engine.banNow('sshd', 'someone', 50)).toMatchObject({ ban: { id: 'someone', ip: null } });
  });
});

test('an attempt counts its lines, asks no ignoreip, and may ban', async () => {
  await court({ ignoreip: ignoring('192.0.2.1') }, (its) => {
    const attempt = (...lines: string[]) => its.written(() => its.engine.attempt('sshd', '192.0.2.1', lines, 50));
    expect(attempt()).toMatchObject({ kind: 'found', count: 1 });
    expect(attempt('a', 'b')).toMatchObject({ kind: 'ban', ban: { failures: 2, matches: ['a', 'b'] } });
    expect(its.engine.attempt('sshd', '127.0.0.1', [], 50)).toMatchObject({ kind: 'refused' });
  });
});

test('unban finds the ban of an id, or all inside a network', async () => {
  await court({ maxretry: 1 }, (its) => {
    for (const id of ['192.0.2.1', '192.0.2.200', '198.51.100.1']) its.fail(id, 1);
    const ids = (text: string) => its.engine.heldBy('sshd', text).map((ban) => ban.id);
    expect(ids('192.0.2.1')).toEqual(['192.0.2.1']);
    expect(ids('192.0.2.0/24')).toEqual(['192.0.2.1', '192.0.2.200']);
    expect(ids('203.0.113.1')).toEqual([]);
  });
});

test('a restart goes on where a crash stopped: bans and counters are back', async () => {
  await withSql((sql) => {
    const before = new Court(sql, { sshd: rules });
    for (const time of [1, 2, 3]) before.fail('192.0.2.1', time);
    before.fail('192.0.2.2', 4);
    before.fail('192.0.2.2', 5);
    const after = new Court(sql, { sshd: rules });
    expect(after.fail('192.0.2.1', 6)).toMatchObject({ kind: 'found', count: 1 });
    expect(after.fail('192.0.2.2', 7)).toMatchObject({ kind: 'ban', ban: { failures: 3, at: 7 } });
    const restored = (now: number) =>
      Array.from(after.store.bans.heldIn('sshd'), (ban) => after.engine.restore(ban, now));
    expect(restored(602)).toMatchObject([{ ban: { id: '192.0.2.1' } }, { ban: { id: '192.0.2.2' } }]);
    expect(restored(603)).toMatchObject([{ ban: null, why: null }, { ban: { id: '192.0.2.2' } }]);
  });
});

test('a restart drops the bans of who is ignored or guarded by now', async () => {
  await court({ maxretry: 1 }, (its) => {
    for (const id of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) its.fail(id, 1);
    its.engine.setRules('sshd', { ...rules, ignoreip: ignoring('192.0.2.1') });
    its.engine.setGuard(new Guard({ allowed: [prefix('192.0.2.2')] }));
    const restored = Array.from(its.store.bans.heldIn('sshd'), (ban) => its.engine.restore(ban, 2));
    expect(restored).toMatchObject([
      { ban: null, why: { by: 'ip' } },
      { ban: null, why: { by: 'guard', code: 'ERR_GUARD_ALLOWED' } },
      { ban: { id: '192.0.2.3' } },
    ]);
  });
});

test('new rules keep the counters; a jail that is dropped loses them', async () => {
  await court({}, (its) => {
    its.fail('192.0.2.1', 1);
    its.engine.setRules('sshd', { ...rules, maxretry: 2 });
    expect(its.fail('192.0.2.1', 2)).toMatchObject({ kind: 'ban' });
    its.fail('192.0.2.2', 3);
    its.engine.dropJail('sshd');
    expect(() => its.engine.failing('sshd')).toThrow('no jail sshd');
  });
});

test('counters are purged every five seconds, and after the clock was set back', async () => {
  await court({}, (its) => {
    its.fail('192.0.2.1', 1000);
    its.fail('192.0.2.2', 400, { now: 1004 });
    expect(its.engine.failing('sshd')).toBe(2);
    its.engine.purge(1005);
    expect(its.engine.failing('sshd')).toBe(1);
    its.fail('192.0.2.3', 305, { now: 900 });
    expect(its.engine.failing('sshd')).toBe(2);
    its.engine.purge(905);
    expect(its.engine.failing('sshd')).toBe(1);
    its.store.counters.save(its.engine.takeDirtyCounters());
    expect(its.store.counters.all().map((counter) => counter.id)).toEqual(['192.0.2.1']);
  });
});

test('counters that could not be written are told again, as they are by then', async () => {
  await court({ maxretry: 2 }, ({ engine }) => {
    const fail = (id: string) => engine.failure('sshd', { id, ip: id, time: 1, matches: [], groups: {} }, 1);
    fail('192.0.2.1');
    fail('192.0.2.2');
    const lost = engine.takeDirtyCounters();
    fail('192.0.2.1');
    engine.takeDirtyCounters();
    engine.returnDirtyCounters(lost);
    expect(engine.takeDirtyCounters()).toMatchObject({
      put: [{ id: '192.0.2.2', retry: 1 }],
      gone: [{ jail: 'sshd', id: '192.0.2.1' }],
    });
    expect(engine.takeDirtyCounters()).toEqual({ put: [], gone: [] });
  });
});

const ids = ['192.0.2.1', '192.0.2.2', '192.0.2.0/28', '198.51.100.9', '203.0.113.4', '10.0.0.9', '104.16.9.9', 'root'];
const safe = ['198.51.100.0/24', '203.0.113.4/32', '10.0.0.0/8', '104.16.0.0/13'].map(prefix);

test.each([1, 2, 3, 4])('whatever comes (seed %i): the safe are never banned, no end moves back', async (seed) => {
  const random = randomOf(seed);
  const ignoreip = ignoring('198.51.100.0/24');
  await withSql((sql) => {
    const its = new Court(
      sql,
      { sshd: { ...rules, increment, ignoreip }, mail: { ...rules, ignoreip, bantime: 50 } },
      { allowed: [prefix('203.0.113.4')] },
    );
    const ends = new Map<string, Until>();
    let now = 1000;
    for (let step = 0; step < 600; step += 1) {
      now += below(random, 40);
      const jail = oneOf(random, ['sshd', 'mail']);
      const id = oneOf(random, ids);
      const ip = random() < 0.3 ? oneOf(random, ids) : id;
      const decision = its.fail(id, now - below(random, 300), { jail, now, ip: parsePrefix(ip) === null ? null : ip });
      if (decision.kind !== 'ban' && decision.kind !== 'prolong') continue;
      const { ban } = decision;
      const named = [ban.id, ban.ip ?? ban.id].map(parsePrefix).filter((found) => found !== null);
      expect(named.some((one) => safe.some((net) => contains(net, one)))).toBe(false);
      expect(ban.until === null || ban.until > now).toBe(true);
      const key = `${jail} ${ban.id}`;
      const earlier = ends.get(key);
      if (earlier !== undefined) expect(laterOf(earlier, ban.until)).toBe(ban.until);
      ends.set(key, ban.until);
      expect(its.store.bans.held(jail, ban.id)).toEqual(ban);
    }
    expect(ends.size).toBeGreaterThan(4);
    const saved = its.store.counters.all().length;
    expect(saved).toBe(its.engine.failing('sshd') + its.engine.failing('mail'));
  });
});
