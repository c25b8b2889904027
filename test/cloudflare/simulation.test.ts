/** Random bans, unbans, faults and deaths from a seed; when all is quiet again, the list is what is wanted. */
import { describe, expect, it } from 'vitest';
import { canonical } from '../../shared/address.ts';
import type { Wanted } from '../../worker/cloudflare/enforcement.ts';
import type { FaultKind } from '../fakes/cloudflare/state.ts';
import { randomOf } from '../random.ts';
import { asked, listed, listName, openScene, ruleRefs, type Scene, want, zoneIds } from './scene.ts';

/** SEED=n replays one; SEEDS=n runs so many. */
const { SEED: one, SEEDS: many = '6' } = process.env;
const seeds = one === undefined ? Array.from({ length: Number(many) }, (_, index) => index + 1) : [Number(one)];
const acts_per_seed = 120;

const pool = [
  ...Array.from({ length: 40 }, (_, n) => `203.0.113.${n}`),
  ...Array.from({ length: 15 }, (_, n) => `2001:db8::${(n + 1).toString(16)}`),
  '198.51.100.0/24',
  '2001:db8:1::/48',
  // theirs from the beginning
  '192.0.2.1',
  '192.0.2.2',
];

interface World {
  readonly scene: Scene;
  readonly random: () => number;
  readonly wanted: Map<string, Wanted>;
  foreign: Set<string>;
}

const kinds: readonly FaultKind[] = ['429', '500', '503', 'html-429', 'false-200', 'cut-before', 'cut-after'];

function pick<T>(world: World, from: readonly T[]): T {
  const picked = from[Math.floor(world.random() * from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}

function ban(world: World): void {
  for (let count = Math.ceil(world.random() * 8); count > 0; count--) {
    const address = pick(world, pool);
    const until = world.random() < 0.5 ? null : world.scene.clock.now + 5 + world.random() * 4000;
    world.wanted.set(address, want(address, until));
  }
}

function unban(world: World): void {
  for (const address of world.wanted.keys()) if (world.random() < 0.2) world.wanted.delete(address);
}

function addForeign(world: World): void {
  const ip = `192.0.2.${10 + Math.floor(world.random() * 200)}`;
  if (world.scene.fake.control.state().lists.length === 0) return;
  world.scene.fake.control.seedItems({ list: listName, items: [{ ip, comment: 'another tool' }] });
  world.foreign.add(ip);
}

function loseList(world: World): void {
  if (world.random() < 0.7) return;
  world.scene.fake.control.loseList({ name: listName });
  world.foreign = new Set();
}

function break_(world: World): void {
  const { control } = world.scene.fake;
  const count = 1 + Math.floor(world.random() * 4);
  if (world.random() < 0.7) control.fault({ kind: pick(world, kinds), count });
  else control.nextOperations({ fates: [pick(world, ['failed', 'stuck', 'forgotten', 'dropped'] as const)] });
}

function meddle(world: World): void {
  const { control } = world.scene.fake;
  const zone = pick(world, zoneIds);
  if (world.random() < 0.3) control.deleteRule({ zone, ref: 'edgeban' });
  else if (world.random() < 0.5) control.revokeToken({ name: 'worker' });
  else control.set({ frozen: true });
  const ours = control.items(listName).filter(({ comment }) => comment?.startsWith('edgeban:'));
  if (world.random() < 0.3) control.removeItems({ list: listName, ips: ours.slice(0, 2).map(({ ip }) => ip) });
}

function heal(world: World): void {
  const { control } = world.scene.fake;
  control.restoreToken({ name: 'worker' });
  control.set({ frozen: false, v6: pick(world, ['kept', 'long'] as const) });
  if (world.random() < 0.5) control.releaseOperations();
}

const acts = [ban, ban, ban, ban, unban, unban, addForeign, loseList, break_, break_, meddle, heal, heal];

async function live(world: World): Promise<void> {
  const { scene, random } = world;
  for (let act = 0; act < acts_per_seed; act++) {
    pick(world, acts)(world);
    if (random() < 0.15) scene.restart();
    for (let steps = Math.floor(random() * 6); steps > 0; steps--) await scene.step([...world.wanted.values()]);
    if (random() < 0.1) scene.clock.now += random() * 900;
    expect(new Set(listed(scene).foreign)).toEqual(world.foreign);
  }
}

/** All faults end; late effects of what was stuck get their time; then it has to be right. */
async function quiet(world: World): Promise<void> {
  const { scene, wanted } = world;
  const { control } = scene.fake;
  control.clearFaults();
  control.restoreToken({ name: 'worker' });
  control.set({ frozen: false });
  control.releaseOperations();
  for (const [address, { until }] of wanted) if (until !== null) wanted.set(address, want(address));
  const end = scene.clock.now + 1800;
  while (scene.clock.now < end) await scene.step([...wanted.values()]);
  await scene.settle([...wanted.values()], 1800);
}

async function begin(seed: number): Promise<World> {
  const scene = await openScene();
  const items = [{ ip: '192.0.2.1', comment: 'by hand' }, { ip: '192.0.2.2' }];
  scene.fake.control.seedItems({ list: listName, items });
  const rules = [{ action: 'skip', expression: '(http.host eq "a")', ref: 'theirs' }];
  scene.fake.control.seedRules({ zone: zoneIds[1], rules });
  return { scene, random: randomOf(seed), wanted: new Map(), foreign: new Set(['192.0.2.1', '192.0.2.2']) };
}

describe('random weather', () => {
  it.each(seeds)('clears, seed %i', async (seed) => {
    const world = await begin(seed);
    const { scene } = world;
    await live(world);
    await quiet(world);
    const missing = [...world.wanted.keys()].filter((address) => !world.foreign.has(address)).sort();
    expect(listed(scene).ours).toEqual(missing);
    const all = scene.fake.control.items(listName).map(({ ip }) => canonical(ip));
    expect(new Set(all).size).toBe(all.length);
    expect(zoneIds.map((zone) => ruleRefs(scene, zone))).toEqual([['edgeban'], ['edgeban', 'theirs']]);
    expect(asked(scene).filter((line) => line.startsWith('PUT'))).toEqual([]);
    await scene.close();
  });
});
