/** A whole history from its seed: troubles in any order, then quiet, agreement, and the end of all bans. */
import type { UnixTime, Until } from '../../shared/time.ts';
import { randomOf } from '../random.ts';
import { type Act, actBy, lose, loseLedger } from './acts.ts';
import { settings } from './edge.ts';
import { jailNames } from './host-plan.ts';
import {
  cloudflare_tick_s,
  expectAgreement,
  expectAlways,
  expectNotHeld,
  expectPanic,
  expectStill,
} from './invariants.ts';
import { eventually, look_s } from './patience.ts';
import { actionsAt, everywhereAtCloudflare, holdersAt } from './places.ts';
import { befriended, brief, denied } from './trials.ts';
import { closeWorld, openWorld, type World } from './world.ts';

export const acts_per_history = 30;
/** The end of all bans takes four times as long as all else, and is the same for many: every so many seeds it is waited for. */
const ends_every = 10;
/** Longer than a lost ledger needs to look around. */
const amnesia_s = 200;
/** Longer than any ban made in a history. */
const bans_s = 8_000;

export interface Story {
  readonly told: readonly string[];
  /** Bans that were compared in the end. */
  readonly bans: number;
}

/** Carries the acts that led to it. */
export class Broken extends Error {
  readonly told: readonly string[];

