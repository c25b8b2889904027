/** Each way in which an address is banned at the edge, or is not: what `edgeban explain` says, beside each place asked past it. */
import { strict as assert } from 'node:assert';
import type { Story } from '../../shared/story.ts';
import { control, listItems, listName, operator, wafRules } from '../world/edge.ts';
import { client, edgeban, explained, inKernel, startAgent } from '../world/host.ts';
import { until } from '../world/wait.ts';
import { inLedger, makeWorld, type World } from '../world/world.ts';

const jails = `[DEFAULT]
bantime = 1h
[sshd]
enabled = true
[sshd-kex]
enabled = true
plane = host
[pam-generic]
enabled = true
plane = edge
`;

const at = {
  both: '203.0.113.21',
  host: '203.0.113.22',
  edge: '203.0.113.23',
  operator: '203.0.113.24',
  network: '198.18.7.0/24',
  within: '198.18.7.9',
  deleted: '203.0.113.25',
  nobody: '203.0.113.26',
} as const;

/** What a story says of each place, in a word each. */
interface Said {
  readonly banned: readonly string[];
  readonly kernel: readonly string[];
  readonly ledger: string | null;
  readonly kv: boolean;
  readonly list: boolean;
  readonly inForce: boolean;
}

function said({ jails: told, edge }: Story): Said {
  const held = told.filter(({ ban }) => ban !== null);
  return {
    banned: held.map(({ jail }) => jail),
    kernel: held.flatMap(({ actions }) => actions.map(({ state }) => state)),
    ledger: edge?.ledger?.address ?? null,
    kv: (edge?.kv?.ban ?? null) !== null,
    list: (edge?.cloudflare.found ?? []).length > 0,
    inForce: (edge?.cloudflare.rules ?? []).every(({ inForce }) => inForce),
  };
}

/** The same, past the daemon and the Worker's story: nft, the ledger's own answer, KV as it is, Cloudflare's API. */
async function seen({ edge, hostA }: World, address: string, set: string): Promise<Omit<Said, 'banned' | 'kernel'>> {
  const held = await operator(edge, 'GET', `/v1/bans/${encodeURIComponent(address)}`);
  const ledger = (held as { address: string } | undefined)?.address ?? null;
  const snapshot = (await operator(edge, 'GET', '/v1/snapshot')) as { bans: { address: string }[] } | null;
  const places = [address, ledger ?? address];
  const items = (await listItems(edge)).map(({ ip }) => ip);
  assert.equal((await inKernel(hostA, set)).includes(address), set !== '', `${address} in ${set}`);
  return {
    ledger,
    kv: (snapshot?.bans ?? []).some((ban) => places.includes(ban.address)),
    list: items.some((ip) => places.includes(ip)),
    inForce: (await wafRules(edge)).filter(({ ref }) => ref === 'edgeban').every(({ enabled }) => enabled),
  };
}

/** Waits until the places themselves are as expected, and then holds explain against them. */
async function same(world: World, address: string, set: string, expected: Said): Promise<string> {
  const { banned: _, kernel: __, ...places } = expected;
  await until(address, async () => {
    assert.deepEqual(await seen(world, address, set), places);
    return true;
  });
  // each asking of Cloudflare counts: the Worker allows ten a minute
  const story = await until('an answer', async () => await answered(world, address), { every_ms: 2_000 });
  assert.deepEqual(said(story), expected, address);
  return `${address}: ${JSON.stringify(said(story))}`;
}

async function answered({ hostA }: World, address: string): Promise<Story> {
  const story = await explained(hostA, address);
  assert.equal(story.edgeTrouble, null);
  return story;
}

const everywhere = { kernel: ['blocked'], kv: true, list: true, inForce: true };
const nowhere: Said = { banned: [], kernel: [], ledger: null, kv: false, list: false, inForce: true };

export async function explainedEverywhere(): Promise<unknown> {
  const world = await makeWorld({ jails });
  const { hostA, hostB, edge } = world;
  await Promise.all([startAgent(hostA), startAgent(hostB)]);
  await client(hostA, 'set', 'sshd', 'banip', at.both, at.deleted);
  await client(hostA, 'set', 'sshd-kex', 'banip', at.host);
  await client(hostA, 'set', 'pam-generic', 'banip', at.edge);
  for (const address of [at.operator, at.network]) await operator(edge, 'POST', '/v1/bans', { address, bantime: 3600 });
  const told = [
    await same(world, at.both, 'addr-set-sshd', { ...everywhere, banned: ['sshd'], ledger: at.both }),
    await same(world, at.host, 'addr-set-sshd-kex', {
      ...nowhere,
      banned: ['sshd-kex'],
      kernel: ['blocked'],
      ledger: at.host,
    }),
    await same(world, at.edge, '', { ...everywhere, banned: ['pam-generic'], kernel: [], ledger: at.edge }),
    await same(world, at.operator, 'addr-set-edge', { ...everywhere, banned: ['edge'], ledger: at.operator }),
    await same(world, at.within, '', { ...everywhere, banned: ['edge'], ledger: at.network }),
    await same(world, at.nobody, '', nowhere),
  ];
  await control('removeItems', { list: listName, ips: [at.deleted] });
  told.push(
    await same(world, at.deleted, 'addr-set-sshd', {
      ...everywhere,
      banned: ['sshd'],
      ledger: at.deleted,
      list: false,
    }),
    ...(await lifted(world)),
    await withoutWorker(world),
  );
  return told;
}

/** A panic empties KV and leaves the item where it is: nobody is refused by it. */
async function lifted(world: World): Promise<string[]> {
  await operator(world.edge, 'POST', '/v1/panic', { reason: 'a scene' });
  const expected = { ...everywhere, banned: ['sshd'], ledger: at.both };
  const off = await same(world, at.both, 'addr-set-sshd', { ...expected, kv: false, inForce: false });
  const { stdout } = await edgeban(world.hostA, 'explain', at.both, '-c', world.hostA.config, '-s', world.hostA.socket);
  assert.match(stdout, /NOT in force: nobody is refused by it/);
  await operator(world.edge, 'POST', '/v1/resume');
  return [off, await same(world, at.both, 'addr-set-sshd', expected)];
}

/** The host's own part is told all the same, and what could not be asked is named. */
async function withoutWorker(world: World): Promise<string> {
  assert.notEqual(await inLedger(world, at.both), undefined);
  await world.edge.worker.kill('SIGKILL');
  const { jails: told, edge, edgeTrouble } = await explained(world.hostA, at.both);
  assert.equal(edge, null);
  assert.notEqual(edgeTrouble, null);
  assert.deepEqual(
    told.flatMap(({ actions }) => actions.map(({ state }) => state)),
    ['blocked'],
  );
  return `without the Worker: ${edgeTrouble}`;
}
