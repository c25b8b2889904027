/** A ledger that is lost and begins empty takes over what the list, the access rules and KV tell; nothing is lifted. */
import { afterEach, describe, expect, it } from 'vitest';
import { ledgerLimits } from '../../worker/ledger/limits.ts';
import { ruled } from './access-scene.ts';
import { allowed, FakeKv, TestLedger } from './ledger.ts';
import { account, asked, listed, listName, openScene, type Scene, secret, wantMany, zoneIds } from './scene.ts';

const scenes: Scene[] = [];
afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.close();
});

async function opened(...mode: Parameters<typeof openScene>): Promise<Scene> {
  const scene = await openScene(...mode);
  scenes.push(scene);
  return scene;
}

/** The ledger's storage is lost; a new one wakes. KV is lost with it unless told otherwise. */
function lose(scene: Scene, kv = new FakeKv()): TestLedger {
  scene.lose();
  return new TestLedger(scene, kv);
}

const removals = (scene: Scene, from: number) =>
  asked(scene)
    .slice(from)
    .filter((line) => line.startsWith('DELETE'));

describe('a lost ledger', () => {
  it('takes over from the list who is banned, by which jail and until when', async () => {
    const scene = await opened();
    scene.fake.control.seedItems({ list: listName, items: [{ ip: '192.0.2.1', comment: 'by hand' }] });
    const end = scene.clock.now + 36_000;
    const first = new TestLedger(scene);
    first.hold('203.0.113.7', end);
    first.hold('203.0.113.8', null, 'recidive');
    first.hold('2001:db8::7', end, 'nginx-http-auth');
    await first.settle();
    const before = asked(scene).length;
    const second = lose(scene);
    await second.settle();
    expect(second.id).not.toBe(first.id);
    expect(second.held()).toEqual(['2001:db8::7 1800036000', '203.0.113.7 1800036000', '203.0.113.8 null']);
    expect(second.holders.of('203.0.113.8')).toMatchObject([{ host: 'recovered', jail: 'recidive', until: null }]);
    expect(second.status.recovery).toMatchObject({ due: false, bans: 3, refused: 0 });
    expect(listed(scene)).toEqual({ ours: ['2001:db8::7', '203.0.113.7', '203.0.113.8'], foreign: ['192.0.2.1'] });
    expect(removals(scene, before)).toEqual([]);
  });

  it('takes over neither what is over, nor what a guard forbids, and takes those away', async () => {
    const scene = await opened();
    const { now } = scene.clock;
    const mark = (until: number) => `edgeban:main:${until} sshd`;
    const items = [
      { ip: '203.0.113.7', comment: mark(now - 5) },
      { ip: allowed.replace('.0/24', '.9'), comment: mark(now + 3600) },
      { ip: '104.16.0.1', comment: mark(now + 3600) },
      { ip: '203.0.113.8', comment: mark(now + 3600) },
      { ip: '203.0.113.9', comment: `edgeban:other:${now + 3600} sshd` },
      { ip: '203.0.113.10', comment: 'edgeban:main:nonsense' },
    ];
    scene.fake.control.seedItems({ list: listName, items });
    const ledger = new TestLedger(scene);
    await ledger.settle();
    expect(ledger.held()).toEqual([`203.0.113.8 ${now + 3600}`]);
    expect(ledger.status.recovery).toMatchObject({ bans: 1, refused: 2 });
    expect(listed(scene)).toEqual({ ours: ['203.0.113.8'], foreign: ['203.0.113.9'] });
  });

  it.each([
    ['the account', null, [account]],
    ['the zones', [...zoneIds], [...zoneIds]],
  ] as const)('takes over from the access rules of %s', async (_what, zones, scopes) => {
    const scene = await opened({}, { mode: 'access-rules', zoneIds: zones });
    const first = new TestLedger(scene);
    for (const { address } of wantMany(30)) first.hold(address, scene.clock.now + 7200, 'postfix');
    await first.settle(3600);
    const before = asked(scene).length;
    const second = lose(scene);
    await second.settle();
    expect(second.held()).toHaveLength(30);
    expect(second.holders.of('45.0.0.7')).toMatchObject([{ host: 'recovered', jail: 'postfix' }]);
    expect(scopes.map((scope) => ruled(scene, scope).length)).toEqual(scopes.map(() => 30));
    expect(removals(scene, before)).toEqual([]);
  });

  it.each([
    ['zones to the account', [...zoneIds], null, [...zoneIds], account],
    ['the account to zones', null, [...zoneIds], [account], zoneIds[0]],
  ] as const)('lost on the way of access rules from %s: finds both', async (_what, before, after, left, used) => {
    const scene = await opened({}, { mode: 'access-rules', zoneIds: before });
    const first = new TestLedger(scene);
    first.hold('203.0.113.7', null, 'postfix');
    await first.settle();
    scene.restart({ mode: 'access-rules', zoneIds: after, unusedZoneIds: zoneIds });
    const second = lose(scene);
    await second.settle();
    expect(second.holders.of('203.0.113.7')).toMatchObject([{ host: 'recovered', jail: 'postfix' }]);
    expect(ruled(scene, used)).toEqual(['203.0.113.7']);
    expect(left.flatMap((scope) => ruled(scene, scope))).toEqual([]);
  });

  it('is not held up by zones that settings do not use and the token may not read', async () => {
    const tokens = [{ name: 'worker', secret, scopes: ['Account Firewall Access Rules Write' as const] }];
    const mode = { mode: 'access-rules', zoneIds: null, unusedZoneIds: zoneIds } as const;
    const scene = await opened({ tokens }, mode);
    const ledger = new TestLedger(scene);
    ledger.hold('203.0.113.7', null);
    await ledger.settle(30);
    expect(ruled(scene)).toEqual(['203.0.113.7']);
    expect(ledger.status).toMatchObject({ recovery: { due: false }, enforcement: { detail: { error: null } } });
    expect(scene.fake.control.journal().filter(({ path }) => path.startsWith('/zones/'))).toHaveLength(6);
  });

  it('changes nothing outside as long as it cannot look, says so, and takes over then', async () => {
    const scene = await opened();
    const first = new TestLedger(scene);
    first.hold('203.0.113.7', null);
    await first.settle();
    const kept = first.kv.bans(scene.clock.now);
    scene.fake.control.revokeToken({ name: 'worker' });
    const second = lose(scene, first.kv);
    second.hold('203.0.113.8', null);
    for (let n = 0; n < 20; n++) await second.work();
    expect(second.status).toMatchObject({
      recovery: { due: true, at: null, bans: 0 },
      enforcement: { current: false, detail: { error: { code: 'ERR_CLOUDFLARE_AUTH' } } },
    });
    expect(second.kv.bans(scene.clock.now)).toEqual(kept);
    scene.fake.control.restoreToken({ name: 'worker' });
    await second.settle(1200);
    expect(listed(scene).ours).toEqual(['203.0.113.7', '203.0.113.8']);
    expect(second.kv.bans(scene.clock.now)).toEqual(['203.0.113.7', '203.0.113.8']);
    expect(second.status.recovery).toMatchObject({ due: false, bans: 1 });
  });

  it('takes over from KV alone where nothing is at Cloudflare, and the newer end where both know one', async () => {
    const scene = await opened();
    const end = scene.clock.now + 60_000;
    const first = new TestLedger(scene);
    first.hold('203.0.113.7', end);
    await first.settle();
    first.hold('203.0.113.7', end + 1000);
    await first.settle();
    const second = lose(scene, first.kv);
    await second.settle();
    expect(second.held()).toEqual([`203.0.113.7 ${end + 1000}`]);
    scene.lose();
    const third = new TestLedger(scene, second.kv, false);
    await third.settle();
    expect(third.held()).toEqual([`203.0.113.7 ${end + 1000}`]);
    expect(third.holders.of('203.0.113.7')).toMatchObject([{ host: 'recovered', jail: 'recovered' }]);
  });

  it('gives a ban back to the host that tells it anew, who can then lift it', async () => {
    const scene = await opened();
    const end = scene.clock.now + 3600;
    const first = new TestLedger(scene);
    for (const address of ['203.0.113.7', '203.0.113.8']) first.hold(address, end + 0.4, 'sshd');
    await first.settle();
    const second = lose(scene);
    await second.settle();
    const before = asked(scene).length;
    const ban = { kind: 'ban', jail: 'sshd', address: '203.0.113.7', at: scene.clock.now, until: end + 0.4, count: 1 };
    second.enrol('web1');
    const { refused } = second.tell('web1', crypto.randomUUID(), 1, [{ ...ban, failures: 5 }]);
    expect(refused).toEqual([]);
    const live = () => second.holders.of('203.0.113.7').filter(({ lifted }) => !lifted);
    expect(live()).toMatchObject([{ host: 'web1', jail: 'sshd' }]);
    await second.settle();
    expect(removals(scene, before)).toEqual([]);
    second.tell('web1', crypto.randomUUID(), 1, [
      { kind: 'unban', jail: 'sshd', address: '203.0.113.7', at: scene.clock.now },
      { kind: 'unban', jail: 'sshd', address: '203.0.113.8', at: scene.clock.now },
    ]);
    await second.settle();
    // a host speaks for itself: what it has not told anew is not its own to lift
    expect(listed(scene).ours).toEqual(['203.0.113.8']);
  });

  it('takes over as many as the list may hold, within the budgets', async () => {
    const scene = await opened();
    const items = wantMany(10_000).map(({ address: ip }) => ({ ip, comment: 'edgeban:main:forever sshd' }));
    scene.fake.control.seedItems({ list: listName, items });
    const ledger = new TestLedger(scene);
    await ledger.settle();
    expect(ledger.held()).toHaveLength(10_000);
    expect(ledgerLimits.recovered_max).toBeGreaterThan(10_000);
    expect(listed(scene).ours).toHaveLength(10_000);
    expect(asked(scene).length).toBeLessThan(60);
  });

  it('looks once only: what it lifts afterwards stays lifted', async () => {
    const scene = await opened();
    const first = new TestLedger(scene);
    first.hold('203.0.113.7', null);
    await first.settle();
    const second = lose(scene, first.kv);
    await second.settle();
    second.sql.transaction(() => {
      second.holders.lift({ address: '203.0.113.7', host: 'recovered', jail: 'sshd', at: scene.clock.now });
      second.sql.all('UPDATE ledger SET revision = revision + 1');
    });
    second.forget();
    await second.settle();
    expect(listed(scene).ours).toEqual([]);
    expect(second.held()).toEqual([]);
  });
});
