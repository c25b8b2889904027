/** A ledger that was lost while a former mode's things were being taken away: settings tell of them, and they go. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Wanted } from '../../worker/cloudflare/enforcement.ts';
import { others, ruled } from './access-scene.ts';
import {
  account,
  addresses,
  challengeListName,
  listed,
  listName,
  openScene,
  ruleRefs,
  type Scene,
  want,
  wantMany,
  zoneIds,
} from './scene.ts';

const [zone] = zoneIds;
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

const told = { zoneIds, droppedZoneIds: [], lists: [], challengeLists: [], accessRules: [] };

/** As a ledger that was lost looks around. */
async function surveyed(): Promise<readonly Wanted[]> {
  for (let n = 0; n < 30; n++) {
    const { found, again } = await scene.enforcement.survey(scene.clock.now);
    if (found !== null) return found;
    scene.clock.now = Math.max(scene.clock.now + 0.01, again);
  }
  throw new Error('the survey does not end');
}

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

describe('a ledger that was lost on the way to another mode', () => {
  it.each(['account', 'zones'] as const)(
    'takes away access rules of the %s that were not yet taken away',
    async (scope) => {
      scene.restart(scope === 'account' ? toRules : { mode: 'access-rules', zoneIds });
      await scene.settle(wanted);
      scene.restart({ ...toList, former: { ...told, accessRules: [scope] } });
      scene.lose();
      expect(left()).toMatchObject([{ mode: 'access-rules' }]);
      const found = await surveyed();
      expect([...new Set(addresses(found))]).toEqual(addresses(wanted));
      for (let n = 0; n < 60 && left().length > 0; n++) {
        if (scope === 'account') expectCovered();
        await scene.step(wanted);
      }
      expect([left(), ...[account, ...zoneIds].map((each) => ruled(scene, each))]).toEqual([[], [], [], []]);
      expect(others(scene)).toEqual(['whitelist 192.0.2.2 by hand']);
      expect(listed(scene).ours).toEqual(addresses(wanted));
      // told again, it does not look again
      scene.restart();
      expect(left()).toEqual([]);
    },
  );

  it.each([toRules, { mode: 'none' }] as const)(
    'takes away the lists and rules of before, on the way to %o',
    async (next) => {
      const both = [...wanted, want('45.9.9.9', null, 'challenge')];
      scene.restart({ ...toList, challengeListName });
      await scene.settle(both);
      scene.restart({ ...next, former: { ...told, lists: [listName], challengeLists: [challengeListName] } });
      scene.lose();
      const found = await surveyed();
      expect(found.map(({ address, action }) => `${address} ${action}`).sort()).toEqual(
        both.map(({ address, action }) => `${address} ${action}`).sort(),
      );
      await cleared(next.mode === 'none' ? [] : both);
      expect(listed(scene)).toEqual({ ours: [], foreign: ['192.0.2.1'] });
      expect(listed(scene, challengeListName).ours).toEqual([]);
      expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['theirs'], []]);
    },
  );

  it('takes its rules out of a zone that settings name no more', async () => {
    const [kept, dropped] = zoneIds;
    scene.restart({ ...toList, challengeListName });
    await scene.settle(wanted);
    expect(ruleRefs(scene, dropped)).toEqual(['edgeban', 'edgeban_challenge']);
    const former = { ...told, droppedZoneIds: [dropped] };
    scene.restart({ ...toList, challengeListName, zoneIds: [kept], former });
    scene.lose();
    expect(left()).toMatchObject([{ zones: 1 }, { zones: 1 }]);
    expect(addresses(await surveyed())).toEqual(addresses(wanted));
    await cleared();
    expect(zoneIds.map((id) => ruleRefs(scene, id))).toEqual([['edgeban', 'edgeban_challenge', 'theirs'], []]);
    expect(listed(scene).ours).toEqual(addresses(wanted));
  });

  it('does not wait for ever to read what a former mode has left, and takes it away later', async () => {
    scene.restart(toRules);
    await scene.settle(wanted);
    scene.restart({ ...toList, former: { ...told, accessRules: ['account'] } });
    scene.lose();
    const { fetch } = scene.line;
    scene.line.fetch = async (url, init) =>
      url.includes('/access_rules/') ? new Response('<html>', { status: 502 }) : await fetch(url, init);
    const began = scene.clock.now;
    expect(await surveyed()).toEqual([]);
    expect(scene.clock.now - began).toBeLessThan(120);
    expect(left()).toMatchObject([{ mode: 'access-rules' }]);
    scene.line.fetch = fetch;
    await cleared();
    expect(ruled(scene)).toEqual([]);
  });

  it('is taken away also where settings tell of it only afterwards', async () => {
    scene.restart(toRules);
    await scene.settle(wanted);
    scene.restart(toList);
    scene.lose();
    await scene.settle(wanted);
    scene.restart({ ...toList, former: { ...told, accessRules: ['account'] } });
    expect(left()).toMatchObject([{ mode: 'access-rules' }]);
    await cleared();
    expect([ruled(scene), listed(scene).ours]).toEqual([[], addresses(wanted)]);
    // told again, it is not looked for again
    scene.restart();
    expect(left()).toEqual([]);
  });

  it('looks more than once for access rules that settings tell of', async () => {
    scene.restart(toRules);
    await scene.settle(wanted);
    scene.restart({ mode: 'none', former: { ...told, accessRules: ['account'] } });
    scene.lose();
    scene.fake.control.fault({ kind: 'null-200' });
    expect(await surveyed()).toEqual([]);
    await cleared([]);
    expect(ruled(scene)).toEqual([]);
  });

  it('recovers without what the token may not read', async () => {
    scene.restart({ ...toList, former: { ...told, accessRules: ['account'] } });
    await scene.settle(wanted);
    scene.lose();
    const { fetch } = scene.line;
    scene.line.fetch = async (url, init) => {
      if (!url.includes('/access_rules/')) return await fetch(url, init);
      const errors = [{ code: 10_000, message: 'Authentication error' }];
      return Response.json({ success: false, errors, messages: [], result: null }, { status: 403 });
    };
    expect(addresses(await surveyed())).toEqual(addresses(wanted));
    expect(left()).toMatchObject([{ mode: 'access-rules', error: { code: 'ERR_CLOUDFLARE_AUTH' } }]);
  });
});
