/** The main job, step by step: each step does one thing and reads its evidence back from the real place. */
import { connect, type Login, login } from '../world/attacker.ts';
import { foreign, listItems, operator, wafRules } from '../world/edge.ts';
import { agentLog, client, explained, startAgent } from '../world/host.ts';
import { addresses } from '../world/network.ts';
import { until } from '../world/wait.ts';
import { everywhere, inLedger, makeWorld, type World } from '../world/world.ts';

export const attackerAddress = addresses.attacker.v4;
const maxretry = 5;

/** What both hosts are configured with beyond the shipped files. */
export const demoJails = `[sshd]\nenabled = true\nmaxretry = ${maxretry}\nfindtime = 10m\nbantime = 1h\n`;

export interface Act {
  readonly name: string;
  /** Returns the evidence, or throws. */
  play(world: World): Promise<unknown>;
}

export function setTheStage(): Promise<World> {
  return makeWorld({ jails: demoJails });
}

const attempts_max = 20;

/** Logs in with wrong passwords until the connection itself is refused. */
async function attack(world: World): Promise<unknown> {
  const answers: Login[] = [];
  while (answers.length < attempts_max && answers.at(-1) !== 'refused')
    answers.push(await login(world.attacker, addresses.hostA.v4, 'admin'));
  if (answers.at(-1) !== 'refused') throw new Error(`never refused: ${answers.join(', ')}`);
  return answers.map((answer, index) => `ssh admin@${addresses.hostA.v4} #${index + 1}: ${answer}`);
}

async function matchedLines({ hostA }: World): Promise<unknown> {
  const journal = await hostA.place.must([
    'journalctl',
    '--no-pager',
    '-o',
    'short-iso',
    '_COMM=sshd',
    '+',
    '_COMM=sshd-session',
  ]);
  const failed = journal
    .split('\n')
    .filter((line) => line.includes('Failed password') && line.includes(attackerAddress));
  const found = agentLog(hostA)
    .split('\n')
    .filter((line) => line.includes(`Found ${attackerAddress}`));
  if (failed.length === 0 || found.length < maxretry) throw new Error(`${failed.length} lines, ${found.length} found`);
  return [failed.at(-1), found.at(-1)];
}

async function banOnHost({ hostA }: World): Promise<unknown> {
  const status = await client(hostA, 'status', 'sshd');
  if (!status.includes(`Banned IP list:\t${attackerAddress}`)) throw new Error(status);
  return status;
}

/** The element in a set, as nft itself prints it. */
async function element(world: World, host: 'hostA' | 'hostB', set: string): Promise<unknown> {
  const place = world[host].place;
  return await until(`${attackerAddress} in ${set}`, async () => {
    const printed = await place.must(['nft', 'list', 'set', 'inet', 'f2b-table', set]);
    return printed.includes(attackerAddress) ? printed.replace(/\s+/g, ' ').trim() : null;
  });
}

async function refused(world: World, target: string, port: number): Promise<unknown> {
  const answer = await connect(world.attacker, target, port);
  if (answer !== 'refused') throw new Error(`${target}:${port} is ${answer}`);
  return `${attackerAddress} → ${target}:${port}: ${answer}`;
}

async function eventInWorker(world: World): Promise<unknown> {
  const found = await until('the event in the ledger', () => inLedger(world, attackerAddress));
  return found.holders.map(({ name, jail, seq }) => `${found.address} held by ${name}/${jail}, change ${seq}`);
}

async function inSnapshot(world: World): Promise<unknown> {
  return await until('the ban in the KV snapshot', async () => {
    const { snapshot } = await everywhere(world);
    return snapshot.includes(attackerAddress) ? `KV snapshot: ${snapshot.join(', ')}` : null;
  });
}

async function inList({ edge }: World): Promise<unknown> {
  return await until('the item in the list', async () => {
    const item = (await listItems(edge)).find(({ ip }) => ip === attackerAddress);
    return item === undefined ? null : `item ${item.id}: ${item.ip} (${item.comment ?? ''})`;
  });
}

async function oneRule({ edge }: World): Promise<unknown> {
  return await until('the rule that refers to the list', async () => {
    const ours = (await wafRules(edge)).filter(({ expression }) => expression.includes('$edgeban'));
    const [rule] = ours;
    if (rule === undefined || ours.length !== 1 || !rule.enabled) return null;
    return `${rule.action} ${rule.expression} (ref ${rule.ref ?? ''})`;
  });
}

