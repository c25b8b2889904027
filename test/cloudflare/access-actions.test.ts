/** Blocks and challenges by access rules: a mode for each rule, changed in place. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { budgetLimits, secondsFor } from '../../worker/cloudflare/budget.ts';
import { openAccount, statusOf } from './access-scene.ts';
import { account, asked, type Scene, want, wantMany } from './scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await openAccount();
});
afterEach(() => scene.close());

const modes = () =>
  scene.fake.control
    .accessRules(account)
    .map(({ mode, configuration }) => `${configuration.value} ${mode}`)
    .sort();

it('a challenge is a managed one; a change of action is a change of the same rule', async () => {
  await scene.settle([want('203.0.113.7', null, 'challenge'), want('203.0.113.8')]);
  expect(modes()).toEqual(['203.0.113.7 managed_challenge', '203.0.113.8 block']);
  const before = asked(scene).length;
  const end = scene.clock.now + 300;
  await scene.settle([want('203.0.113.7', end), want('203.0.113.8', null, 'challenge')]);
  expect(modes()).toEqual(['203.0.113.7 block', '203.0.113.8 managed_challenge']);
  expect(
    asked(scene)
      .slice(before)
      .map((call) => call.split(' ')[0]),
  ).not.toContain('DELETE');
  expect(scene.fake.control.accessRules(account)[0]?.notes).toContain(`edgeban:main:${Math.ceil(end)} `);
  expect(statusOf(scene)).toMatchObject({ inStep: true, missing: 0 });
});

it('a restart remembers which rule does what, and a lost memory reads it', async () => {
  const wanted = [want('203.0.113.7', null, 'challenge'), want('203.0.113.8')];
  await scene.settle(wanted);
  scene.restart();
  const before = asked(scene).length;
  await scene.settle(wanted);
  const changes = asked(scene)
    .slice(before)
    .filter((call) => !call.startsWith('GET '));
  expect(changes).toEqual([]);
  scene.lose();
  const { found } = await scene.enforcement.survey(scene.clock.now);
  expect(found?.map(({ address, action }) => `${address} ${action}`).sort()).toEqual([
    '203.0.113.7 challenge',
    '203.0.113.8 block',
  ]);
});

it('the brake makes challenges of standing and new blocks, in place, and blocks again when it is released', async () => {
  const wanted = wantMany(30);
  await scene.settle(wanted);
  const before = asked(scene).length;
  scene.stance.brake = true;
  const more = [...wantMany(10, 30), ...wanted];
  await scene.settle(more);
  const actions = () => new Set(scene.fake.control.accessRules(account).map(({ mode }) => mode));
  expect([modes().length, ...actions()]).toEqual([40, 'managed_challenge']);
  scene.stance.brake = false;
  await scene.settle(more);
  expect([modes().length, ...actions()]).toEqual([40, 'block']);
  const methods = asked(scene)
    .slice(before)
    .map((call) => call.split(' ')[0]);
  expect(methods).not.toContain('DELETE');
  expect(methods.filter((method) => method === 'PATCH')).toHaveLength(30 + 40);
});

it('a new ban does not wait until all standing ones have been changed', async () => {
  const wanted = wantMany(200);
  await scene.settle(wanted, 3_600);
  scene.stance.brake = true;
  const fresh = [want('203.0.113.7'), ...wanted];
  await scene.step(fresh);
  await scene.step(fresh);
  expect(modes()).toContain('203.0.113.7 managed_challenge');
});

it('a panic of many rules takes as long as is said, and spends no more than Cloudflare allows', async () => {
  const wanted = wantMany(450);
  await scene.settle(wanted, 3_600);
  scene.clock.now += 600;
  await scene.step(wanted);
  scene.clock.now += 600;
  scene.stance.panic = true;
  const began = scene.clock.now;
  await scene.settle(wanted, 3_600);
  const last = scene.fake.control.journal().findLast(({ method }) => method === 'DELETE');
  const took = (last?.at_ms ?? 0) / 1000 - began;
  expect(modes()).toEqual([]);
  expect(took).toBeLessThan(secondsFor(450, budgetLimits.panicCalls) + 90);
  expect(secondsFor(10_000, budgetLimits.panicCalls)).toBeLessThan(57 * 60);
  expect(scene.fake.control.journal().filter(({ status }) => status === 429)).toEqual([]);
});

it('where bans are cut into pieces, a block goes before a challenge', async () => {
  await scene.settle([want('198.51.100.0/23', null, 'challenge'), want('198.51.101.0/24', scene.clock.now + 900)]);
  expect(modes()).toEqual(['198.51.100.0/24 managed_challenge', '198.51.101.0/24 block']);
});
