/** Whole histories from a seed: hosts, ledger, KV and Cloudflare through partitions, crashes, losses and changes of mode. */
import { describe, expect, it } from 'vitest';
import { parsePrefix } from '../../shared/address.ts';
import { Guard } from '../../shared/engine/guard.ts';
import { noteHurry } from '../../worker/ledger/state.ts';
import type { FaultKind } from '../fakes/cloudflare/state.ts';
import { below, oneOf, randomOf } from '../random.ts';
import { others, ruled } from './access-scene.ts';
import { isChallenged, type Line, SimulatedHost } from './fleet.ts';
import { allowed, FakeKv, TestLedger } from './ledger.ts';
import { challengeListName, listed, listName, openScene, type Scene, zoneIds } from './scene.ts';

/** HISTORY=n replays one; HISTORIES=n runs so many, HISTORIES=a-b those from a to b. */
const { HISTORY: one, HISTORIES: many = '5' } = process.env;
const [first = 1, last = first] = (one ?? (many.includes('-') ? many : `1-${many}`)).split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);
const acts_per_history = 60;
/** How long after its end a ban may be seen at Cloudflare when all is well, in seconds: operations are paced. */
const tick_s = 120;

const guarded = [allowed.replace('.0/24', '.7'), '104.16.0.9', '127.0.0.9', '203.0.113.250'];
const pool = [...Array.from({ length: 30 }, (_, n) => `203.0.113.${n}`), '2001:db8::1', '2001:db8::2', ...guarded];
const modes = {
  list: { mode: 'list', zoneIds, listName },
  lists: { mode: 'list', zoneIds, listName, challengeListName },
  rules: { mode: 'access-rules', zoneIds: null },
} as const;
const kinds: readonly FaultKind[] = ['429', '500', '503', 'html-429', 'false-200', 'cut-before', 'cut-after'];
const lines: readonly Line[] = ['good', 'good', 'good', 'lost', 'answer lost', 'repeated'];

interface World {
  readonly scene: Scene;
  readonly random: () => number;
  readonly hosts: readonly SimulatedHost[];
  readonly cutOff: Set<SimulatedHost>;
  ledger: TestLedger;
  mode: keyof typeof modes;
}

type Act = (world: World) => void | Promise<void>;

const attack: Act = ({ random, hosts, scene }) => {
  for (let count = 2 + below(random, 8); count > 0; count--)
    oneOf(random, hosts).fail(oneOf(random, pool), scene.clock.now);
};

const unban: Act = ({ random, hosts, scene }) => oneOf(random, hosts).unban(oneOf(random, pool), scene.clock.now);

const talk: Act = ({ random, hosts, cutOff, ledger, scene }) => {
  for (const host of hosts) {
    if (cutOff.has(host)) continue;
    host.push(ledger, oneOf(random, lines), scene.clock.now);
    host.pull(ledger, oneOf(random, lines));
  }
};

const cut: Act = ({ random, hosts, cutOff }) => {
  const host = oneOf(random, hosts);
  if (!cutOff.delete(host)) cutOff.add(host);
};

const crash: Act = ({ random, hosts, ledger, scene }) => {
  oneOf(random, hosts).crash();
  ledger.forget();
  scene.restart();
};

const break_: Act = ({ random, scene }) => {
  const { control } = scene.fake;
  if (random() < 0.7) control.fault({ kind: oneOf(random, kinds), count: 1 + below(random, 4) });
  else control.nextOperations({ fates: [oneOf(random, ['failed', 'stuck', 'forgotten', 'dropped'] as const)] });
};

const meddle: Act = ({ random, scene, ledger }) => {
  const { control } = scene.fake;
  const chance = random();
  const ref = oneOf(random, ['edgeban', 'edgeban_challenge']);
  if (chance < 0.2) control.deleteRule({ zone: oneOf(random, zoneIds), ref });
  else if (chance < 0.4) control.loseList({ name: oneOf(random, [listName, challengeListName]) });
  else if (chance < 0.6) ledger.kv.values.clear();
  else if (chance < 0.8) ledger.kv.broken = !ledger.kv.broken;
  else control.revokeToken({ name: 'worker' });
};

