/** Hosts cut off, the Worker down, Cloudflare's API down, in an order by chance and under load: then every place agrees, and each event counts once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../../host-agent/control/client.ts';
import { below, oneOf, randomOf } from '../random.ts';
import { foreign, listItems, operator } from '../world/edge.ts';
import { agentLog, type Host, inKernel, startAgent } from '../world/host.ts';
import { askLedgerFile } from '../world/ledger-file.ts';
import { until } from '../world/wait.ts';
import { makeWorld, type World } from '../world/world.ts';
import { briefBan, Load, prepareJails } from './load.ts';
import { heal, type Trouble, troublesOf } from './troubles.ts';

/** PARTITIONS=n plays so many seeds, PARTITIONS=a-b those from a to b; PARTITION_STEP_MS makes each trouble last longer. */
const { PARTITIONS: wanted = '1', PARTITION_STEP_MS: pause = '250' } = process.env;
const [first = 1, last = first] = (wanted.includes('-') ? wanted : `1-${wanted}`).split('-').map(Number);

const steps = 14;
const agreement_ms_max = 150_000;

export const partitionScenes = new Map(
  Array.from({ length: last - first + 1 }, (_, n) => [`parted, seed ${first + n}`, () => parted(first + n)] as const),
);

async function parted(seed: number): Promise<unknown> {
  const world = await makeWorld({ jails: '' });
  const hosts = [world.hostA, world.hostB];
  for (const host of hosts) prepareJails(host);
  await Promise.all(hosts.map(startAgent));
  const random = randomOf(seed);
  const load = new Load(hosts, random);
  const told = await weather(world, load, random);
  const calm = performance.now();
  await load.settle();
  await until('all places agree', () => agree(world, load), { within_ms: agreement_ms_max, every_ms: 200 }).catch(
    async (error: Error) => {
      throw new Error(`${told.join(', ')}: ${error.message}\n${JSON.stringify(await places(world), null, 1)}`);
    },
  );
  const agreed_ms = Math.round(performance.now() - calm);
  for (const host of hosts) noneTwice(host);
  await world.edge.worker.kill('SIGKILL');
  const counted = eachOnce(world, load);
  return { seed, told, ...counted, agreed_ms };
}

/** Troubles begin and end by chance while both hosts ban and unban; in the end all are over. */
async function weather(world: World, load: Load, random: () => number): Promise<string[]> {
  const troubles = troublesOf(world);
  const active = new Set<Trouble>();
  const told: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    const trouble = oneOf(random, troubles);
    const over = active.delete(trouble);
    told.push(`${over ? 'no ' : ''}${trouble.name}`);
    // an end may take seconds (a Worker that starts): the load goes on meanwhile
    const change = over ? trouble.end() : trouble.begin(random);
    if (!over) active.add(trouble);
    for (let acts = 2 + below(random, 6); acts > 0; acts -= 1) await load.act();
    await Promise.all([change, sleep(Number(pause))]);
  }
  await heal(world, active);
  return told;
}

/** What each place holds. */
interface Places {
  readonly ledger: readonly string[];
  readonly snapshot: readonly string[];
  readonly list: readonly string[];
  readonly hosts: readonly Readonly<Record<'sshd' | 'brief' | 'edge', Both>>[];
}

interface Both {
  readonly store: readonly string[];
  readonly kernel: readonly string[];
}

async function places({ edge, hostA, hostB }: World): Promise<Places> {
  const [ledger, snapshot, items, ...hosts] = await Promise.all([
    operator(edge, 'GET', '/v1/bans'),
    operator(edge, 'GET', '/v1/snapshot'),
    listItems(edge),
    onHost(hostA),
    onHost(hostB),
  ]);
  const list = items.map(({ ip }) => ip).filter((ip) => ip !== foreign.item.ip);
  return { ledger: addressesOf(ledger), snapshot: addressesOf(snapshot), list: list.toSorted(), hosts };
}

async function onHost(host: Host): Promise<Places['hosts'][number]> {
  const [sshd, brief, edge] = await Promise.all([both(host, 'sshd'), both(host, 'brief'), both(host, 'edge')]);
  return { sshd, brief, edge };
}

async function both(host: Host, jail: string): Promise<Both> {
  const [store, kernel] = await Promise.all([heldIn(host, jail), inKernel(host, `addr-set-${jail}`)]);
  return { store, kernel: kernel.toSorted() };
}

async function heldIn(host: Host, jail: string): Promise<readonly string[]> {
  const reply = await request(host.socket, ['get', jail, 'banip'], { timeout: 20 });
  if (!('ok' in reply) || !Array.isArray(reply.ok)) throw new Error(`get ${jail} banip: ${JSON.stringify(reply)}`);
  return reply.ok.map(String).toSorted();
}

function addressesOf(page: unknown): string[] {
  const { bans } = page as { readonly bans: readonly { readonly address: string }[] };
  return bans.map(({ address }) => address).toSorted();
}

async function agree(world: World, load: Load): Promise<boolean> {
  const there = await places(world);
  const all = [...new Set(load.held.flatMap((its) => [...its]))].toSorted();
  const wrong = [there.ledger, there.snapshot, there.list].filter((place) => !isSame(place, all));
  for (const [n, { sshd, brief, edge }] of there.hosts.entries()) {
    const its = [...(load.held[n] ?? [])].toSorted();
    const others = [...(load.held[1 - n] ?? [])].toSorted();
    const right = isSame(sshd.store, its) && isSame(edge.store, others) && brief.store.length === 0;
    wrong.push(
      ...[sshd, brief, edge].filter(({ store, kernel }) => !isSame(store, kernel)).map(({ kernel }) => kernel),
    );
    if (!right) wrong.push(sshd.store);
  }
  return wrong.length === 0;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Bans and unbans of an address take turns in each jail, by the host's own log. */
function noneTwice(host: Host): void {
  const now = new Map<string, string>();
  for (const [, jail, what = '', address] of agentLog(host).matchAll(/\[(\w+)\] (Ban|Unban) ([0-9a-f.:]+)/g)) {
    const before = now.get(`${jail} ${address}`) ?? 'Unban';
    if (before === what) throw new Error(`${host.name}: ${what} of ${address} in ${jail} twice`);
    now.set(`${jail} ${address}`, what);
  }
}

/** The ledger's cursor counts what it has applied: as many changes as the hosts have made, those that were too late left out. */
function eachOnce({ edge }: World, { changes, briefs }: Load): { changes: number; brief: number } {
  const query = 'SELECT MAX(cursor) AS newest, SUM(jail = ?) AS brief FROM holders';
  const [row] = askLedgerFile(edge, query, briefBan.jail);
  const [newest, brief] = [Number(row?.['newest']), Number(row?.['brief'])];
  if (newest !== changes + brief || brief > briefs)
    throw new Error(`${newest} changes at the ledger, ${changes} and ${brief} (of ${briefs} brief ones) by the hosts`);
  return { changes, brief };
}
