/** Whims of Cloudflare's that pass: a short one must not cost a long time, nor one address the others their bans. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccount, ruled } from './access-scene.ts';
import { addresses, listed, listName, openScene, ruleRefs, type Scene, want, wantMany, zoneIds } from './scene.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Refuses changes with 400, as it does with bad ones, until this time. */
function refuseUntil(end: number, method: string): void {
  scene.line.fetch = (url, init) =>
    init.method === method && scene.clock.now < end ? Promise.resolve(refusal()) : fetch(url, init);
}

function refusal(): Response {
  const errors = [{ code: 10026, message: 'could not parse request body' }];
  return Response.json({ success: false, errors, messages: [], result: null }, { status: 400 });
}

describe('the list', () => {
  beforeEach(async () => {
    scene = await openScene();
  });

  it('has an address soon after half a minute in which it was refused', async () => {
    await scene.settle(wantMany(1));
    refuseUntil(scene.clock.now + 30, 'POST');
    const end = scene.clock.now + 90;
    while (scene.clock.now < end) await scene.step(wantMany(2));
    expect(listed(scene).ours).toEqual(addresses(wantMany(2)));
  });

  it('has sixty others soon, though one among them is never taken', async () => {
    await scene.settle(wantMany(1));
    const bad = '203.0.113.66';
    let tries = 0;
    scene.line.fetch = async (url, init) => {
      if (init.method !== 'POST' || !String(init.body).includes(bad)) return fetch(url, init);
      tries += 1;
      return refusal();
    };
    const all = [want(bad), ...wantMany(60)];
    await scene.settle(all, 60);
    expect(listed(scene).ours).toEqual(addresses(wantMany(60)));
    tries = 0;
    const hour = scene.clock.now + 3600;
    while (scene.clock.now < hour) await scene.step(all);
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(10);
    // others do not suffer with it again
    await scene.settle([...all, want('203.0.113.67')], 10);
  });

  it('is asked again half a minute after one 429 that follows minutes of 503', async () => {
    await scene.settle(wantMany(1));
    scene.fake.control.fault({ kind: '503', count: 9 });
    while (scene.fake.control.state().faults.length > 0) await scene.step(wantMany(2));
    scene.fake.control.fault({ kind: '429' });
    await scene.step(wantMany(2));
    expect(scene.enforcement.status(scene.clock.now - 1).error?.code).toBe('ERR_CLOUDFLARE_RATE');
    await scene.settle(wantMany(2), 150);
  });

  it('is not said to be in step with what was counted before its operation', async () => {
    const said: number[] = [];
    scene.line.fetch = (url, init) => {
      const { inStep, wanted } = scene.enforcement.status(scene.clock.now);
      if (inStep) said.push(wanted);
      return fetch(url, init);
    };
    await scene.settle(wantMany(3));
    scene.clock.now += 700;
    await scene.step(wantMany(3));
    expect(new Set(said)).toEqual(new Set([3]));
  });

  it('that is empty may be told as null', async () => {
    scene.fake.control.set({ none: 'null' });
    await scene.settle(wantMany(2), 60);
    expect(listed(scene).ours).toEqual(addresses(wantMany(2)));
  });

  it('is not believed to be empty where only its items are null', async () => {
    scene.fake.control.seedItems({ list: listName, items: [{ ip: '45.0.0.0', comment: 'by hand' }] });
    const control = { gone: true };
    scene.line.fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (!control.gone || !url.includes('/items?')) return answer;
      return Response.json({ success: true, errors: [], messages: [], result: null });
    };
    for (let step = 0; step < 5; step++) await scene.step(wantMany(2));
    expect(scene.enforcement.status(scene.clock.now).error?.code).toBe('ERR_CLOUDFLARE_ANSWER');
    control.gone = false;
    await scene.settle(wantMany(2), 300);
    expect(listed(scene)).toEqual({ ours: ['45.0.0.1'], foreign: ['45.0.0.0'] });
  });

  it('that was deleted, for which the rules had to go first, blocks again within a minute', async () => {
    await scene.settle(wantMany(2));
    for (const zone of zoneIds) scene.fake.control.deleteRule({ zone, ref: 'edgeban' });
    scene.fake.control.loseList({ name: listName });
    await scene.settle(wantMany(3), 60);
    expect(listed(scene).ours).toEqual(addresses(wantMany(3)));
    expect(zoneIds.map((zone) => ruleRefs(scene, zone))).toEqual([['edgeban'], ['edgeban']]);
  });
});

describe('access rules', () => {
  beforeEach(async () => {
    scene = await openAccount();
  });

  for (const method of ['POST', 'DELETE'])
    it(`are right soon after half a minute in which each ${method} was refused`, async () => {
      await scene.settle(wantMany(2));
      refuseUntil(scene.clock.now + 30, method);
      const wanted = wantMany(2, 1);
      const end = scene.clock.now + 120;
      while (scene.clock.now < end) await scene.step(wanted);
      expect(ruled(scene)).toEqual(addresses(wanted));
    });

  it('that are said to be gone, and are not, go all the same', async () => {
    await scene.settle(wantMany(2));
    const end = scene.clock.now + 20;
    scene.line.fetch = async (url, init) => {
      if (init.method !== 'DELETE' || scene.clock.now >= end) return fetch(url, init);
      const errors = [{ code: 10001, message: 'firewallaccessrules.api.not_found' }];
      return Response.json({ success: false, errors, messages: [], result: null }, { status: 404 });
    };
    await scene.settle(wantMany(1), 90);
    expect(ruled(scene)).toEqual(addresses(wantMany(1)));
  });

  it('may be told as null where there are none', async () => {
    scene.fake.control.set({ none: 'null' });
    await scene.settle(wantMany(2), 60);
    expect(ruled(scene)).toEqual(addresses(wantMany(2)));
  });
});
