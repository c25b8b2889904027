/** What may happen in a history, each with its weight: attacks, people, and everything that breaks. */
import type { FaultKind } from '../fakes/cloudflare/state.ts';
import { below, oneOf } from '../random.ts';
import { names } from './deployment.ts';
import { zones } from './edge.ts';
import { jailNames } from './host-plan.ts';
import { misuse, revoke } from './stolen.ts';
import { modes, pool, sometimesAllowed, theirs, type World } from './world.ts';

export interface Act {
  readonly name: string;
  readonly weight: number;
  run(world: World): void | Promise<void>;
}

const kinds: readonly FaultKind[] = [
  '429',
  '500',
  '503',
  'html-429',
  'false-200',
  'null-200',
  'cut-before',
  'cut-after',
];
const spared_max = 3;
const fates = ['failed', 'stuck', 'forgotten', 'dropped'] as const;

/** Failures at hosts; some ban. */
async function attack({ random, hosts, failed, clock }: World): Promise<void> {
  const [address, jail] = [oneOf(random, pool), oneOf(random, jailNames)];
  for (let count = 1 + below(random, 6); count > 0; count -= 1) {
    const host = oneOf(random, hosts);
    await host.fail(jail, address);
    if (jail === 'sshd') failed.push({ address, host, at: clock.now });
  }
}

async function command({ random, hosts }: World): Promise<void> {
  const [host, jail, address] = [oneOf(random, hosts), oneOf(random, jailNames), oneOf(random, pool)];
  if (random() < 0.5) await host.unban(jail, address);
  // the guards' refusal is an answer, too
  else await host.ban(jail, address).catch(() => undefined);
}

function cut({ random, hosts }: World): void {
  const { client } = oneOf(random, hosts);
  client.isCut = !client.isCut;
}

async function killHost({ random, hosts }: World): Promise<void> {
  const host = oneOf(random, hosts);
  if (host.isRunning) host.kill();
  if (random() < 0.7) await host.start();
}

function killWorker({ random, edge }: World): void {
  const chance = random();
  if (chance < 0.4) edge.restart();
  else if (chance < 0.7) edge.dieAtCall(random() < 0.5 ? 'before' : 'after');
  else edge.setUp(!edge.isUp);
}

function firewall({ random, hosts }: World): void {
  const { firewall: its } = oneOf(random, hosts);
  if (random() < 0.4) its.flush();
  else its.isBroken = !its.isBroken;
}

function weather({ random, edge }: World): void {
  const { control } = edge.fake;
  if (random() < 0.7) control.fault({ kind: oneOf(random, kinds), count: 1 + below(random, 4) });
  else control.nextOperations({ fates: [oneOf(random, fates)] });
}

/** What people do by hand at Cloudflare, and should not. What they take away comes back by itself. */
function meddle(world: World): void {
  const { random, edge } = world;
  const others = [
    // as a panic past the Worker does
    () => edge.fake.control.disableRule(someRule(world)),
    () => edge.fake.control.revokeToken({ name: 'worker' }),
  ];
  oneOf(random, [...losses(world), ...others])();
}

function someRule({ random }: World): { zone: string; ref: string } {
  return { zone: oneOf(random, zones), ref: oneOf(random, ['edgeban', 'edgeban_challenge']) };
}

/** Somebody takes something of ours away, outside of the Worker's and the hosts' sight. */
export function lose(world: World): void {
  const { random, edge, hosts } = world;
  const others = [() => edge.kv.values.clear(), () => oneOf(random, hosts).firewall.flush()];
  oneOf(random, [...losses(world), ...others])();
}

function losses(world: World): (() => void)[] {
  const { random, edge, theirLists } = world;
  const { control } = edge.fake;
  const name = oneOf(random, Object.values(names));
  // theirs stay
  const ours = pool.filter((address) => !theirs.addresses.some((its) => its === address));
  return [
    () => control.deleteRule(someRule(world)),
    () => {
      control.loseList({ name });
      theirLists.delete(name);
    },
    () => control.removeItems({ list: name, ips: [oneOf(random, ours)] }),
    () => control.removeAccessRules({ values: [oneOf(random, ours)] }),
  ];
}

function spoilKv({ random, edge: { kv } }: World): void {
  if (random() < 0.5) kv.values.clear();
  else kv.broken = !kv.broken;
}

function mend({ edge }: World): void {
  edge.fake.control.restoreToken({ name: 'worker' });
  edge.fake.control.releaseOperations();
  edge.kv.broken = false;
  edge.setUp(true);
}

