/** Every unkindness that the fake knows: once it clears, the list is what is wanted and nothing of others is touched. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultInput } from '../fakes/cloudflare/control.ts';
import {
  account,
  addresses,
  asked,
  listed,
  listName,
  openScene,
  ruleRefs,
  type Scene,
  secret,
  want,
  wantMany,
  zoneIds,
} from './scene.ts';

const foreign = [{ ip: '192.0.2.1', comment: 'by hand' }, { ip: '192.0.2.2' }];
let scene: Scene;

beforeEach(async () => {
  scene = await openScene();
  scene.fake.control.seedItems({ list: listName, items: foreign });
  const rules = [{ action: 'skip', expression: '(http.host eq "a")', ref: 'theirs' }];
  scene.fake.control.seedRules({ zone: zoneIds[0], rules });
});
afterEach(() => scene.close());

const before = wantMany(4);
const after = [...wantMany(2), ...wantMany(3, 50)];

function expectRight(): void {
  expect(listed(scene)).toEqual({ ours: addresses(after), foreign: ['192.0.2.1', '192.0.2.2'] });
  expect(scene.fake.control.items(listName).filter(({ comment }) => comment === 'by hand')).toHaveLength(1);
  expect(zoneIds.map((zone) => ruleRefs(scene, zone))).toEqual([['edgeban', 'theirs'], ['edgeban']]);
}

async function expectHeals(seconds: number): Promise<void> {
  await scene.settle(after, seconds);
  // what was refused gets its turn again
  while (scene.enforcement.status(scene.clock.now).refused.count > 0) await scene.settle(after, seconds);
  expectRight();
}

describe('spoiled requests', () => {
  const kinds = FaultInput.shape.kind.options;
  beforeEach(() => {
    scene.patience.timeout_ms = 250;
  });

  function fault(input: Parameters<typeof scene.fake.control.fault>[0]): void {
    if (input.kind.startsWith('hang')) scene.restart();
    scene.fake.control.fault(input);
  }

  for (const kind of kinds) {
    it(`heals after ${kind} on the next three requests, whatever they are`, async () => {
      await scene.settle(before);
      fault({ kind, count: 3 });
      await expectHeals(2000);
    });

    it(`heals after ${kind} on each of the next two changes`, async () => {
      await scene.settle(before);
      fault({ kind, count: 2, methods: ['POST', 'DELETE', 'PATCH'] });
      await expectHeals(2000);
    });

    it(`heals after ${kind} from the very beginning`, async () => {
      fault({ kind, count: 6 });
      await expectHeals(7200);
    });
  }

  it('comes back exactly when retry-after says', async () => {
    await scene.settle(before);
    scene.fake.control.fault({ kind: '429', count: 1, retry_after: 77 });
    const now = scene.clock.now;
    expect(await scene.enforcement.step(after, now)).toEqual({ again: now + 77 });
    const count = asked(scene).length;
    expect(await scene.enforcement.step(after, now + 76)).toEqual({ again: now + 77 });
    expect(asked(scene)).toHaveLength(count);
    const status = scene.enforcement.status(now + 1);
    expect({ code: status.error?.code, wait: status.waitUntil }).toEqual({
      code: 'ERR_CLOUDFLARE_RATE',
      wait: now + 77,
    });
    await expectHeals(200);
  });

  it('waits longer and longer, but not too long, while nobody answers', async () => {
    await scene.settle(before);
    scene.fake.control.fault({ kind: 'cut-before', count: 12 });
    const waits: number[] = [];
    for (let step = 0; step < 12; step++) {
      const { again } = await scene.enforcement.step(after, scene.clock.now);
      waits.push(Math.round((again ?? 0) - scene.clock.now));
      scene.clock.now = again ?? 0;
    }
    expect(waits).toEqual([2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30, 30]);
    await expectHeals(900);
  });
});

describe('operations', () => {
  for (const fate of ['failed', 'forgotten', 'dropped'] as const) {
    it(`heals after operations that are ${fate}`, async () => {
      await scene.settle(before);
      scene.fake.control.nextOperations({ fates: [fate, fate, fate] });
      await expectHeals(3600);
    });
  }

  it('gives up an operation that never ends, and waits its turn until it is released', async () => {
    await scene.settle(before);
    scene.fake.control.nextOperations({ fates: ['stuck'] });
    const end = scene.clock.now + 1200;
    while (scene.clock.now < end) await scene.step(after);
    const { error, inStep } = scene.enforcement.status(scene.clock.now);
    expect({ code: error?.code, inStep }).toEqual({ code: 'ERR_CLOUDFLARE_BUSY', inStep: false });
    scene.fake.control.releaseOperations();
    await expectHeals(900);
  });

  it('finds what a stuck operation did long after it was given up', async () => {
    await scene.settle(before);
    scene.fake.control.nextOperations({ fates: ['stuck'] });
    await scene.step([...before, want('203.0.113.66')]);
    const end = scene.clock.now + 800;
    while (scene.clock.now < end) await scene.step(before);
    scene.fake.control.releaseOperations();
    const late = scene.clock.now + 700;
    while (scene.clock.now < late) await scene.step(before);
    await scene.settle(before);
    expect(listed(scene).ours).toEqual(addresses(before));
  });

  it('waits while another operation is under way in the account', async () => {
    await scene.settle(before);
    scene.fake.control.set({ operation_ms: 20_000 });
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    const list = scene.fake.control.state().lists[0]?.id;
    const url = `${scene.base}/accounts/${account}/rules/lists/${list}/items`;
    await fetch(url, { method: 'POST', headers, body: '[{"ip":"192.0.2.1","comment":"by hand"}]' });
    await scene.step(after);
    expect(scene.enforcement.status(scene.clock.now).error?.code).toBe('ERR_CLOUDFLARE_BUSY');
    await expectHeals(300);
  });

  it('goes on after operations were frozen', async () => {
    await scene.settle(before);
    scene.fake.control.set({ frozen: true });
    for (let step = 0; step < 20; step++) await scene.step(after);
    scene.fake.control.set({ frozen: false });
    await expectHeals(900);
  });

  it('sets an address aside that Cloudflare refuses for reasons of its own, and lists the others', async () => {
    await scene.settle(before);
    const wanted = [...after, want('203.0.113.66')];
    scene.line.fetch = async (url, init) => {
      if (init.method !== 'POST' || !String(init.body).includes('203.0.113.66')) return fetch(url, init);
      return Response.json(
        { success: false, errors: [{ code: 10031, message: 'no' }], messages: [], result: null },
        { status: 400 },
      );
    };
    await scene.settle(wanted, 600);
    expect(scene.enforcement.status(scene.clock.now).refused).toEqual({ count: 1, addresses: ['203.0.113.66'] });
    expectRight();
    scene.line.fetch = (url, init) => fetch(url, init);
    scene.clock.now += 901;
    await scene.settle(wanted);
    expect(listed(scene).ours).toEqual(addresses(wanted));
  });
});

describe('the account', () => {
  it('says that the token is revoked, asks seldom, and heals when it is restored', async () => {
    await scene.settle(before);
    scene.fake.control.revokeToken({ name: 'worker' });
    const count = asked(scene).length;
    const end = scene.clock.now + 3600;
    while (scene.clock.now < end) await scene.step(after);
    expect(asked(scene).length - count).toBeLessThan(15);
    const { error } = scene.enforcement.status(scene.clock.now);
    expect(error?.code).toBe('ERR_CLOUDFLARE_AUTH');
    scene.fake.control.restoreToken({ name: 'worker' });
    await expectHeals(700);
    expect(scene.enforcement.status(scene.clock.now).error).toBeNull();
  });

  it('never lets the token out', async () => {
    scene.line.fetch = async () => {
      const errors = [{ code: 1, message: `bad token ${secret} and cfut_abcdefgh` }];
      return Response.json({ success: false, errors, messages: [], result: null }, { status: 400 });
    };
    await scene.step(before);
    scene.line.fetch = async () => {
      throw new Error(`connect failed with Bearer ${secret}`);
    };
    scene.clock.now += 600;
    await scene.step(before);
    const kept = JSON.stringify(scene.sql.all('SELECT * FROM cf_state'));
    const said = `${scene.log.join()} ${JSON.stringify(scene.enforcement.status(scene.clock.now))} ${kept}`;
    expect(said).toContain('connect failed with Bearer [token]');
    expect(said).not.toContain(secret);
    expect(said).not.toContain('cfut_abcdefgh');
  });

  it('makes the list again when it is lost', async () => {
    await scene.settle(before);
    scene.fake.control.loseList({ name: listName });
    await scene.settle(after, 900);
    expect(listed(scene)).toEqual({ ours: addresses(after), foreign: [] });
  });

  it('says that there is no room for another list, and takes the place when there is', async () => {
    scene.fake.control.loseList({ name: listName });
    scene.fake.control.seedItems({ list: 'somebody_elses', items: [{ ip: '192.0.2.1' }] });
    for (let step = 0; step < 4; step++) await scene.step(after);
    expect(scene.enforcement.status(scene.clock.now).error?.message).toContain('maximum number of lists');
    scene.fake.control.loseList({ name: 'somebody_elses' });
    await scene.settle(after, 900);
    expect(listed(scene).ours).toEqual(addresses(after));
  });

  it('makes do with the room that other lists leave', async () => {
    await scene.close();
    scene = await openScene({ limits: { lists_max: 2, items_max: 10_000 } });
    await scene.settle(wantMany(5));
    const items = wantMany(9_990, 100_000).map(({ address: ip }) => ({ ip }));
    scene.fake.control.seedItems({ list: 'somebody_elses', items });
    await scene.settle(wantMany(12), 300);
    expect(listed(scene).ours).toEqual(addresses(wantMany(10)));
    expect(scene.enforcement.status(scene.clock.now).leftOut.count).toBe(2);
  });

  it('follows no redirect, which would carry the token away', async () => {
    await scene.settle(before);
    const urls: string[] = [];
    scene.line.fetch = async (url, init) => {
      urls.push(url);
      expect(init.redirect).toBe('manual');
      return new Response(null, { status: 302, headers: { location: 'https://elsewhere.invalid/' } });
    };
    scene.clock.now += 700;
    await scene.step(after);
    expect(urls).toHaveLength(1);
    expect(scene.enforcement.status(scene.clock.now).error?.code).toBe('ERR_CLOUDFLARE_ANSWER');
  });

  it('keeps below the rate that Cloudflare allows, however often it is called', async () => {
    const most = { limits: { requests_per_window_max: 1_200 } };
    await scene.close();
    scene = await openScene({ ...most, operation_ms: 0 });
    for (let step = 0; step < 900; step++) {
      scene.clock.now += 0.2;
      await scene.enforcement.survey(scene.clock.now);
      await scene.enforcement.step(wantMany(3, step), scene.clock.now);
    }
    const seen = scene.fake.control.journal();
    expect(seen.filter(({ status }) => status === 429)).toEqual([]);
    expect(seen.length).toBeGreaterThan(300);
    expect(seen.length).toBeLessThanOrEqual(300 + 180 + 1);
    await scene.settle(after);
    expect(listed(scene).ours).toEqual(addresses(after));
  });

  it('is told nothing it believes when the answer is too large, or of another shape', async () => {
    await scene.settle(before);
    for (const body of ['x'.repeat(5 * 1024 * 1024), '{"success":true,"result":[{"id":7}]}', '[]', '']) {
      scene.line.fetch = async () => new Response(body);
      scene.clock.now += 700;
      await scene.enforcement.step(after, scene.clock.now);
      expect(scene.enforcement.status(scene.clock.now).error?.code).toMatch(/ERR_CLOUDFLARE_(ANSWER|UNREACHABLE)/);
    }
    scene.line.fetch = (url, init) => fetch(url, init);
    await expectHeals(900);
  });
});
