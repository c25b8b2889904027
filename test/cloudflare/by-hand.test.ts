/** What somebody does by hand outside: noticed, said, and put right or left as it is. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestLedger } from './ledger.ts';
import { listed, listName, openScene, ruleRefs, ruleStatuses, type Scene, zoneIds } from './scene.ts';

const [zone] = zoneIds;
let scene: Scene;
let ledger: TestLedger;

beforeEach(async () => {
  scene = await openScene();
  ledger = new TestLedger(scene);
  ledger.hold('203.0.113.7', scene.clock.now + 86_400);
  await ledger.settle();
});
afterEach(() => scene.close());

async function live(seconds: number): Promise<void> {
  for (const end = scene.clock.now + seconds; scene.clock.now < end; ) await ledger.work();
}

describe('KV', () => {
  it('that was emptied is written again, though no ban has changed', async () => {
    ledger.kv.values.clear();
    await live(1_300);
    expect(ledger.kv.bans(scene.clock.now)).toEqual(['203.0.113.7']);
    const { puts } = ledger.kv;
    await live(3_600);
    expect(ledger.kv.puts).toBe(puts);
  });

  it('that holds something else is written again', async () => {
    ledger.kv.values.set('bans', new Uint8Array([1, 2, 3]).buffer);
    await live(1_300);
    expect(ledger.kv.bans(scene.clock.now)).toEqual(['203.0.113.7']);
  });

  it('that refuses writes is said, and tried again within the budget', async () => {
    ledger.kv.broken = true;
    ledger.hold('203.0.113.8', scene.clock.now + 86_400);
    await live(60);
    expect(ledger.status.snapshot).toMatchObject({ current: false, error: expect.stringContaining('429') });
    ledger.kv.broken = false;
    await live(60);
    expect(ledger.status.snapshot).toMatchObject({ current: true, error: null });
  });
});

it('an item that somebody has put there a moment before an address is banned stays his', async () => {
  const theirs = '203.0.113.150';
  // the list has just been read
  ledger.hold('203.0.113.9', scene.clock.now + 86_400);
  await ledger.settle();
  scene.clock.now = (ledger.status.enforcement.detail?.reconciledAt ?? 0) + 10;
  scene.fake.control.seedItems({ list: listName, items: [{ ip: theirs, comment: 'mine' }] });
  for (const address of [theirs, '203.0.113.8']) ledger.hold(address, scene.clock.now + 86_400);
  await ledger.settle();
  expect(scene.fake.control.items(listName).find(({ ip }) => ip === theirs)?.comment).toBe('mine');
  expect(ledger.status.enforcement.detail?.foreign.addresses).toEqual([theirs]);
});

describe('the rule', () => {
  it('that was moved behind another is said, and left there', async () => {
    const rules = [{ action: 'skip', expression: '(http.host eq "a")', ref: 'theirs' }];
    scene.fake.control.deleteRule({ zone, ref: 'edgeban' });
    const ours = { action: 'block', expression: '(ip.src in $edgeban)', ref: 'edgeban' };
    scene.fake.control.seedRules({ zone, rules: [...rules, ours] });
    await live(1_300);
    expect(ruleRefs(scene, zone)).toEqual(['theirs', 'edgeban']);
    expect(ruleStatuses(scene)[0]).toMatchObject({ enabled: true, first: false });
  });

  it('that was deleted comes back, and the list is as it was', async () => {
    scene.fake.control.deleteRule({ zone, ref: 'edgeban' });
    await live(125);
    expect(ruleRefs(scene, zone)).toEqual(['edgeban']);
    expect(listed(scene).ours).toEqual(['203.0.113.7']);
  });
});