async function switchMode({ random, edge }: World): Promise<void> {
  // an operation that takes hours is looked for again after hours, which no history lasts
  if (edge.fake.control.state().operations.some(({ fate }) => fate === 'stuck')) return;
  await edge.lookAtFormer();
  edge.restart(oneOf(random, modes));
}

/** The ledger's storage is lost, if it can be asked; KV may be lost with it. */
export async function loseLedger({ random, edge }: World): Promise<boolean> {
  if (!edge.isUp) return false;
  edge.lose();
  if (random() < 0.5) edge.kv.values.clear();
  return true;
}

/** The mode is changed, and the ledger lost before the former one's things are gone. */
async function loseOnTheWay(world: World): Promise<void> {
  await switchMode(world);
  await world.clock.pass(world.random() * 20);
  await loseLedger(world);
}

async function loseIt(world: World): Promise<void> {
  await loseLedger(world);
}

/** Somebody enrols a host that is not, or begins anew with one that is. */
async function enrol({ random, edge, hosts }: World): Promise<void> {
  const host = oneOf(random, hosts);
  if (!edge.isUp || (await edge.knows(host.id))) return;
  await host.enrol(edge);
}

async function revokeOne(world: World): Promise<void> {
  const { random, edge, hosts } = world;
  const host = oneOf(random, hosts);
  if (edge.isUp && (await edge.knows(host.id))) await revoke(world, host);
}

/** A host is told to ban some no more, one of whom it may be banning now. */
async function spare({ random, hosts }: World): Promise<void> {
  const host = oneOf(random, hosts);
  const banned = host.bans.map(({ id }) => id);
  const spared = oneOf(random, banned.length > 0 && random() < 0.5 ? banned : pool);
  host.spares = [...host.spares, spared].slice(-spared_max);
  if (!host.isRunning) return;
  host.kill();
  await host.start();
}

async function rotate({ random, hosts }: World): Promise<void> {
  await oneOf(random, hosts).rotate();
}

/** Whoever has kept requests from the wire waits for a Worker that has forgotten them. */
async function replay({ edge, hosts }: World): Promise<void> {
  if (!edge.isUp) return;
  edge.restart();
  for (const { client } of hosts) await client.replay();
}

async function operate({ random, edge }: World): Promise<void> {
  const address = oneOf(random, pool);
  if (random() < 0.5) await edge.tryOrder('POST', '/v1/bans', { address, bantime: 4000 + below(random, 2000) });
  else await edge.tryOrder('DELETE', `/v1/bans/${encodeURIComponent(address)}`);
}

async function allow({ random, edge }: World): Promise<void> {
  const address = oneOf(random, sometimesAllowed);
  if (random() < 0.6) await edge.tryOrder('POST', '/v1/allow', { address, note: 'a friend' });
  else await edge.tryOrder('DELETE', `/v1/allow/${address}`);
}

async function emergency({ random, edge }: World): Promise<void> {
  const [method, path] = oneOf(random, [
    ['POST', '/v1/panic'],
    ['POST', '/v1/resume'],
    ['POST', '/v1/resume'],
    ['POST', '/v1/brake'],
    ['DELETE', '/v1/brake'],
  ] as const);
  await edge.tryOrder(method, path);
}

export const acts: readonly Act[] = [
  { name: 'attack', weight: 10, run: attack },
  { name: 'command', weight: 4, run: command },
  { name: 'cut', weight: 3, run: cut },
  { name: 'kill host', weight: 2, run: killHost },
  { name: 'kill Worker', weight: 3, run: killWorker },
  { name: 'firewall', weight: 1, run: firewall },
  { name: 'weather', weight: 3, run: weather },
  { name: 'meddle', weight: 2, run: meddle },
  { name: 'spoil KV', weight: 1, run: spoilKv },
  { name: 'mend', weight: 5, run: mend },
  { name: 'switch mode', weight: 1, run: switchMode },
  { name: 'lose ledger', weight: 0.6, run: loseIt },
  { name: 'lose on the way', weight: 0.5, run: loseOnTheWay },
  { name: 'enrol', weight: 3, run: enrol },
  { name: 'revoke', weight: 0.7, run: revokeOne },
  { name: 'spare', weight: 1, run: spare },
  { name: 'misuse', weight: 1, run: misuse },
  { name: 'rotate', weight: 1, run: rotate },
  { name: 'replay', weight: 0.5, run: replay },
  { name: 'operate', weight: 3, run: operate },
  { name: 'allow', weight: 1, run: allow },
  { name: 'emergency', weight: 1, run: emergency },
];

/** Each act as often as it weighs, in tenths. */
const urn = acts.flatMap((act) => Array.from({ length: act.weight * 10 }, () => act));

export function actBy(random: () => number): Act {
  return oneOf(random, urn);
}
