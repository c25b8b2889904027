/** Failures spread over hosts come to a ban on all of them; one host's word alone does not, and a revoked one's is forgotten. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { operator } from '../world/edge.ts';
import { agentLog, client, type Host, inKernel, startAgent } from '../world/host.ts';
import { askLedgerFile } from '../world/ledger-file.ts';
import { until } from '../world/wait.ts';
import { enrolAt, inLedger, makeWorld, type World } from '../world/world.ts';
import { failedLines } from './load.ts';

/** As the Worker's settings are unless changed: ten failures, of which one host's word is five at the most. */
const threshold = 10;
const half = threshold / 2;

const [alone, shared, few] = ['203.0.113.60', '203.0.113.61', '203.0.113.62'];

export async function fleetCounts(): Promise<unknown> {
  const world = await makeWorld({ jails: '' });
  const { hostA, hostB } = world;
  for (const host of [hostA, hostB]) prepare(host);
  await Promise.all([hostA, hostB].map(startAgent));
  // told in this order, so that whoever has heard of the later ones has heard of the first
  fail(hostA, alone, 4 * threshold);
  fail(hostA, few, half - 1);
  fail(hostA, shared, half);
  fail(hostB, few, half);
  fail(hostB, shared, half);
  const banned_ms = await bannedBy(world, shared);
  const spared = [await inLedger(world, alone), await inLedger(world, few)];
  if (spared.some((holding) => holding !== undefined)) throw new Error(`banned: ${JSON.stringify(spared)}`);
  const { holders } = (await inLedger(world, shared)) ?? { holders: [] };
  if (holders.length !== 1 || holders[0]?.jail !== 'fleet') throw new Error(JSON.stringify(holders));
  await revokeOne(world);
  const again_ms = await otherHostCounts(world);
  return { banned_ms, again_ms };
}

/** Its jails ban nobody by themselves. */
function prepare(host: Host): void {
  mkdirSync(join(host.folder, 'logs'));
  writeFileSync(logOf(host), '');
  const jail = `enabled = true\nbackend = auto\nlogpath = ${logOf(host)}\nmaxretry = 1000\nfleet = true\n`;
  writeFileSync(join(host.config, 'jail.local'), `[sshd]\n${jail}`);
}

const logOf = (host: Host) => join(host.folder, 'logs/auth.log');

function fail(host: Host, address: string, count: number): void {
  appendFileSync(logOf(host), failedLines(address, count));
}

/** Every host refuses it in the jail `edge`, those included whose failures did not come to a ban. */
async function bannedBy({ hostA, hostB }: World, address: string): Promise<number> {
  const began = performance.now();
  for (const host of [hostA, hostB]) {
    await until(`${address} in ${host.name}'s kernel`, async () =>
      (await inKernel(host, 'addr-set-edge')).includes(address),
    );
    if (!(await client(host, 'status', 'edge')).includes(address)) throw new Error(`${host.name} does not tell of it`);
  }
  return Math.round(performance.now() - began);
}

/** What the ledger counts of an address: in all, or by the word of one host. */
function counted({ edge }: World, address: string, by: string): number {
  const query = 'SELECT retry FROM counters LEFT JOIN hosts ON hosts.id = counters.jail WHERE counters.id = ? AND ';
  const [row] = askLedgerFile(edge, `${query} COALESCE(name, jail) = ?`, address, by);
  return Number(row?.['retry'] ?? 0);
}

async function revokeOne(world: World): Promise<void> {
  const { edge, hostA, hostB } = world;
  if (counted(world, alone, 'fleet') !== half)
    throw new Error(`${counted(world, alone, 'fleet')} of one host's word count`);
  const { hosts } = (await operator(edge, 'GET', '/v1/hosts')) as { hosts: { id: string; name: string }[] };
  await operator(edge, 'DELETE', `/v1/hosts/${hosts.find(({ name }) => name === hostA.name)?.id}`);
  if (counted(world, alone, 'fleet') !== 0) throw new Error('the word of a revoked host counts');
  fail(hostB, alone, threshold);
  await until("the other host's word", () => counted(world, alone, hostB.name) === half);
  const sum = counted(world, alone, 'fleet');
  if (sum !== half || (await inLedger(world, alone)) !== undefined) throw new Error(`it counts ${sum}, or is banned`);
  await until('the revoked host knows', () => agentLog(hostA).includes('has been revoked'));
}

/** Enrolled anew, it is a host like any other: now there are two. */
async function otherHostCounts(world: World): Promise<number> {
  const { hostA } = world;
  await hostA.agent.kill('SIGTERM');
  await enrolAt(world, hostA);
  await startAgent(hostA);
  fail(hostA, alone, half);
  return await bannedBy(world, alone);
}
