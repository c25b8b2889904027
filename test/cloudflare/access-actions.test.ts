/** Blocks and challenges by access rules: a mode for each rule, changed in place. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openAccount, statusOf } from './access-scene.ts';
import { account, asked, type Scene, want } from './scene.ts';

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

it('where bans are cut into pieces, a block goes before a challenge', async () => {
  await scene.settle([want('198.51.100.0/23', null, 'challenge'), want('198.51.101.0/24', scene.clock.now + 900)]);
  expect(modes()).toEqual(['198.51.100.0/24 managed_challenge', '198.51.101.0/24 block']);
});