async function banOnOtherHost(world: World): Promise<unknown> {
  const status = await until('the ban on the other host', async () => {
    const text = await client(world.hostB, 'status', 'edge');
    return text.includes(attackerAddress) ? text : null;
  });
  return [status, await element(world, 'hostB', 'addr-set-edge')];
}

/** `edgeban explain` asks each place; here each is asked once more, past it. */
async function explains(world: World): Promise<unknown> {
  const { jails, edge } = await explained(world.hostA, attackerAddress);
  const jail = jails.find(({ jail: name }) => name === 'sshd');
  const item = (await listItems(world.edge)).find(({ ip }) => ip === attackerAddress);
  const held = await inLedger(world, attackerAddress);
  const same = [
    jail?.ban?.failures === maxretry && jail.lines.some(({ count }) => count === maxretry),
    jail?.actions.every(({ state }) => state === 'blocked'),
    edge?.ledger?.holders.length === held?.holders.length,
    edge?.kv?.ban?.action === 'block',
    edge?.cloudflare.found[0]?.said === item?.comment && item !== undefined,
  ];
  if (same.includes(false) || same.includes(undefined)) throw new Error(JSON.stringify({ same, jail, edge }));
  const counts = jail?.lines.map(({ count }) => count).join(', ');
  return [`counted ${counts} of ${maxretry}; kernel, ledger, KV and list say the same when asked directly`];
}

async function unban(world: World): Promise<unknown> {
  const lifted = (await client(world.hostA, 'set', 'sshd', 'unbanip', attackerAddress)).trim();
  const cleared = await until('the unban everywhere', async () => {
    const places = await everywhere(world);
    return Object.values(places).every((there) => !there.includes(attackerAddress)) ? places : null;
  });
  return [`edgeban-client set sshd unbanip ${attackerAddress}: ${lifted}`, cleared];
}

async function openAgain(world: World): Promise<unknown> {
  const answers = await Promise.all(
    [addresses.hostA.v4, addresses.hostB.v4].map((target) => connect(world.attacker, target, 22)),
  );
  if (answers.some((answer) => answer !== 'open')) throw new Error(answers.join(', '));
  return `${attackerAddress} → both hosts: open`;
}

/** What was in the account before edgeban came is there still, and nothing is left to do. */
async function untouched({ edge }: World): Promise<unknown> {
  await until('enforcement in step', async () => {
    const status = (await operator(edge, 'GET', '/v1/status')) as { enforcement: { current: boolean } };
    return status.enforcement.current;
  });
  const rules = (await wafRules(edge)).map(({ ref, expression }) => `${ref}: ${expression}`);
  const items = (await listItems(edge)).map(({ ip, comment }) => `${ip} (${comment})`);
  const ruleIsThere = rules.includes(`${foreign.rule.ref}: ${foreign.rule.expression}`);
  const itemIsThere = items.includes(`${foreign.item.ip} (${foreign.item.comment})`);
  if (!ruleIsThere || !itemIsThere) throw new Error(JSON.stringify({ rules, items }));
  return [`rules: ${rules.join(' | ')}`, `items: ${items.join(' | ')}`];
}

export const acts: readonly Act[] = [
  { name: 'two agents start, each with its own store and nftables', play: startAgents },
  { name: 'a real ssh client guesses passwords until it is refused', play: attack },
  { name: 'the lines that matched', play: matchedLines },
  { name: 'the ban on the host', play: banOnHost },
  { name: 'the element in the kernel', play: (world) => element(world, 'hostA', 'addr-set-sshd') },
  { name: 'a TCP connection from the attacker is refused', play: (world) => refused(world, addresses.hostA.v4, 22) },
  { name: 'the event in the Worker', play: eventInWorker },
  { name: 'the ban in the KV snapshot', play: inSnapshot },
  { name: "the item in Cloudflare's list", play: inList },
  { name: 'the one WAF rule that refers to the list', play: oneRule },
  { name: 'the same address is banned on the second host', play: banOnOtherHost },
  { name: 'the second host refuses it, too', play: (world) => refused(world, addresses.hostB.v4, 22) },
  { name: 'edgeban explain tells the same of every place', play: explains },
  { name: 'one unban clears every place', play: unban },
  { name: 'the attacker may connect again', play: openAgain },
  { name: 'enforcement is in step, nothing else was touched', play: untouched },
];

async function startAgents(world: World): Promise<unknown> {
  await Promise.all([startAgent(world.hostA), startAgent(world.hostB)]);
  return await Promise.all(
    [world.hostA, world.hostB].map(async (host) => `${host.name}: ${(await client(host, 'ping')).trim()}`),
  );
}