const heal: Act = ({ scene, ledger }) => {
  scene.fake.control.restoreToken({ name: 'worker' });
  scene.fake.control.releaseOperations();
  ledger.kv.broken = false;
};

const switchMode: Act = (world) => {
  // one that takes hours is looked for again after hours, which no history here lasts
  const stuck = world.scene.fake.control.state().operations.some(({ fate }) => fate === 'stuck');
  if (world.random() < 0.6 || stuck) return;
  world.mode = oneOf(
    world.random,
    (['list', 'lists', 'rules'] as const).filter((mode) => mode !== world.mode),
  );
  world.scene.restart(modes[world.mode]);
  noteHurry(world.ledger.sql);
};

/** The ledger's storage is lost; KV may be lost with it. */
const loseLedger: Act = (world) => {
  const { scene, random, ledger } = world;
  // what a former mode has left is known to the ledger alone
  if (random() < 0.7 || scene.enforcement.former(scene.clock.now).length > 0) return;
  scene.lose();
  world.ledger = new TestLedger(scene, random() < 0.5 ? ledger.kv : new FakeKv());
};

const acts = [attack, attack, attack, talk, talk, talk, talk, unban, cut, crash, break_, meddle, heal, heal].concat([
  switchMode,
  loseLedger,
]);

async function live(world: World): Promise<void> {
  const { random, scene } = world;
  for (let act = 0; act < acts_per_history; act++) {
    await oneOf(random, acts)(world);
    for (let steps = below(random, 5); steps > 0; steps--) await world.ledger.work();
    if (random() < 0.1) scene.clock.now += random() * 600;
    expectGuarded(world);
  }
}

const guard = new Guard({ allowed: [parsePrefix(allowed)].flatMap((prefix) => prefix ?? []) });

/** No ban of a guarded address anywhere, and nobody else's things are touched. */
function expectGuarded({ scene, ledger, hosts }: World): void {
  const { now } = scene.clock;
  const edge = [...atCloudflare(scene), ...ledger.kv.bans(now), ...hosts.flatMap((host) => host.heard(now))];
  const wrong = edge.filter((address) => {
    const prefix = parsePrefix(address);
    return prefix === null || guard.check(prefix) !== null;
  });
  expect(wrong).toEqual([]);
  expect(hosts.flatMap((host) => host.own(now)).filter(({ id }) => guarded.slice(1).includes(id))).toEqual([]);
  expect(others(scene)).toEqual(['whitelist 192.0.2.2 by hand']);
}

function atCloudflare(scene: Scene): string[] {
  return [...listed(scene).ours, ...listed(scene, challengeListName).ours, ...ruled(scene)];
}

/** All is mended and told; what was stuck has had its time. */
async function quiet(world: World): Promise<void> {
  const { scene, hosts, cutOff } = world;
  const { control } = scene.fake;
  control.clearFaults();
  await heal(world);
  cutOff.clear();
  const end = scene.clock.now + 1_500;
  while (scene.clock.now < end) {
    await world.ledger.work();
    for (const host of hosts) {
      host.push(world.ledger, 'good', scene.clock.now);
      host.pull(world.ledger, 'good');
    }
  }
}

/** After quiet, with new bans that are well before their ends. */
async function settle(world: World): Promise<void> {
  const { scene, hosts } = world;
  // twice: the second failure bans
  for (const host of hosts) for (let n = 0; n < 8; n++) host.fail(`198.18.7.${n >> 1}`, scene.clock.now);
  while (hosts.some(({ waiting }) => waiting > 0)) {
    for (const host of hosts) host.push(world.ledger, 'good', scene.clock.now);
    await world.ledger.work();
  }
  await world.ledger.settle(900);
  for (let n = 0; n < 40; n++) for (const host of hosts) host.pull(world.ledger, 'good');
}

