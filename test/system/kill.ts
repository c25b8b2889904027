/** kill -9 of any part while bans come and go: when it is back, every place agrees, and nothing is lost or done twice. */
import { execFileSync } from 'node:child_process';
import { randomOf } from '../random.ts';
import { type Edge, listItems, startFake, startWorker } from '../world/edge.ts';
import { client, type Host, startAgent } from '../world/host.ts';
import { until } from '../world/wait.ts';
import { enrolAt, everywhere, makeWorld, type World } from '../world/world.ts';

type Victim = 'hostA' | 'hostB' | 'workerd' | 'fake';

/** Each part by itself; then the banning agent at the same moment as each end of what it tells. */
const blows: readonly (readonly Victim[])[] = [
  ['hostA'],
  ['workerd'],
  ['hostB'],
  ['fake'],
  ['hostA', 'workerd'],
  ['hostB', 'fake'],
];
/** More on demand: the suite's time is short, and partitions (parted) kill as well. */
const rounds = Number(process.env['KILL_ROUNDS'] ?? 1);
const bans_per_blow = 12;
/** After all parts are back. */
const agreement_ms_max = 90_000;

export async function killed(seed: number): Promise<unknown> {
  const world = await makeWorld({ jails: '[sshd]\nenabled = true\nbantime = 1h\n' });
  await Promise.all([startAgent(world.hostA), startAgent(world.hostB)]);
  const random = randomOf(seed);
  const wanted = new Set<string>();
  const agreed_ms: Record<string, number> = {};
  for (const [number, victims] of Array.from({ length: rounds }, () => blows)
    .flat()
    .entries()) {
    await actAndKill(world, victims, { number, random, wanted });
    await Promise.all(victims.map((victim) => revive(world, victim)));
    const back = performance.now();
    await agree(world, wanted);
    agreed_ms[`${number + 1} ${victims.join(', ')}`] = Math.round(performance.now() - back);
  }
  await noneTwice(world);
  return { bans: wanted.size, agreed_ms };
}

/** A Worker that is new to a host hears of the bans that the host has made before. */
export async function enrolledLater(): Promise<unknown> {
  const world = await makeWorld({ jails: '[sshd]\nenabled = true\nbantime = 1h\n', unenrolled: true });
  await startAgent(world.hostA);
  await client(world.hostA, 'set', 'sshd', 'banip', '203.0.113.90', '203.0.113.91');
  await world.hostA.agent.kill('SIGTERM');
  for (const host of [world.hostA, world.hostB]) {
    await enrolAt(world, host);
    await startAgent(host);
  }
  await agree(world, new Set(['203.0.113.90', '203.0.113.91']));
  return await everywhere(world);
}

interface Blow {
  /** Counts over all rounds: no address comes twice. */
  readonly number: number;
  random(): number;
  readonly wanted: Set<string>;
}

/** Bans and unbans on host A; the victims die in the midst of them, while what went before is still under way. */
async function actAndKill(world: World, victims: readonly Victim[], { number, random, wanted }: Blow): Promise<void> {
  const moment = Math.floor(random() * bans_per_blow);
  for (let n = 0; n < bans_per_blow; n += 1) {
    const lift = [...wanted][Math.floor(random() * wanted.size)];
    const words = lift !== undefined && random() < 0.3 ? ['unbanip', lift] : ['banip', addressOf(number, n)];
    if (n === moment) for (const victim of victims) kill(world, victim);
    // an agent that is dead takes no orders: those come when it is back
    if (n >= moment && victims.includes('hostA')) continue;
    await client(world.hostA, 'set', 'sshd', ...words);
    if (words[0] === 'banip') wanted.add(addressOf(number, n));
    else if (lift !== undefined) wanted.delete(lift);
  }
}

/** Of no network that the world has. */
const addressOf = (blow: number, n: number) => `203.0.${113 + (blow >> 3)}.${100 + (blow % 8) * bans_per_blow + n}`;

function kill(world: World, victim: Victim): void {
  if (victim === 'workerd') execFileSync('pkill', ['-KILL', '-g', String(world.edge.worker.pid), 'workerd']);
  else process.kill(-programOf(world, victim).pid, 'SIGKILL');
}

function programOf(world: World, victim: Exclude<Victim, 'workerd'>) {
  return victim === 'fake' ? world.edge.fake : world[victim].agent;
}

async function revive(world: World, victim: Victim): Promise<void> {
  switch (victim) {
    case 'workerd':
      // wrangler outlives its workerd, or does not: what is left of it goes, too
      await world.edge.worker.kill('SIGKILL');
      return await startWorker(world.edge);
    case 'fake':
      await world.edge.fake.ended;
      return await startFake(world.edge);
    case 'hostA':
    case 'hostB':
      return await reviveAgent(world[victim]);
  }
}

async function reviveAgent(host: Host): Promise<void> {
  await host.agent.ended;
  await startAgent(host);
}

async function agree(world: World, wanted: ReadonlySet<string>): Promise<void> {
  const expected = JSON.stringify([...wanted].toSorted());
  let last = '';
  const agrees = async () => {
    const places = await everywhere(world);
    last = JSON.stringify(places);
    return Object.values(places).every((place) => JSON.stringify(place) === expected);
  };
  await until('all places agree', agrees, { within_ms: agreement_ms_max, every_ms: 100 }).catch((error: Error) => {
    throw new Error(`${error.message}; wanted ${expected}; there is ${last}`);
  });
}

/** No address is in the list twice, and no event waits. */
async function noneTwice({ edge, hostA }: { edge: Edge; hostA: Host }): Promise<void> {
  const items = (await listItems(edge)).map(({ ip }) => ip);
  if (new Set(items).size !== items.length) throw new Error(`twice in the list: ${items.join(' ')}`);
  const bans = (await client(hostA, 'get', 'sshd', 'banip')).trim().split(/\s+/);
  if (new Set(bans).size !== bans.length) throw new Error(`twice on the host: ${bans.join(' ')}`);
}
