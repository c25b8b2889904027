/** The switch for all bans at once: one call for each zone, also while everything else waits; and the brake. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asked, listed, openScene, type Scene, wantMany, zoneIds } from './scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const rules = () => zoneIds.map((zone) => scene.fake.control.rules(zone).find(({ ref }) => ref === 'edgeban'));
const requests = () => asked(scene).length;

async function turn(change: Partial<Scene['stance']>) {
  Object.assign(scene.stance, change);
  return scene.enforcement.switch(scene.clock.now);
}

describe('panic', () => {
  it('switches each zone off in one call and leaves the list; resume switches them on', async () => {
    await scene.settle(wantMany(10));
    const before = requests();
    expect(await turn({ panic: true })).toMatchObject(zoneIds.map((zone) => ({ zone, enabled: false, error: null })));
    expect(requests() - before).toBe(zoneIds.length);
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: false }]);
    await scene.step(wantMany(12));
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: false }]);
    expect(listed(scene).ours).toHaveLength(12);
    await turn({ panic: false });
    expect(rules()).toMatchObject([{ enabled: true }, { enabled: true }]);
  });

  it('does not wait for a back-off, a spent budget or an operation, and is remembered over a crash', async () => {
    await scene.settle(wantMany(10));
    scene.fake.control.fault({ kind: '429', count: 1, retry_after: 300 });
    await scene.step(wantMany(11));
    await turn({ panic: true });
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: false }]);
    scene.restart();
    scene.stance.panic = false;
    await scene.settle(wantMany(11));
    expect(rules()).toMatchObject([{ enabled: true }, { enabled: true }]);
  });

  it('that fails is tried again by the next steps', async () => {
    await scene.settle(wantMany(10));
    scene.fake.control.fault({ kind: '500', count: 2 });
    const told = await turn({ panic: true });
    expect(told.map(({ error }) => error?.code)).toEqual(['ERR_CLOUDFLARE_UNREACHABLE', 'ERR_CLOUDFLARE_UNREACHABLE']);
    await scene.step(wantMany(10));
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: false }]);
  });

  it('leaves a rule off that somebody had switched off before', async () => {
    await scene.settle(wantMany(10));
    scene.fake.control.disableRule({ zone: zoneIds[0], ref: 'edgeban' });
    scene.clock.now += 3600;
    await scene.step(wantMany(10));
    await turn({ panic: true });
    await turn({ panic: false });
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: true }]);
  });

  it('that was carried out though its answer was lost is over after resume', async () => {
    await scene.settle(wantMany(10));
    scene.fake.control.fault({ kind: 'cut-after', count: 2 });
    await turn({ panic: true });
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: false }]);
    await scene.step(wantMany(10));
    await turn({ panic: false });
    expect(rules()).toMatchObject([{ enabled: true }, { enabled: true }]);
  });

  it('that nobody here knows of is over when rules are to be revived, also where that fails at first', async () => {
    await scene.settle(wantMany(10));
    for (const zone of zoneIds) scene.fake.control.disableRule({ zone, ref: 'edgeban' });
    scene.clock.now += 3600;
    await scene.step(wantMany(10));
    await turn({});
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: false }]);
    scene.fake.control.fault({ kind: '500' });
    await scene.enforcement.switch(scene.clock.now, true);
    expect(rules().filter((rule) => rule?.enabled)).toHaveLength(1);
    await scene.settle(wantMany(10));
    expect(rules()).toMatchObject([{ enabled: true }, { enabled: true }]);
  });

  it('makes a rule that was not there yet switched off, and finds one that has moved', async () => {
    await turn({ panic: true });
    await scene.step(wantMany(1));
    await scene.step(wantMany(1));
    expect(rules()).toMatchObject([{ enabled: false }, { enabled: false }]);
    scene.fake.control.deleteRule({ zone: zoneIds[0], ref: 'edgeban' });
    await turn({ panic: false });
    expect(rules()).toMatchObject([{ enabled: true }, { enabled: true }]);
  });
});

describe('the brake', () => {
  it('turns the blocks of a zone into challenges in one call, and back', async () => {
    await scene.settle(wantMany(10));
    const before = requests();
    await turn({ brake: true });
    expect(requests() - before).toBe(zoneIds.length);
    expect(rules()).toMatchObject([{ action: 'managed_challenge' }, { action: 'managed_challenge' }]);
    await scene.settle(wantMany(20));
    expect(rules()).toMatchObject([{ action: 'managed_challenge' }, { action: 'managed_challenge' }]);
    await turn({ brake: false });
    expect(rules()).toMatchObject([{ action: 'block' }, { action: 'block' }]);
  });
});
