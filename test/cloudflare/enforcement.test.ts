/** Enforcement against the fake Cloudflare in fair weather: list, rules, foreign things, the cap. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  addresses,
  asked,
  listed,
  listName,
  openScene,
  ruleRefs,
  ruleStatuses,
  type Scene,
  want,
  wantMany,
  zoneIds,
} from './scene.ts';

const [zone] = zoneIds;
let scene: Scene;

beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

describe('the list', () => {
  it('is made, filled, and emptied by item id', async () => {
    const wanted = [want('203.0.113.7', 1_800_003_600), want('2001:db8::1'), want('198.51.100.0/24')];
    await scene.settle(wanted);
    expect(listed(scene)).toEqual({ ours: addresses(wanted), foreign: [] });
    const item = scene.fake.control.items(listName).find(({ ip }) => ip === '203.0.113.7');
    expect(item?.comment).toBe('edgeban:main:1800003600 sshd on web1');
    await scene.settle([]);
    expect(listed(scene)).toEqual({ ours: [], foreign: [] });
    expect(asked(scene).some((line) => line.startsWith('PUT'))).toBe(false);
  });

  it('is adopted with the items of others, which stay', async () => {
    const items = [
      { ip: '192.0.2.1', comment: 'by hand' },
      { ip: '192.0.2.2' },
      { ip: '203.0.113.9', comment: 'theirs' },
    ];
    scene.fake.control.seedItems({ list: listName, items });
    await scene.settle([want('203.0.113.9'), want('203.0.113.10')]);
    expect(listed(scene)).toEqual({ ours: ['203.0.113.10'], foreign: ['192.0.2.1', '192.0.2.2', '203.0.113.9'] });
    expect(scene.enforcement.status(scene.clock.now).foreign).toEqual({ count: 1, addresses: ['203.0.113.9'] });
    await scene.settle([]);
    const left = scene.fake.control.items(listName).map(({ ip, comment }) => ({ ip, ...(comment && { comment }) }));
    expect(left).toEqual(items);
  });

  it('leaves alone the items of another instance', async () => {
    const items = [{ ip: '192.0.2.1', comment: 'edgeban:other:forever sshd' }];
    scene.fake.control.seedItems({ list: listName, items });
    await scene.settle([want('203.0.113.9')]);
    expect(listed(scene).foreign).toEqual(['192.0.2.1']);
  });

  it('knows its items again however Cloudflare spells them', async () => {
    scene.fake.control.set({ v6: 'long' });
    await scene.settle([want('2001:db8::1'), want('2001:db8:1::/48')]);
    const before = asked(scene).length;
    await scene.settle([want('2001:db8::1'), want('2001:db8:1::/48')]);
    expect(scene.fake.control.items(listName)[0]?.ip).toBe('2001:0db8:0000:0000:0000:0000:0000:0001');
    expect(
      asked(scene)
        .slice(before)
        .filter((line) => line.startsWith('POST')),
    ).toEqual([]);
  });

  it('drops what has ended, though the ledger has not said so yet', async () => {
    const wanted = [want('203.0.113.7', scene.clock.now + 60), want('203.0.113.8')];
    await scene.settle(wanted);
    while (scene.clock.now <= 1_800_000_061) await scene.step(wanted);
    await scene.settle(wanted);
    expect(listed(scene).ours).toEqual(['203.0.113.8']);
  });

  it('is put right when somebody takes out ours by hand', async () => {
    const wanted = wantMany(3);
    await scene.settle(wanted);
    scene.fake.control.removeItems({ list: listName, ips: ['45.0.0.1'] });
    scene.clock.now += 601;
    await scene.settle(wanted);
    expect(listed(scene).ours).toEqual(addresses(wanted));
  });

  it('gets new ends of old bans together with a new ban, or after an hour', async () => {
    const end = scene.clock.now + 36_000;
    await scene.settle([want('203.0.113.7', end)]);
    const comments = () => scene.fake.control.items(listName).map(({ comment }) => comment?.split(' ')[0]);
    await scene.settle([want('203.0.113.7', end + 5)]);
    expect(comments()).toEqual([`edgeban:main:${end}`]);
    await scene.settle([want('203.0.113.7', end + 5), want('203.0.113.8')]);
    expect(comments()).toEqual([`edgeban:main:${end + 5}`, 'edgeban:main:forever']);
    scene.clock.now += 3601;
    const late = [want('203.0.113.7', end + 9), want('203.0.113.8')];
    await scene.settle(late);
    for (let step = 0; step < 3; step++) await scene.step(late);
    expect(comments()[0]).toBe(`edgeban:main:${end + 9}`);
  });

  it('never sends what Cloudflare does not take', async () => {
    await scene.settle([want('10.0.0.0/7'), want('2000::/11'), want('203.0.113.7')]);
    expect(listed(scene).ours).toEqual(['203.0.113.7']);
    expect(scene.enforcement.status(scene.clock.now).unfit.addresses).toEqual(['10.0.0.0/7', '2000::/11']);
  });

  it('leaves out the last where there is no room, and says so', async () => {
    scene.fake.control.seedItems({
      list: listName,
      items: wantMany(9_990, 100_000).map(({ address: ip }) => ({ ip })),
    });
    const wanted = wantMany(15);
    await scene.settle(wanted);
    expect(listed(scene).ours).toEqual(addresses(wanted.slice(0, 10)));
    expect(scene.enforcement.status(scene.clock.now).leftOut).toEqual({
      count: 5,
      addresses: addresses(wanted).filter((address) => !listed(scene).ours.includes(address)),
    });
    await scene.settle(wanted.slice(5));
    expect(listed(scene).ours).toEqual(addresses(wanted.slice(5)));
  });

  it('takes ten thousand in few calls, and takes them out again', async () => {
    const wanted = wantMany(10_000);
    await scene.settle(wanted);
    expect(listed(scene).ours).toHaveLength(10_000);
    expect(asked(scene).length).toBeLessThan(300);
    await scene.settle(wanted.slice(0, 10));
    expect(listed(scene).ours).toEqual(addresses(wanted.slice(0, 10)));
  });
});

describe('the rule', () => {
  it('is made in a zone without any, once', async () => {
    await scene.settle([]);
    expect(scene.fake.control.rules(zone)).toMatchObject([
      { ref: 'edgeban', action: 'block', expression: `(ip.src in $${listName})`, enabled: true },
    ]);
    scene.clock.now += 601;
    await scene.settle([]);
    expect(zoneIds.map((each) => ruleRefs(scene, each))).toEqual([['edgeban'], ['edgeban']]);
  });

  it('stands before the rules of others, which stay as they are', async () => {
    const rules = [
      { action: 'skip', expression: '(http.host eq "a")', ref: 'one' },
      { action: 'block', expression: '(ip.src eq 192.0.2.9)', ref: 'two', enabled: false },
    ];
    scene.fake.control.seedRules({ zone, rules });
    const before = structuredClone(scene.fake.control.rules(zone));
    await scene.settle([]);
    expect(ruleRefs(scene, zone)).toEqual(['edgeban', 'one', 'two']);
    expect(scene.fake.control.rules(zone).slice(1)).toEqual(before);
  });

  it('comes back when deleted by hand, and loses a twin', async () => {
    await scene.settle([]);
    scene.fake.control.deleteRule({ zone, ref: 'edgeban' });
    scene.clock.now += 601;
    await scene.settle([]);
    expect(ruleRefs(scene, zone)).toEqual(['edgeban']);
    const twin = { action: 'block', expression: `(ip.src in $${listName})`, ref: 'edgeban' };
    scene.fake.control.seedRules({ zone, rules: [twin, twin] });
    scene.clock.now += 601;
    for (let step = 0; step < 5; step++) await scene.step([]);
    expect(ruleRefs(scene, zone)).toEqual(['edgeban']);
  });

  it('is put right when changed, but stays switched off when somebody switched it off', async () => {
    scene.fake.control.seedItems({ list: 'edgeban', items: [] });
    scene.fake.control.seedRules({
      zone,
      rules: [{ action: 'challenge', expression: '(ip.src in $edgeban)', ref: 'edgeban' }],
    });
    await scene.settle([]);
    expect(scene.fake.control.rules(zone)).toMatchObject([{ action: 'block', enabled: true }]);
    scene.fake.control.disableRule({ zone, ref: 'edgeban' });
    scene.clock.now += 601;
    for (let step = 0; step < 3; step++) await scene.step([]);
    expect(scene.fake.control.rules(zone)).toMatchObject([{ enabled: false }]);
    const { inStep } = scene.enforcement.status(scene.clock.now);
    const rules = ruleStatuses(scene);
    expect({ inStep, enabled: rules[0]?.enabled }).toEqual({ inStep: false, enabled: false });
  });

  it('holds up neither the list nor another zone where there is no room for it', async () => {
    const rules = Array.from({ length: 5 }, (_, n) => ({ action: 'block', expression: `(ip.src eq 192.0.2.${n})` }));
    scene.fake.control.seedRules({ zone, rules });
    for (let step = 0; step < 6; step++) await scene.step([want('203.0.113.7')]);
    expect(listed(scene).ours).toEqual(['203.0.113.7']);
    expect(ruleRefs(scene, zoneIds[1])).toEqual(['edgeban']);
    expect(scene.fake.control.rules(zone)).toHaveLength(5);
    const [first] = ruleStatuses(scene);
    expect(first?.error?.code).toBe('ERR_CLOUDFLARE_REFUSED');
    expect(first?.error?.message).toContain('exceeded maximum number of rules');
  });
});

it('tells whom it would have to challenge, and leaves them alone', async () => {
  await scene.settle([want('203.0.113.7', null, 'challenge'), want('203.0.113.8')]);
  expect(listed(scene).ours).toEqual(['203.0.113.8']);
  expect(scene.enforcement.status(scene.clock.now)).toMatchObject({
    challenged: { count: 1, addresses: ['203.0.113.7'] },
  });
  await scene.settle([want('203.0.113.7'), want('203.0.113.8')]);
  expect(listed(scene).ours).toEqual(['203.0.113.7', '203.0.113.8']);
  expect(scene.enforcement.status(scene.clock.now)).toMatchObject({ challenged: { count: 0 } });
});
