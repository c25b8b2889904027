/** What the mode `list` asks of Cloudflare: few calls, however many bans; nothing of others is lost by asking less. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Wanted } from '../../worker/cloudflare/enforcement.ts';
import { playBurst } from './burst.ts';
import { addresses, asked, listed, listName, openScene, type Scene, want, wantMany } from './scene.ts';

describe('10,000 bans of 50 hosts in a minute', () => {
  it.each([200, 20])('are 40 calls and 60 KV writes at the most, told %i at a time', async (batch) => {
    const cost = await playBurst(batch);
    expect(cost.listed).toBe(10_000);
    expect(cost.calls).toBeLessThanOrEqual(40);
    expect(cost.kv_puts).toBeLessThanOrEqual(60);
    expect(cost.seconds).toBeLessThan(75);
  });
});

describe('a list of many pages', () => {
  const many = wantMany(3_000);
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene();
    await settle(many);
  });
  afterEach(() => scene.close());

  /** As scene.settle(), but the clock stays where all is in step. */
  async function settle(wanted: readonly Wanted[]): Promise<void> {
    for (let step = 0; step < 100; step++) {
      const { again } = await scene.enforcement.step(wanted, scene.clock.now);
      if (scene.enforcement.status(scene.clock.now).inStep) return;
      scene.clock.now = Math.max(scene.clock.now, again ?? 0);
    }
    throw new Error(`not settled: ${JSON.stringify(scene.enforcement.status(scene.clock.now))}`);
  }

  const reads = (from: number) =>
    asked(scene)
      .slice(from)
      .filter((line) => line.startsWith('GET') && line.endsWith('/items')).length;

  it('is not read for a ban more', async () => {
    scene.clock.now += 100;
    const from = asked(scene).length;
    const wanted = [...many, want('203.0.113.7')];
    await settle(wanted);
    expect(listed(scene).ours).toEqual(addresses(wanted));
    expect(reads(from)).toBe(0);
    expect(asked(scene).length - from).toBeLessThanOrEqual(4);
  });

  it('is read before an append where somebody has added something, which stays theirs', async () => {
    scene.clock.now += 100;
    scene.fake.control.seedItems({ list: listName, items: [{ ip: '203.0.113.7', comment: 'theirs' }] });
    const wanted = [...many, want('203.0.113.7'), want('203.0.113.8')];
    await settle(wanted);
    expect(listed(scene).foreign).toEqual(['203.0.113.7']);
    await settle([]);
    expect(listed(scene)).toEqual({ ours: [], foreign: ['203.0.113.7'] });
  });

  it('is read once for the ids of new items that are lifted again', async () => {
    scene.clock.now += 20;
    const fresh = [want('203.0.113.7'), want('203.0.113.8')];
    await settle([...many, ...fresh]);
    const from = asked(scene).length;
    await settle(many);
    expect(listed(scene).ours).toEqual(addresses(many));
    expect(reads(from)).toBe(7);
  });

  it('keeps what it knows through a restart in the middle of an operation', async () => {
    const wanted = [...many, want('203.0.113.7')];
    scene.clock.now += 10;
    await scene.step(wanted);
    expect(scene.enforcement.status(scene.clock.now)).toMatchObject({ operation: { kind: 'append', items: 1 } });
    const from = asked(scene).length;
    scene.restart();
    await settle(wanted);
    scene.restart();
    expect(scene.enforcement.status(scene.clock.now)).toMatchObject({ inStep: true, list: { ours: 3_001 } });
    expect(reads(from)).toBe(0);
  });

  it('is whole again within a minute after somebody has emptied it, though many operations were made', async () => {
    scene.sql.all("UPDATE cf_state SET state = json_set(state, '$.budgets.operations.left', 0)");
    scene.restart();
    scene.fake.control.removeItems({ list: listName, ips: addresses(many) });
    scene.clock.now += 601;
    const from = scene.clock.now;
    await settle(many);
    expect(listed(scene).ours).toEqual(addresses(many));
    expect(scene.clock.now - from).toBeLessThan(60);
  });
});

describe('bans one after the other', () => {
  it('go together, but for the first', async () => {
    const scene = await openScene();
    await scene.settle([]);
    const from = asked(scene).length;
    const end = scene.clock.now + 30;
    for (let n = 1; scene.clock.now < end; n++) {
      const { now } = scene.clock;
      await scene.enforcement.step(wantMany(n), now);
      if (n === 1) expect(asked(scene).some((line) => line.startsWith('POST') && line.endsWith('/items'))).toBe(true);
      scene.clock.now = Math.max(now + 0.5, scene.enforcement.waitsUntil() ?? 0);
    }
    const appends = asked(scene)
      .slice(from)
      .filter((line) => line.startsWith('POST')).length;
    expect(appends).toBeLessThanOrEqual(7);
    await scene.close();
  });
});
