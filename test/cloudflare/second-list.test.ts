/** The second list: what is to be challenged stands there, under its own rule, with the same care as the first. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Enforcement } from '../../worker/cloudflare/enforcement.ts';
import {
  asked,
  challengeListName,
  items,
  listName,
  openScene,
  ruleRefs,
  type Scene,
  want,
  wantMany,
  zoneIds,
} from './scene.ts';

const both = { mode: 'list', zoneIds, listName, challengeListName } as const;
const alone = { mode: 'list', zoneIds, listName } as const;
const paid = { limits: { lists_max: 10, rules_max: 20 } };

let scene: Scene;
afterEach(() => scene.close());

const status = () => {
  const told: ReturnType<Enforcement['status']> = scene.enforcement.status(scene.clock.now);
  if (told.mode !== 'list') throw new Error('not the mode list');
  return told;
};
const blocked = want('203.0.113.1');
const challenged = want('203.0.113.2', null, 'challenge');

describe('with a second list', () => {
  it('each address stands in the list of its action, under a rule of its own, the blocking one first', async () => {
    scene = await openScene(paid, both);
    scene.fake.control.seedItems({ list: challengeListName, items: [{ ip: '192.0.2.9', comment: 'by hand' }] });
    await scene.settle([blocked, challenged]);
    expect(items(scene, listName)).toEqual(['203.0.113.1']);
    expect(items(scene, challengeListName)).toEqual(['192.0.2.9', '203.0.113.2']);
    for (const zone of zoneIds)
      expect(scene.fake.control.rules(zone)).toMatchObject([
        { ref: 'edgeban', action: 'block', expression: `(ip.src in $${listName})` },
        { ref: 'edgeban_challenge', action: 'managed_challenge', expression: `(ip.src in $${challengeListName})` },
      ]);
    expect(status()).toMatchObject({
      inStep: true,
      challenged: { count: 0 },
      list: { ours: 1, foreign: 0 },
      challengeList: { name: challengeListName, ours: 1, foreign: 1, error: null },
    });
    expect(status().rules.map(({ action, first }) => [action, first])).toEqual(
      zoneIds.flatMap(() => [
        ['block', true],
        ['challenge', true],
      ]),
    );
  });

  it('moves an address when its action changes; in between it stands in both, not in none', async () => {
    scene = await openScene(paid, both);
    await scene.settle([want('203.0.113.2')]);
    const seen = new Set<string>();
    while (items(scene, challengeListName).length === 0 || items(scene, listName).length > 0) {
      await scene.step([challenged]);
      seen.add(`${items(scene, listName).length} ${items(scene, challengeListName).length}`);
    }
    expect([...seen]).not.toContain('0 0');
    expect([items(scene, listName), items(scene, challengeListName)]).toEqual([[], ['203.0.113.2']]);
    await scene.settle([want('203.0.113.2')]);
    expect([items(scene, listName), items(scene, challengeListName)]).toEqual([['203.0.113.2'], []]);
  });

  it('never has two operations under way, and neither list starves', async () => {
    scene = await openScene(paid, both);
    scene.fake.control.set({ operation_ms: 5_000 });
    const many = wantMany(2_600);
    const mixed = [
      ...many.slice(0, 2_500),
      ...many.slice(2_500).map((each) => ({ ...each, action: 'challenge' as const })),
    ];
    await scene.settle(mixed);
    expect(items(scene, listName)).toHaveLength(2_500);
    expect(items(scene, challengeListName)).toHaveLength(100);
    const appends = scene.fake.control
      .journal()
      .filter(({ method, path }) => method === 'POST' && path.endsWith('/items'));
    expect(appends.every(({ status: told }) => told === 200)).toBe(true);
    const second = scene.fake.control.state().lists.find(({ name }) => name === challengeListName)?.id ?? '';
    expect(appends.findIndex(({ path }) => path.includes(second))).toBeLessThan(2);
  });

  it('shares one cap, and leaves out the last of both', async () => {
    scene = await openScene(paid, both);
    const many = wantMany(10_001).map((each, n) => ({
      ...each,
      action: n % 2 === 0 ? ('block' as const) : ('challenge' as const),
    }));
    await scene.settle(many, 3_600);
    expect(items(scene, listName).length + items(scene, challengeListName).length).toBe(10_000);
    expect(status().leftOut).toEqual({ count: 1, addresses: [many[10_000]?.address] });
  });

  it('a panic switches both rules off, one after the other in a zone, and resume brings both back', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    const enabled = () => zoneIds.flatMap((zone) => scene.fake.control.rules(zone).map((rule) => rule.enabled));
    scene.stance.panic = true;
    await scene.enforcement.switch(scene.clock.now);
    expect(enabled()).toEqual([false, false, false, false]);
    await scene.settle([blocked, challenged]).catch(() => undefined);
    scene.stance.panic = false;
    await scene.enforcement.switch(scene.clock.now);
    expect(enabled()).toEqual([true, true, true, true]);
  });

  it('a ledger that was lost switches both rules by a panic, and back by resume, before it has found the lists', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    const enabled = () => zoneIds.flatMap((zone) => scene.fake.control.rules(zone).map((rule) => rule.enabled));
    scene.lose();
    scene.stance.panic = true;
    await scene.enforcement.switch(scene.clock.now);
    expect(enabled()).toEqual([false, false, false, false]);
    scene.lose();
    scene.stance.panic = false;
    await scene.enforcement.switch(scene.clock.now, true);
    expect(enabled()).toEqual([true, true, true, true]);
  });

  it('rules that are to be revived come on by steps where that fails at first, the second list not found yet', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    for (const zone of zoneIds)
      for (const ref of ['edgeban', 'edgeban_challenge']) scene.fake.control.disableRule({ zone, ref });
    scene.lose();
    scene.fake.control.fault({ kind: '500', count: 4 });
    await scene.enforcement.switch(scene.clock.now, true);
    await scene.settle([blocked, challenged]);
    expect(zoneIds.flatMap((zone) => scene.fake.control.rules(zone).map((rule) => rule.enabled))).not.toContain(false);
  });

  it('the brake makes a challenge of the block, and leaves the other as it is', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    scene.stance.brake = true;
    await scene.enforcement.switch(scene.clock.now);
    const actions = () => scene.fake.control.rules(zoneIds[0]).map(({ action }) => action);
    expect(actions()).toEqual(['managed_challenge', 'managed_challenge']);
    scene.stance.brake = false;
    await scene.enforcement.switch(scene.clock.now);
    expect(actions()).toEqual(['block', 'managed_challenge']);
  });

  it('puts the challenging rule behind the blocking one again', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    scene.fake.control.deleteRule({ zone: zoneIds[0], ref: 'edgeban' });
    const twin = { action: 'block', expression: `(ip.src in $${listName})`, ref: 'edgeban' };
    scene.fake.control.seedRules({ zone: zoneIds[0], rules: [twin] });
    expect(ruleRefs(scene, zoneIds[0])).toEqual(['edgeban_challenge', 'edgeban']);
    scene.clock.now += 700;
    await scene.settle([blocked, challenged]);
    expect(ruleRefs(scene, zoneIds[0])).toEqual(['edgeban', 'edgeban_challenge']);
  });

  it('makes a list that was lost again, whichever it was', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    for (const name of [challengeListName, listName]) {
      scene.fake.control.loseList({ name });
      scene.clock.now += 700;
      await scene.settle([blocked, challenged]);
    }
    expect([items(scene, listName), items(scene, challengeListName)]).toEqual([['203.0.113.1'], ['203.0.113.2']]);
  });

  it('an empty ledger is told of both, each with its action', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    scene.lose();
    const { found } = await scene.enforcement.survey(scene.clock.now);
    expect(found?.map(({ address, action }) => `${action} ${address}`).sort()).toEqual([
      'block 203.0.113.1',
      'challenge 203.0.113.2',
    ]);
  });
});

describe('without room for a second list', () => {
  it('blocks go on, and status tells what is not challenged, and why', async () => {
    scene = await openScene({}, both);
    await scene.settle([blocked, challenged]);
    expect(items(scene, listName)).toEqual(['203.0.113.1']);
    expect(status()).toMatchObject({
      inStep: true,
      challenged: { count: 1, addresses: ['203.0.113.2'] },
      challengeList: { id: null, error: { code: 'ERR_CLOUDFLARE_REFUSED' } },
    });
    expect(ruleRefs(scene, zoneIds[0])).toEqual(['edgeban']);
    const creations = asked(scene).filter((line) => line.startsWith('POST') && line.endsWith('/rules/lists'));
    expect(creations).toHaveLength(2);
  });

  it('a rule is looked for by a resume while nobody knows, and forgotten then', async () => {
    scene = await openScene({}, both);
    await scene.enforcement.switch(scene.clock.now, true);
    await scene.settle([blocked, challenged]);
    expect(status()).toMatchObject({ inStep: true, challengeList: { id: null } });
    expect(status().rules.map(({ action }) => action)).toEqual(['block', 'block']);
  });
});

describe('a change of settings', () => {
  const clear = async (wanted: Parameters<Scene['settle']>[0]) => {
    for (let n = 0; n < 60 && scene.enforcement.former(scene.clock.now).length > 0; n++) await scene.step(wanted);
    expect(scene.enforcement.former(scene.clock.now)).toEqual([]);
  };

  it('that names no second list any more takes its rules and our items away', async () => {
    scene = await openScene(paid, both);
    scene.fake.control.seedItems({ list: challengeListName, items: [{ ip: '192.0.2.9', comment: 'by hand' }] });
    await scene.settle([blocked, challenged]);
    scene.restart(alone);
    await scene.settle([blocked, challenged]);
    await clear([blocked, challenged]);
    expect(items(scene, challengeListName)).toEqual(['192.0.2.9']);
    expect(ruleRefs(scene, zoneIds[0])).toEqual(['edgeban']);
    expect(items(scene, listName)).toEqual(['203.0.113.1']);
    expect(status().challenged.count).toBe(1);
  });

  it('that names another second list moves all to that', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    scene.restart({ ...both, challengeListName: 'edgeban_other' });
    await scene.settle([blocked, challenged]);
    await clear([blocked, challenged]);
    expect(items(scene, challengeListName)).toEqual([]);
    expect(items(scene, 'edgeban_other')).toEqual(['203.0.113.2']);
    expect(scene.fake.control.rules(zoneIds[1])).toMatchObject([
      { expression: `(ip.src in $${listName})` },
      { expression: '(ip.src in $edgeban_other)' },
    ]);
  });

  it('that swaps the lists ends with each holding what it is for', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    scene.restart({ ...both, listName: challengeListName, challengeListName: listName });
    await scene.settle([blocked, challenged]);
    await clear([blocked, challenged]);
    expect([items(scene, challengeListName), items(scene, listName)]).toEqual([['203.0.113.1'], ['203.0.113.2']]);
    for (const zone of zoneIds)
      expect(scene.fake.control.rules(zone)).toMatchObject([
        { action: 'block', expression: `(ip.src in $${challengeListName})` },
        { action: 'managed_challenge', expression: `(ip.src in $${listName})` },
      ]);
  });

  it('that makes the second list the only one leaves no rule of the second behind', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    scene.restart({ ...alone, listName: challengeListName });
    await scene.settle([blocked, challenged]);
    await clear([blocked, challenged]);
    expect([items(scene, listName), items(scene, challengeListName)]).toEqual([[], ['203.0.113.1']]);
    expect(ruleRefs(scene, zoneIds[0])).toEqual(['edgeban']);
  });

  it('to the mode none takes both away', async () => {
    scene = await openScene(paid, both);
    await scene.settle([blocked, challenged]);
    scene.restart({ mode: 'none' });
    await clear([]);
    expect([items(scene, listName), items(scene, challengeListName)]).toEqual([[], []]);
    expect(zoneIds.flatMap((zone) => ruleRefs(scene, zone))).toEqual([]);
  });
});