function expectAgreement({ scene, ledger, hosts, mode }: World): void {
  const { now } = scene.clock;
  const held = ledger.held().map((line) => line.split(' ')[0] ?? '');
  const spoken = hosts.map((host) => new Set(host.own(now).flatMap(({ ip }) => ip ?? [])));
  const told = [...new Set(spoken.flatMap((its) => [...its]))].filter(isLetThrough).sort();
  expect(held.length).toBeGreaterThan(3);
  // what a lost ledger's bans have become, until their hosts tell them anew or they end
  const recovered = held.filter((address) => ledger.holders.of(address).every(({ host }) => host === 'recovered'));
  expect(held.filter((address) => !recovered.includes(address))).toEqual(told);
  // a ban may end at this very moment: Cloudflare is told within a tick, and KV knows ends in whole seconds
  const running = (address: string) => !hasJustEnded(ledger, address, now);
  const blocked = held.filter((address) => !isChallenged(address));
  const challenged = held.filter(isChallenged);
  expect(listed(scene).ours.filter(running)).toEqual(mode === 'rules' ? [] : blocked);
  expect(listed(scene, challengeListName).ours.filter(running)).toEqual(mode === 'lists' ? challenged : []);
  expect(ruled(scene).filter(running)).toEqual(mode === 'rules' ? held : []);
  expect(ledger.kv.bans(now).filter(running)).toEqual(held);
  for (const host of hosts) {
    const others = held.filter((address) =>
      ledger.holders
        .of(address)
        .some((each) => each.host !== host.name && !each.lifted && (each.until ?? now + 1) > now),
    );
    expect(host.heard(now).sort()).toEqual(others);
  }
}

function hasJustEnded(ledger: TestLedger, address: string, now: number): boolean {
  const ends = ledger.holders.of(address).map(({ until }) => until ?? Number.POSITIVE_INFINITY);
  const end = Math.max(...ends);
  return end <= now && end > now - tick_s;
}

function isLetThrough(address: string): boolean {
  const prefix = parsePrefix(address);
  return prefix !== null && guard.check(prefix) === null;
}

/** All bans end by themselves, everywhere, in their time. */
async function end(world: World): Promise<void> {
  const { scene, ledger } = world;
  const over = new Map<string, number>();
  for (const until = scene.clock.now + 2_400; scene.clock.now < until; ) {
    await ledger.work();
    const { now } = scene.clock;
    const held = new Set(ledger.held().map((line) => line.split(' ')[0]));
    for (const address of held) over.delete(address ?? '');
    for (const address of atCloudflare(scene)) {
      if (held.has(address)) continue;
      const since = over.get(address) ?? now;
      over.set(address, since);
      expect(now - since, address).toBeLessThan(tick_s);
    }
  }
  expect(atCloudflare(scene)).toEqual([]);
  expect(ledger.held()).toEqual([]);
}

async function begin(seed: number): Promise<World> {
  const scene = await openScene({ limits: { lists_max: 3 } }, modes.lists);
  const theirs = { target: 'ip', value: '192.0.2.2', mode: 'whitelist', notes: 'by hand' } as const;
  scene.fake.control.seedAccessRules({ rules: [theirs] });
  const hosts = ['web1', 'web2', 'mail'].map((name) => new SimulatedHost(name));
  const standing = { hosts, cutOff: new Set<SimulatedHost>(), mode: 'lists' } as const;
  return { scene, random: randomOf(seed), ...standing, ledger: new TestLedger(scene) };
}

describe('a history', () => {
  it.each(seeds)('ends with all agreeing, seed %i', async (seed) => {
    const world = await begin(seed);
    await live(world);
    await quiet(world);
    await settle(world);
    expectAgreement(world);
    await end(world);
    await world.scene.close();
  });
});
