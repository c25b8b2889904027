/** One host without an edge: what a kill -9 and a restart may not take away. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Attacker, connect, login, makeAttacker } from '../world/attacker.ts';
import { agentLog, client, type Host, inKernel, makeHost, startAgent } from '../world/host.ts';
import { addresses, makeInternet, makeNode } from '../world/network.ts';
import { until } from '../world/wait.ts';

const attackerAddress = addresses.attacker.v4;

export interface Pair {
  readonly host: Host;
  readonly attacker: Attacker;
  readonly folder: string;
}

export async function makePair(jails: string): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-pair-'));
  await makeInternet();
  const host = await makeHost('host-a', addresses.hostA, folder, { jails });
  const attacker = makeAttacker(await makeNode('attacker', addresses.attacker), folder);
  return { host, attacker, folder };
}

async function fails(pair: Pair): Promise<number> {
  const status = await client(pair.host, 'status', 'sshd');
  return Number(/Currently failed:\t(\d+)/.exec(status)?.[1]);
}

function foundLines(host: Host): number {
  return agentLog(host)
    .split('\n')
    .filter((line) => line.includes(`Found ${attackerAddress}`)).length;
}

/** Failures from before a kill -9 count after it, each once, those written while nobody read among them. */
export async function countsSurviveKill(): Promise<unknown> {
  const pair = await makePair('[sshd]\nenabled = true\nmaxretry = 7\nbantime = 1h\n');
  const { host, attacker } = pair;
  await startAgent(host);
  // each is two failures: an unknown user, a wrong password; one that is broken off would be none
  const fail = () => login(attacker, addresses.hostA.v4, 'admin', 60_000);
  await fail();
  await until('two failures', () => foundLines(host) >= 2);
  await host.agent.kill('SIGKILL');
  await fail();
  await startAgent(host);
  await until('the two failures of the time between', () => foundLines(host) >= 4);
  if ((await fails(pair)) !== 1) throw new Error('the counter is gone');
  await fail();
  await until('six failures', () => foundLines(host) >= 6);
  const before = await inKernel(host, 'addr-set-sshd');
  if (before.length > 0 || foundLines(host) !== 6) throw new Error(`after six: ${before.join()} ${foundLines(host)}`);
  await fail();
  await until('the ban', async () => (await inKernel(host, 'addr-set-sshd')).includes(attackerAddress));
  return { failures_before: 2, failures_meanwhile: 2, banned_at: 7 };
}

/** At no moment of a kill -9 and restart may the banned address connect; and nobody else is kept out. */
export async function bansSurviveRestart(): Promise<unknown> {
  const pair = await makePair('[sshd]\nenabled = true\nbantime = 1h\n');
  const { host, attacker } = pair;
  await startAgent(host);
  const others = Array.from({ length: 200 }, (_, n) => `198.51.100.${n + 2}`);
  await client(host, 'set', 'sshd', 'banip', attackerAddress, ...others);
  const answers: string[] = [];
  let watching = true;
  const watch = (async () => {
    while (watching) answers.push(await connect(attacker, addresses.hostA.v4, 22));
  })();
  await host.agent.kill('SIGKILL');
  await startAgent(host);
  await host.agent.kill('SIGTERM');
  await startAgent(host);
  watching = false;
  await watch;
  const wrong = answers.filter((answer) => answer !== 'refused');
  const kernel = await inKernel(host, 'addr-set-sshd');
  if (wrong.length > 0 || kernel.length !== others.length + 1) throw new Error(`${wrong.join()} ${kernel.length}`);
  const lifted = await client(host, 'unban', '--all');
  const left = await inKernel(host, 'addr-set-sshd');
  if (left.length > 0 || lifted.trim() !== String(others.length + 1)) throw new Error(`${lifted} ${left.join()}`);
  return { connections_refused_meanwhile: answers.length, restored: kernel.length };
}

/** What a reload exchanges, and what it leaves alone; one with an error in it changes nothing. */
export async function reloads(): Promise<unknown> {
  const jails = (ports: string) => `[sshd]\nenabled = true\nbantime = 1h\nport = ${ports}\n`;
  const pair = await makePair(jails('ssh'));
  const { host, attacker } = pair;
  const configure = (text: string) => writeFileSync(join(host.config, 'jail.local'), text);
  await startAgent(host);
  await client(host, 'set', 'sshd', 'banip', attackerAddress);
  // the port of the rule changes, the bans stay
  configure(jails('2222'));
  await client(host, 'reload');
  const moved = await connect(attacker, addresses.hostA.v4, 22);
  // an error is told with its place, and nothing changes
  configure(`${jails('ssh')}findtime = soon\n`);
  const told = await client(host, 'reload').catch((error: Error) => error.message);
  const kept = await inKernel(host, 'addr-set-sshd');
  // a second jail comes, and goes with its sets
  configure(`${jails('ssh')}\n[second]\nenabled = true\nfilter = sshd\nport = 80\n`);
  await client(host, 'reload');
  await client(host, 'set', 'second', 'banip', '198.51.100.3');
  const second = await inKernel(host, 'addr-set-second');
  configure(jails('ssh'));
  await client(host, 'reload');
  const gone = (await host.place.run(['nft', 'list', 'set', 'inet', 'f2b-table', 'addr-set-second'])).code;
  const back = await connect(attacker, addresses.hostA.v4, 22);
  // stop --unban takes everything away
  await client(host, 'stop', '--unban');
  await host.agent.ended;
  const table = (await host.place.run(['nft', 'list', 'table', 'inet', 'f2b-table'])).code;
  const seen = { moved, kept, second, gone: gone !== 0, back, table: table !== 0, told: told.includes('jail.local:5') };
  const expected = {
    moved: 'open',
    kept: [attackerAddress],
    second: ['198.51.100.3'],
    gone: true,
    back: 'refused',
    table: true,
    told: true,
  };
  if (JSON.stringify(seen) !== JSON.stringify(expected)) throw new Error(`${JSON.stringify(seen)}; told: ${told}`);
  return seen;
}
