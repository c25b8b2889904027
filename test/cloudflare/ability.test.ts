/** What the Worker tells hosts that leave bans to the edge alone: whether it can enforce, of what it knows itself. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { abilityOf } from '../../worker/ledger/ability.ts';
import { TestLedger } from './ledger.ts';
import { challengeListName, listName, openScene, type Scene, zoneIds } from './scene.ts';

const both = { mode: 'list', zoneIds, listName, challengeListName } as const;
const able = { block: true, challenge: true, why: null };

let scene: Scene;
let ledger: TestLedger;
beforeEach(async () => {
  scene = await openScene({ limits: { lists_max: 3 } }, both);
  ledger = new TestLedger(scene);
  ledger.hold('203.0.113.1', null);
  await ledger.settle();
});
afterEach(() => scene.close());

const ability = () => abilityOf(ledger.status, scene.clock.now);

async function works(seconds: number): Promise<void> {
  for (const end = scene.clock.now + seconds; scene.clock.now < end; ) await ledger.work();
}

it('all is well: both, and a trouble that passes does not count', async () => {
  expect(ability()).toEqual(able);
  scene.fake.control.revokeToken({ name: 'worker' });
  ledger.hold('203.0.113.2', null);
  await works(120);
  expect(ability()).toEqual(able);
});

it('a revoked token is told after five minutes, and no more once it is restored', async () => {
  scene.fake.control.revokeToken({ name: 'worker' });
  ledger.hold('203.0.113.2', null);
  await works(1_300);
  expect(ability()).toMatchObject({ block: false, challenge: false, why: expect.stringContaining('HTTP 40') });
  scene.fake.control.restoreToken({ name: 'worker' });
  await works(1_300);
  expect(ability()).toEqual(able);
});

it('without a second list the edge blocks, and challenges nobody', async () => {
  scene.restart({ mode: 'list', zoneIds, listName });
  await ledger.settle();
  expect(ability()).toMatchObject({
    block: true,
    challenge: false,
    why: expect.stringContaining('CHALLENGE_LIST_NAME'),
  });
});

it('where no rule can be made for a zone, nothing holds there', async () => {
  scene.fake.control.deleteRule({ zone: zoneIds[0], ref: 'edgeban' });
  const rules = Array.from({ length: 5 }, (_, n) => ({
    ref: `r${n}`,
    action: 'block',
    expression: '(http.host eq "x")',
  }));
  scene.fake.control.seedRules({ zone: zoneIds[0], rules });
  await works(2_000);
  expect(ability()).toMatchObject({ block: false, challenge: false, why: expect.stringContaining('maximum number') });
});

it('in the mode none it enforces nothing; in a panic, which is meant so, hosts are not to stand in', async () => {
  scene.stance.panic = true;
  await scene.enforcement.switch(scene.clock.now);
  await works(700);
  expect(ability()).toEqual(able);
  const bare = new TestLedger(scene, undefined, false);
  expect(abilityOf(bare.status, scene.clock.now)).toMatchObject({ block: false, challenge: false });
});
