/** A Worker on the free plan may make 50 requests in one invocation: with 50 zones and two lists everything takes several. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stanceChore } from '../../worker/ledger/stance.ts';
import { writeBrake } from '../../worker/ledger/standing.ts';
import { noteUrgent } from '../../worker/ledger/state.ts';
import { TestLedger } from './ledger.ts';
import { challengeListName, listName, openScene, type Scene, wantMany } from './scene.ts';

const requests_max = 50;
const manyZones = Array.from({ length: 50 }, (_, n) => n.toString(16).padStart(32, 'f'));
const refs = ['edgeban', 'edgeban_challenge'];

let scene: Scene;
/** Requests of the invocation that runs, and the most that one has made. */
let made = 0;
let most = 0;

/** What runs in it shares what may be asked; the platform refuses the rest. */
async function invocation<T>(run: () => Promise<T>): Promise<T> {
  made = 0;
  return run();
}

beforeEach(async () => {
  scene = await openScene(
    { zones: manyZones.map((id, n) => ({ id, name: `zone${n}.example` })), limits: { lists_max: 10 } },
    { mode: 'list', zoneIds: manyZones, listName, challengeListName },
  );
  [made, most] = [0, 0];
  scene.line.fetch = async (url, init) => {
    made += 1;
    most = Math.max(most, made);
    if (made > requests_max) throw new Error('Too many subrequests.');
    return fetch(url, init);
  };
});
afterEach(() => scene.close());

const rules = () =>
  manyZones.flatMap((zone) => scene.fake.control.rules(zone).filter(({ ref }) => refs.includes(ref ?? '')));
const isSettled = () => rules().length === 2 * manyZones.length && scene.enforcement.status(scene.clock.now).inStep;

/** Steps by the clock, each an invocation of its own, until it is so; returns how long it took. */
async function until(isSo: () => boolean, seconds: number): Promise<number> {
  const [began, wanted] = [scene.clock.now, wantMany(10)];
  while (!isSo()) {
    if (scene.clock.now - began > seconds) throw new Error(`not so after ${seconds} s`);
    await invocation(() => scene.step(wanted));
  }
  return scene.clock.now - began;
}

async function turn(change: Partial<Scene['stance']>, revive = false) {
  Object.assign(scene.stance, change);
  return invocation(() => scene.enforcement.switch(scene.clock.now, revive));
}

it('makes a hundred rules, lifts them all in a panic within seconds, and brings them back', async () => {
  await until(isSettled, 900);
  const told = await turn({ panic: true });
  const off = told.filter(({ enabled }) => !enabled).length;
  expect(off).toBeGreaterThanOrEqual(25);
  expect(told.filter(({ enabled, waiting, error }) => enabled && waiting && error === null)).toHaveLength(100 - off);
  expect(await until(() => rules().every(({ enabled }) => !enabled), 3)).toBeLessThan(3);
  await until(isSwitched, 3);
  await turn({ panic: false });
  await until(() => rules().every(({ enabled }) => enabled), 3);
  await until(isSettled, 900);
  expect(most).toBeLessThanOrEqual(requests_max);
});

const isSwitched = () => {
  const status = scene.enforcement.status(scene.clock.now);
  return status.mode === 'list' && status.rules.every(({ waiting }) => !waiting);
};

it('is in a panic to the end whatever else waits: a back-off, a spent budget, a crash', async () => {
  await until(isSettled, 900);
  scene.sql.all("UPDATE cf_state SET state = json_set(state, '$.budgets.calls.left', 0)");
  scene.restart();
  scene.fake.control.fault({ kind: '429', count: 1, retry_after: 300 });
  await invocation(() => scene.step(wantMany(11)));
  scene.clock.now -= 299;
  await turn({ panic: true });
  scene.restart();
  expect(scene.enforcement.waitsUntil()).toBeNull();
  await until(() => rules().every(({ enabled }) => !enabled), 3);
});

it('revives a hundred rules that somebody has switched off', async () => {
  await until(isSettled, 900);
  for (const zone of manyZones) for (const ref of refs) scene.fake.control.disableRule({ zone, ref });
  scene.clock.now += 3_600;
  await until(isSettledOff, 900);
  await turn({}, true);
  await until(() => rules().every(({ enabled }) => enabled), 3);
  expect(most).toBeLessThanOrEqual(requests_max);
});

const isSettledOff = () => {
  const status = scene.enforcement.status(scene.clock.now);
  return status.mode === 'list' && status.rules.every(({ enabled }) => !enabled);
};

it('carries out a brake with the alarm, and a step of the list comes with another', async () => {
  const ledger = new TestLedger(scene);
  ledger.chores = [stanceChore(scene.sql, () => ledger.enforcement)];
  ledger.hold('203.0.113.1', null);
  const alarms = async (isSo: () => boolean) => {
    for (let n = 0; n < 200 && !isSo(); n++) await invocation(() => ledger.work());
    expect(isSo()).toBe(true);
  };
  await alarms(isSettled);
  writeBrake(scene.sql, { since: scene.clock.now, by: 'itself', rate: 700, usual: 1 });
  noteUrgent(scene.sql);
  scene.stance.brake = true;
  ledger.hold('203.0.113.2', null);
  await alarms(() => rules().every(({ action }) => action === 'managed_challenge'));
  await alarms(isSettled);
  expect(most).toBeLessThanOrEqual(requests_max);
});
