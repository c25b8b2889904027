/** After a change of mode, list or zones: the new one is in force first, then what the former made is taken away. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { others, ruled } from './access-scene.ts';
import {
  account,
  addresses,
  asked,
  listed,
  listName,
  openScene,
  ruleRefs,
  type Scene,
  want,
  wantMany,
  zoneIds,
} from './scene.ts';

const [zone, other] = zoneIds;
const wanted = wantMany(6);
const toRules = { mode: 'access-rules', zoneIds: null } as const;
const toList = { mode: 'list', zoneIds, listName } as const;
let scene: Scene;

beforeEach(async () => {
  scene = await openScene({ limits: { lists_max: 2 } });
  scene.fake.control.seedItems({ list: listName, items: [{ ip: '192.0.2.1', comment: 'by hand' }] });
  const rules = [{ action: 'skip', expression: '(http.host eq "a")', ref: 'theirs' }];
  scene.fake.control.seedRules({ zone, rules });
  const theirs = { target: 'ip', value: '192.0.2.2', mode: 'whitelist', notes: 'by hand' } as const;
  scene.fake.control.seedAccessRules({ rules: [theirs] });
});
afterEach(() => scene.close());

const left = () => scene.enforcement.former(scene.clock.now);

async function cleared(ban = wanted, seconds = 1800): Promise<void> {
  for (const end = scene.clock.now + seconds; left().length > 0; ) {
    if (scene.clock.now > end) throw new Error(`something is left: ${JSON.stringify(left())}`);
    await scene.step(ban);
  }
}

/** Never a moment in which a wanted address is refused by neither mode. */
function expectCovered(): void {
  const listedNow = new Set(zoneIds.every((id) => ruleRefs(scene, id).includes('edgeban')) ? listed(scene).ours : []);
  const ruledNow = new Set(ruled(scene));
  expect(wanted.filter(({ address }) => !listedNow.has(address) && !ruledNow.has(address))).toEqual([]);
}

describe('a change of mode', () => {
  it('takes away what a ledger that was lost had made, before the next one has read any of it', async () => {
    await scene.settle(wanted);
    scene.lose();
    scene.restart(toRules);
    await cleared();
    expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['theirs'], []]);
    expect(listed(scene)).toEqual({ ours: [], foreign: ['192.0.2.1'] });
  });

  it.each([
    ['a ledger that was lost had made', () => scene.lose()],
    [
      'readings missed by slips of Cloudflare',
      async () => {
        scene.clock.now += 601;
        scene.fake.control.fault({ kind: 'null-200' });
        await scene.step([]);
        scene.restart({ mode: 'none' });
        scene.fake.control.fault({ kind: 'null-200' });
        await scene.step([]);
      },
    ],
  ])('takes away access rules that %s', async (_, forget) => {
    scene.restart(toRules);
    await scene.settle(wanted);
    await forget();
    scene.restart(toList);
    await cleared([]);
    expect(ruled(scene)).toEqual([]);
    expect(others(scene)).toEqual(['whitelist 192.0.2.2 by hand']);
  });

  it('leaves a list alone that is not ours, though it was set for a moment', async () => {
    scene.restart(toRules);
    await cleared();
    expect(listed(scene)).toEqual({ ours: [], foreign: ['192.0.2.1'] });
    expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['theirs'], []]);
  });

  it('from list to access rules, and back', async () => {
    await scene.settle(wanted);
    scene.restart(toRules);
    expect(left()).toMatchObject([{ mode: 'list', name: listName, zones: 2 }]);
    for (let n = 0; n < 60 && left().length > 0; n++) {
      expectCovered();
      await scene.step(wanted);
    }
    expect(left()).toEqual([]);
    expect(ruled(scene)).toEqual(addresses(wanted));
    expect(listed(scene)).toEqual({ ours: [], foreign: ['192.0.2.1'] });
    expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['theirs'], []]);
    scene.restart(toList);
    for (let n = 0; n < 60 && left().length > 0; n++) {
      expectCovered();
      await scene.step(wanted);
    }
    expect(left()).toEqual([]);
    await scene.settle(wanted);
    expect(ruled(scene)).toEqual([]);
    expect(others(scene)).toEqual(['whitelist 192.0.2.2 by hand']);
    expect(listed(scene)).toEqual({ ours: addresses(wanted), foreign: ['192.0.2.1'] });
    expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['edgeban', 'theirs'], ['edgeban']]);
  });

  it('that turns round half-way leaves the mode that is set, and nothing else', async () => {
    await scene.settle(wanted);
    scene.restart(toRules);
    for (let n = 0; n < 3; n++) await scene.step(wanted);
    scene.restart(toList);
    await cleared();
    await scene.settle(wanted);
    expect(listed(scene).ours).toEqual(addresses(wanted));
    expect(ruled(scene)).toEqual([]);
  });

  it('to none takes away what was made, and then asks for nothing', async () => {
    await scene.settle(wanted);
    scene.restart({ mode: 'none' });
    await cleared([]);
    expect(listed(scene)).toEqual({ ours: [], foreign: ['192.0.2.1'] });
    expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['theirs'], []]);
    const count = asked(scene).length;
    const end = scene.clock.now + 3 * 86_400;
    while (scene.clock.now < end) await scene.step([]);
    expect(await scene.enforcement.step([], scene.clock.now)).toEqual({ again: null });
    // it looks again a few times, for what an operation does that ends late
    expect(asked(scene).length - count).toBeLessThan(15);
  });

  it('does not keep the present mode from its turn after a restart, however late what is former is to be looked at', async () => {
    scene = await openScene();
    const wanted = wantMany(2);
    await scene.settle(wanted);
    scene.restart({ mode: 'access-rules', zoneIds: null });
    for (let n = 0; n < 60; n++) await scene.step(wanted);
    scene.clock.now += 24 * 3600;
    scene.restart();
    const { again } = await scene.enforcement.step(wanted, scene.clock.now);
    expect(again).toBeLessThan(scene.clock.now + 60);
  });

  it('finds what an operation of the former mode does after it was given up', async () => {
    await scene.settle(wanted);
    scene.fake.control.nextOperations({ fates: ['stuck'] });
    await scene.step([...wanted, want('203.0.113.66')]);
    scene.restart(toRules);
    for (const end = scene.clock.now + 900; scene.clock.now < end; ) await scene.step(wanted);
    scene.fake.control.releaseOperations();
    for (const end = scene.clock.now + 4_000; scene.clock.now < end; ) await scene.step(wanted);
    expect(listed(scene).ours).toEqual([]);
    expect(ruled(scene)).toEqual(addresses(wanted));
  });

  it('waits as long as the new mode is not in force, and says what is left', async () => {
    await scene.settle(wanted);
    scene.fake.control.fault({ kind: 'false-200', count: 1_000, methods: ['POST'] });
    scene.restart(toRules);
    for (const end = scene.clock.now + 600; scene.clock.now < end; ) await scene.step(wanted);
    expectCovered();
    expect(listed(scene).ours).toEqual(addresses(wanted));
    expect(left()).toMatchObject([{ mode: 'list', left: null, zones: 2, error: null }]);
    scene.fake.control.clearFaults();
    await cleared();
    expect(ruled(scene)).toEqual(addresses(wanted));
  });

  it('goes on after a crash, faults and lost operations', async () => {
    await scene.settle(wanted);
    scene.restart(toRules);
    scene.fake.control.nextOperations({ fates: ['dropped', 'failed'] });
    scene.fake.control.fault({ kind: '500', count: 3, methods: ['DELETE'] });
    for (let n = 0; n < 400 && left().length > 0; n++) {
      if (n % 7 === 0) scene.restart();
      await scene.step(wanted);
    }
    expect(left()).toEqual([]);
    expect(listed(scene)).toEqual({ ours: [], foreign: ['192.0.2.1'] });
  });

  it('of many bans, there and back, stays within the calls that an account has', async () => {
    const many = wantMany(900);
    await scene.settle(many);
    const begin = scene.clock.now;
    for (const mode of [toRules, toList, toRules, toList]) {
      scene.restart(mode);
      for (let n = 0; n < 20; n++) await scene.step(many);
    }
    scene.restart({ mode: 'none' });
    await cleared([], 7200);
    expect(listed(scene).ours).toEqual([]);
    expect(ruled(scene)).toEqual([]);
    expect(scene.fake.control.journal().filter(({ status }) => status === 429)).toEqual([]);
    const at = scene.fake.control.journal().map(({ at_ms }) => at_ms / 1000);
    const most = Math.max(...at.map((from) => at.filter((each) => each >= from && each < from + 300).length));
    expect(most).toBeLessThan(1_150);
    expect(scene.clock.now - begin).toBeLessThan(1800);
  });
});