  constructor(told: readonly string[], cause: unknown) {
    super(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    this.told = told;
  }
}

/** `kept`: only these of its acts, by number; each has its own chance, so that leaving out others changes nothing. Throws Broken. */
export async function play(seed: number, kept: (act: number) => boolean = () => true): Promise<Story> {
  const told: string[] = [];
  const world = await openWorld(seed);
  try {
    await live(world, seed, kept, told);
    await quiet(world);
    const chance = world.random();
    if (chance < 0.3) await panic(world);
    else if (chance < 0.5) await amnesia(world);
    await eventually(world, () => expectAgreement(world));
    await afterwards(world);
    await eventually(world, () => expectAgreement(world));
    const bans = holdersAt(world).length;
    if (seed % ends_every === 0) await end(world);
    return { told, bans };
  } catch (error) {
    throw new Broken(told, error);
  } finally {
    closeWorld(world);
  }
}

async function live(world: World, seed: number, kept: (act: number) => boolean, told: string[]): Promise<void> {
  world.isCalm = false;
  for (let n = 0; n < acts_per_history; n += 1) {
    world.random = randomOf(seed * 1_000 + n);
    const act: Act = actBy(world.random);
    if (kept(n)) {
      told.push(`${n} at ${world.clock.now.toFixed(1)}: ${act.name}`);
      await act.run(world);
    }
    await world.clock.pass(world.random() < 0.15 ? world.random() * 400 : world.random() * 12);
    expectAlways(world);
  }
}

/** All is mended, and everybody is enrolled again. */
async function quiet(world: World): Promise<void> {
  const { edge, hosts } = world;
  world.isCalm = true;
  edge.fake.control.clearFaults();
  edge.fake.control.restoreToken({ name: 'worker' });
  edge.fake.control.releaseOperations();
  edge.dieAtCall(null);
  edge.kv.broken = false;
  if (!edge.isUp) edge.setUp(true);
  // once more: what was switched off past the Worker, beside its own panic, comes on by a resume without one
  for (const path of ['/v1/resume', '/v1/resume']) await edge.order('POST', path);
  await edge.order('DELETE', '/v1/brake');
  for (const host of hosts) {
    host.client.isCut = false;
    host.firewall.isBroken = false;
    if (!host.isRunning) await host.start();
  }
  await enrolAll(world);
  await ban(world);
}

async function enrolAll({ edge, hosts }: World): Promise<void> {
  for (const host of hosts) {
    if (!(await edge.knows(host.id))) await host.enrol(edge);
    else if (host.isRotating) await host.rotate();
  }
}

/** New bans, well before their ends, so that there is something to agree upon; all of them are to stand. */
async function ban(world: World): Promise<void> {
  const { hosts, clock, owed } = world;
  for (const [n, host] of hosts.entries()) {
    for (const jail of jailNames) {
      const address = `198.18.7.${n * 10 + jail.length}`;
      for (let count = 0; count < 3; count += 1) await host.fail(jail, address);
      owed.push({ host, jail, address });
    }
  }
  await clock.pass(30);
  await quarrel(world);
}

/** The operator lifts a ban, and its host, who is cut off and has not heard of that, bans anew: the newer ban stands. */
async function quarrel({ edge, clock, hosts, owed }: World): Promise<void> {
  const [first] = jailNames;
  const its = owed.filter(({ jail }) => jail === first);
  for (const host of hosts) host.client.isCut = true;
  for (const { address } of its) await edge.order('DELETE', `/v1/bans/${address}`);
  await clock.pass(1);
  for (const { host, jail, address } of its) {
    await host.unban(jail, address);
    await host.ban(jail, address);
  }
  // long enough that either may be first, the one who tells or the one who listens
  await clock.pass(100);
  for (const host of hosts) host.client.isCut = false;
}

/** All is well; then the fleet counts to its threshold, and something is lost that nobody has a reason to look at. */
async function afterwards(world: World): Promise<void> {
  const { hosts, clock, failed, owedByFleet } = world;
  const address = '198.18.8.1';
  for (const host of hosts.slice(0, 2)) {
    for (let count = 0; count < settings.fleet_maxretry / 2; count += 1) {
      await host.fail('sshd', address);
      failed.push({ address, host, at: clock.now });
    }
  }
  owedByFleet.push(address);
  await share(world);
  await brief(world);
  await eventually(world, () => expectAgreement(world));
  if (world.random() < 0.5) lose(world);
  else await denied(world);
}

/** Of two who hold an address one lets go of it: the other's ban stands. */
async function share({ hosts, clock, owed }: World): Promise<void> {
  const [one, other] = hosts;
  if (one === undefined || other === undefined) return;
  const [jail, address] = ['sshd', '198.18.9.1'] as const;
  for (const host of [one, other]) await host.ban(jail, address);
  await clock.pass(look_s);
  await one.unban(jail, address);
  owed.push({ host: other, jail, address });
}

/** Perhaps of an operator who has just lost the ledger, which knows nothing yet, and perhaps he thinks better of it at once. */
async function panic(world: World): Promise<void> {
  const isLost = world.random() < 0.5;
  if (isLost) await loseLedger(world);
  await world.edge.order('POST', '/v1/panic');
  if (!isLost || world.random() < 0.5) await eventually(world, () => expectPanic(world));
  await world.edge.order('POST', '/v1/resume');
  await enrolAll(world);
}

/** The ledger is lost while all is well, and no host tells it anything: what it finds outside stays. */
async function amnesia(world: World): Promise<void> {
  const { clock, edge } = world;
  const friend = await befriended(world);
  const long = new Set(
    holdersAt(world).flatMap(({ address, until }) => (address !== friend && isLong(until, clock.now) ? [address] : [])),
  );
  const there = everywhereAtCloudflare(edge).filter((address) => long.has(address));
  const isLost = await loseLedger(world);
  // also where it could not be lost
  edge.restart();
  for (const until = clock.now + amnesia_s; clock.now < until; await clock.pass(look_s)) {
    expectAlways(world);
    expectStill(world, there);
    if (isLost) expectNotHeld(world, friend);
  }
  await enrolAll(world);
}

function isLong(until: Until, now: UnixTime): boolean {
  return until === null || until > now + 2 * amnesia_s;
}

/** All bans end by themselves, everywhere, in their time. */
async function end(world: World): Promise<void> {
  const { clock, edge, hosts } = world;
  const over = new Map<string, number>();
  for (const until = clock.now + bans_s; clock.now < until; await clock.pass(look_s)) {
    expectAlways(world);
    const held = actionsAt(world);
    for (const address of held.keys()) over.delete(address);
    for (const address of everywhereAtCloudflare(edge)) {
      if (held.has(address)) continue;
      const since = over.get(address) ?? clock.now;
      over.set(address, since);
      if (clock.now - since > cloudflare_tick_s)
        throw new Error(`${address} is blocked ${clock.now - since} s after its end`);
    }
  }
  const left = [...everywhereAtCloudflare(edge), ...holdersAt(world), ...hosts.flatMap(({ bans }) => bans)];
  if (left.length > 0) throw new Error(`left after all have ended: ${JSON.stringify(left)}`);
}
