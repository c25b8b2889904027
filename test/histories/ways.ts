/** Each way in which an address is banned or is not, in each mode of the edge: what `explain` says, beside the places themselves. */
import { deepStrictEqual } from 'node:assert/strict';
import { storyText } from '../../host-agent/cli/render-story.ts';
import { names } from './deployment.ts';
import { explained } from './explained.ts';
import { closeWorld, modes, openWorld, type World } from './world.ts';

/** Seconds between two looks: the Worker allows ten a minute. */
const look_s = 7;
/** Until all that is under way has ended. */
const quiet_s = 400;

const at = {
  lines: '203.0.113.41',
  challenged: '203.0.113.42',
  proxied: '203.0.113.43',
  hand: '2001:db8::4',
  elsewhere: '203.0.113.45',
  fleet: '203.0.113.46',
  operator: '203.0.113.47',
  network: '203.0.113.128/26',
  within: '203.0.113.130',
  few: '203.0.113.48',
  lifted: '203.0.113.49',
  over: '203.0.113.50',
  nobody: '203.0.113.51',
  failed: '203.0.113.52',
  cloudflare: '104.16.0.9',
  allowed: '198.51.100.3',
} as const;

/** What the text of the story has. */
type Way = readonly [address: string, ...words: string[]];

const ways: readonly Way[] = [
  [at.lines, 'is banned by sshd\n', '3 failures within 1h ban for 2h', 'after 3 failures', '^^^^^^^^^^^'],
  [at.challenged, 'is banned by web\n', `ledger      ${at.challenged}: challenge`],
  [at.proxied, 'is banned by proxied\n'],
  [at.hand, 'is banned by sshd\n', 'after 0 failures'],
  [at.elsewhere, 'is banned by edge\n', '[sshd] since'],
  [at.fleet, 'is banned by edge\n', 'counted  2 of 3', 'by fleet [fleet]'],
  [at.operator, 'is banned by edge\n', 'by operator'],
  [at.network, 'is banned by edge\n', `ledger      ${at.network}: block`],
  [at.within, 'is banned by edge\n', `ledger      ${at.network}: block`],
  [at.few, 'is not banned: too few failures so far, [sshd] 2 of 3\n', 'counted  2 of 3'],
  [at.lifted, 'is not banned: '],
  [at.over, 'is not banned: its last ban ended '],
  [at.nobody, 'is not banned: no jail has seen it fail\n'],
  [at.cloudflare, 'is not banned: a guard forbids it (ERR_GUARD_CLOUDFLARE)\n'],
  // the ledger alone spares it
  [at.allowed, 'is banned by sshd\n', 'ledger      nobody holds it'],
  [at.failed, 'is banned by sshd\n', 'the firewall does NOT block it'],
];

async function times(count: number, body: () => Promise<void>): Promise<void> {
  for (let n = 0; n < count; n += 1) await body();
}

async function setUp({ clock, edge, hosts }: World): Promise<void> {
  const [web1, web2] = hosts;
  if (web1 === undefined || web2 === undefined) throw new Error('there are too few hosts');
  await web1.ban('web', at.over);
  await clock.pass(5500);
  await times(3, () => web1.fail('sshd', at.lines));
  await times(2, () => web1.fail('web', at.challenged));
  await times(2, () => web1.fail('proxied', at.proxied));
  await web1.ban('sshd', at.hand);
  await web2.ban('sshd', at.elsewhere);
  for (const host of [web1, web2]) await times(2, () => host.fail('sshd', at.fleet));
  for (const address of [at.operator, at.network]) await edge.order('POST', '/v1/bans', { address, bantime: 7200 });
  await times(2, () => web1.fail('sshd', at.few));
  await web1.ban('sshd', at.lifted);
  await web1.unban('sshd', at.lifted);
  await times(3, () => web1.fail('sshd', at.cloudflare));
  await web1.ban('sshd', at.allowed);
  await clock.pass(quiet_s);
  web1.firewall.isBroken = true;
  await web1.ban('sshd', at.failed);
  await clock.pass(quiet_s);
}

/** Asks on the first host; the story must be as the places are, and its text as told. */
async function look(world: World, told: readonly Way[]): Promise<void> {
  const [host] = world.hosts;
  if (host === undefined) throw new Error('there is no host');
  for (const [address, ...words] of told) {
    await world.clock.pass(look_s);
    const text: string = storyText(await explained(world, host, address)).join('\n');
    const missing: readonly string[] = words.filter((each) => !text.includes(each));
    deepStrictEqual(missing, [], `${address} on ${host.name}, ${world.edge.mode}:\n${text}`);
  }
}

const banned = ways.slice(0, 3);

async function playMode(mode: World['edge']['mode']): Promise<void> {
  const world = await openWorld(1, mode);
  const { clock, edge, hosts } = world;
  try {
    await setUp(world);
    await look(world, ways);
    for (const host of hosts) host.firewall.isBroken = false;
    await hosts[0]?.start();
    await clock.pass(quiet_s);
    // brought back by the restart
    await look(world, banned);
    edge.fake.control.removeItems({ list: names.block, ips: [at.lines] });
    edge.fake.control.removeAccessRules({ values: [at.lines] });
    await look(world, [[at.lines, mode === 'gate' || mode === 'none' ? 'is banned' : 'Cloudflare  does NOT have it']]);
    await edge.order('POST', '/v1/panic', { reason: 'a trial' });
    await clock.pass(quiet_s);
    await look(world, banned);
  } finally {
    closeWorld(world);
  }
}

for (const mode of modes) {
  await playMode(mode);
  console.log(`${mode}: ${ways.length} ways are told as they are`);
}
process.exit(0);