describe('a change of settings', () => {
  it('of the list takes our items out of the former one, and the rule names the new one', async () => {
    await scene.settle(wanted);
    scene.restart({ mode: 'list', zoneIds, listName: 'edgeban_two' });
    await cleared();
    const items = (name: string) => scene.fake.control.items(name).map(({ ip }) => ip);
    expect(items(listName)).toEqual(['192.0.2.1']);
    expect(items('edgeban_two').sort()).toEqual(addresses(wanted));
    expect(scene.fake.control.rules(zone)[0]).toMatchObject({ ref: 'edgeban', expression: '(ip.src in $edgeban_two)' });
  });

  it('of the zones takes the rule out of those that are set no more', async () => {
    await scene.settle(wanted);
    scene.restart({ mode: 'list', zoneIds: [zone], listName });
    await cleared();
    expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['edgeban', 'theirs'], []]);
    expect(listed(scene).ours).toEqual(addresses(wanted));
    scene.restart(toList);
    await scene.settle(wanted);
    expect(ruleRefs(scene, other)).toEqual(['edgeban']);
  });

  it('holds what is left while the token is refused, and says why', async () => {
    await scene.settle(wanted);
    scene.restart({ mode: 'none' });
    scene.fake.control.revokeToken({ name: 'worker' });
    for (const end = scene.clock.now + 900; scene.clock.now < end; ) await scene.step([]);
    expect(left()).toMatchObject([{ mode: 'list', error: { code: 'ERR_CLOUDFLARE_AUTH' } }]);
    scene.fake.control.restoreToken({ name: 'worker' });
    await cleared([]);
    expect(listed(scene).ours).toEqual([]);
  });
});

it('two instances share an account, a list and a zone, and leave each other alone', async () => {
  await scene.settle(wanted);
  const second = await scene.beside('two');
  const theirs = [want('203.0.113.77'), want('203.0.113.78')];
  await second.settle(theirs);
  await scene.settle(wanted);
  expect(ruleRefs(scene, other).sort()).toEqual(['edgeban', 'edgeban-two']);
  const comments = scene.fake.control.items(listName).map(({ comment = '' }) => comment.split(':')[1]);
  expect(comments.filter((name) => name === 'two')).toHaveLength(2);
  second.restart({ mode: 'none' });
  for (let n = 0; n < 100 && second.enforcement.former(second.clock.now).length > 0; n++) await second.step([]);
  await scene.settle(wanted);
  expect(listed(scene)).toEqual({ ours: addresses(wanted), foreign: ['192.0.2.1'] });
  expect(ruleRefs(scene, other)).toEqual(['edgeban']);
  expect(scene.fake.control.accessRules(account)).toHaveLength(1);
});
