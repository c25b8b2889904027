/** The whole stage: an edge, two hosts that are enrolled there, an attacker; and the questions that one asks of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Attacker, makeAttacker } from './attacker.ts';
import { type Edge, foreign, listItems, makeEdge, operator } from './edge.ts';
import { enroll, type Host, inKernel, makeHost } from './host.ts';
import { addresses, makeInternet, makeNode } from './network.ts';

export interface World {
  readonly folder: string;
  readonly edge: Edge;
  readonly hostA: Host;
  readonly hostB: Host;
  readonly attacker: Attacker;
}

export interface WorldSettings {
  /** Both hosts' jail.local. */
  readonly jails: string;
  /** Leave enrolling to the scene. */
  readonly unenrolled?: boolean;
}

/** Everything but the agents. Must be called inside namespaces of its own (enter.ts); what it starts dies with them. */
export async function makeWorld(settings: WorldSettings): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-world-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  await makeInternet();
  const [edge, hostA, hostB, place] = await Promise.all([
    makeEdge(folder),
    makeHost('host-a', addresses.hostA, folder, settings),
    makeHost('host-b', addresses.hostB, folder, settings),
    makeNode('attacker', addresses.attacker),
  ]);
  const world = { folder, edge, hostA, hostB, attacker: makeAttacker(place, folder) };
  for (const host of settings.unenrolled === true ? [] : [hostA, hostB]) await enrolAt(world, host);
  return world;
}

/** Makes a host known to the Worker with a fresh one-time token. */
export async function enrolAt({ edge }: World, host: Host): Promise<void> {
  await enroll(host, edge.url, await enrolToken(edge));
}

async function enrolToken(edge: Edge): Promise<string> {
  const { token } = (await operator(edge, 'POST', '/v1/enroll-tokens')) as { token: string };
  return token;
}

export interface Holding {
  readonly address: string;
  readonly until: number | null;
  readonly holders: readonly { readonly name: string; readonly jail: string; readonly seq: number }[];
}

/** Who holds the address, by the Worker's ledger; undefined if nobody does. */
export async function inLedger(world: World, address: string): Promise<Holding | undefined> {
  const found = (await operator(world.edge, 'GET', `/v1/bans/${address}`)) as Holding | undefined;
  return found === undefined || found.holders.length === 0 ? undefined : found;
}

interface Snapshot {
  readonly revision: number;
  readonly bans: readonly { readonly address: string }[];
}

/** Every place where a ban stands, read from the place itself; the foreign item of the list left out. */
export interface Everywhere {
  readonly kernelA: readonly string[];
  readonly kernelB: readonly string[];
  readonly ledger: readonly string[];
  readonly snapshot: readonly string[];
  readonly list: readonly string[];
}

export async function everywhere(world: World): Promise<Everywhere> {
  const { edge, hostA, hostB } = world;
  const [kernelA, kernelB, ledger, snapshot, list] = await Promise.all([
    inKernel(hostA, 'addr-set-sshd'),
    inKernel(hostB, 'addr-set-edge'),
    operator(edge, 'GET', '/v1/bans'),
    operator(edge, 'GET', '/v1/snapshot'),
    listItems(edge),
  ]);
  return {
    kernelA: kernelA.toSorted(),
    kernelB: kernelB.toSorted(),
    ledger: addressesOf(ledger as Snapshot),
    snapshot: addressesOf(snapshot as Snapshot | undefined),
    list: list
      .map(({ ip }) => ip)
      .filter((ip) => ip !== foreign.item.ip)
      .toSorted(),
  };
}

function addressesOf(page: { readonly bans: readonly { readonly address: string }[] } | undefined): string[] {
  return (page?.bans ?? []).map(({ address }) => address).toSorted();
}
