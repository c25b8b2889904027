/** What must hold at every moment of a history, and what when all has been quiet. */
import { deepStrictEqual } from 'node:assert/strict';
import { edgeJail } from '../../host-agent/agent/plan.ts';
import { isOver } from '../../shared/time.ts';
import { chores_every_s } from './clock.ts';
import { account, names, zones } from './edge.ts';
import type { SimulatedHost } from './host.ts';
import { jailNames } from './host-plan.ts';
import {
  actionsAt,
  edgeOf,
  everywhereAtCloudflare,
  heldFor,
  holdersAt,
  inAccessRules,
  inLists,
  spokenBy,
  wafRules,
} from './places.ts';
import { isGuarded, sometimesAllowed, theirs, type World } from './world.ts';

/** How long after its end a ban may be seen at Cloudflare when all is well: operations are paced. */
export const cloudflare_tick_s = 120;

function none(what: string, found: readonly unknown[]): void {
  deepStrictEqual({ [what]: found }, { [what]: [] });
}

function same(what: string, found: unknown, wanted: unknown): void {
  deepStrictEqual({ [what]: found }, { [what]: wanted });
}

/** After every act. */
export function expectAlways(world: World): void {
  const { clock, edge, hosts, wrong } = world;
  none('applied twice', wrong);
  none('faults of the Worker', edge.faults);
  none(
    'guarded and held by the ledger',
    holdersAt(world).filter(({ address }) => isGuarded(address)),
  );
  none('guarded and at Cloudflare', everywhereAtCloudflare(edge).filter(isGuarded));
  none('guarded and in KV', edge.kv.bans(clock.now).filter(isGuarded));
  for (const host of hosts) expectHost(host, clock.now);
  const notOurs = edge.fake.control.accessRules(account).filter(({ notes }) => !notes.startsWith('edgeban:'));
  same(
    "another person's rules",
    notOurs.map(({ mode, notes, configuration }) => [configuration.value, mode, notes]),
    [[theirs.value, theirs.mode, theirs.notes]],
  );
}

function expectHost(host: SimulatedHost, now: number): void {
  const own = [...jailNames, edgeJail].flatMap((jail) => host.bans(jail));
  // whom the ledger alone spares, a host may ban for itself
  const spared = (address: string) => isGuarded(address) && !address.startsWith('198.51.100.');
  none(
    `guarded and banned on ${host.name}`,
    own.filter(({ id }) => spared(id)),
  );
  const blocked = host.firewall.jails.flatMap((jail) => host.firewall.blocked(jail));
  none(`guarded and blocked on ${host.name}`, blocked.filter(spared));
  if (!host.isRunning) return;
  const late = own.filter(({ until }) => until !== null && isOver(until, now - chores_every_s));
  none(`over and still banned on ${host.name}`, late);
}

/** After quiet: every place says the same. */
export function expectAgreement(world: World): void {
  const { clock, hosts } = world;
  const holders = holdersAt(world);
  const mayDiffer = (line: string) => sometimesAllowed.some((address) => line.startsWith(`${address} `));
  for (const host of hosts) {
    const spoken = spokenBy(host, clock.now).filter((line) => !isGuarded(line.split(' ')[0] ?? ''));
    const held = heldFor(host, holders);
    same(
      `bans of ${host.name} at the ledger`,
      held.filter((line) => !mayDiffer(line)),
      spoken.filter((line) => !mayDiffer(line)),
    );
    // one that was allowed for a while may be banned by its host alone
    none(
      `held for ${host.name} and not banned there`,
      held.filter((line) => !spoken.includes(line)),
    );
    same(`the jail edge of ${host.name}`, host.edgeBans.map(({ id }) => id).sort(), edgeOf(host, holders));
    expectKernel(host);
  }
  const known = ['operator', 'fleet', 'recovered', ...hosts.map(({ id }) => id)];
  none(
    'held by nobody who may',
    holders.filter(({ host }) => !known.includes(host)),
  );
  expectFleet(world);
  expectEdge(world);
}

function expectKernel(host: SimulatedHost): void {
  for (const jail of [...jailNames, edgeJail]) {
    // a jail that leaves its bans to the edge has nothing in the kernel, unless the edge cannot
    if (!host.firewall.jails.includes(jail) && jail === 'proxied') continue;
    const stored = host.bans(jail).map(({ id }) => id);
    same(`the kernel's set ${jail} on ${host.name}`, host.firewall.blocked(jail), stored.sort());
  }
}

/** The fleet bans for what at least two hosts have seen. */
function expectFleet(world: World): void {
  const its = holdersAt(world).filter(({ host }) => host === 'fleet');
  const seenBy = (address: string) => world.hosts.filter(({ name }) => world.failed.has(`${address} ${name}`)).length;
  none(
    "the fleet's ban of what one host has seen",
    its.filter(({ address }) => seenBy(address) < 2),
  );
}

function expectEdge(world: World): void {
  const { clock, edge } = world;
  const actions = [...actionsAt(world)];
  const of = (action: string) => actions.flatMap(([address, its]) => (its === action ? [address] : [])).sort();
  const [blocked, challenged] = [of('block'), of('challenge')];
  const { mode } = edge;
  const inRules = mode === 'access-rules' || mode === 'zones';
  same('KV', edge.kv.bans(clock.now), [...blocked, ...challenged].sort());
  same('the list', inLists(edge, names.block), mode === 'list' || mode === 'lists' ? blocked : []);
  same('the second list', inLists(edge, names.challenge), mode === 'lists' ? challenged : []);
  const ruled = { blocked, challenged };
  const nothing = { blocked: [], challenged: [] };
  same('access rules of the account', inAccessRules(edge, account), mode === 'access-rules' ? ruled : nothing);
  for (const zone of zones)
    same('access rules of a zone', inAccessRules(edge, zone), mode === 'zones' ? ruled : nothing);
  const rules = {
    list: ['edgeban block on'],
    lists: ['edgeban block on', 'edgeban_challenge managed_challenge on'],
  };
  const wanted = inRules || mode === 'gate' || mode === 'none' ? [] : rules[mode];
  for (const zone of zones) same('WAF rules', wafRules(edge, zone), wanted);
}

/** In a panic nothing is enforced at the edge, and hosts go on. */
export function expectPanic(world: World): void {
  const { clock, edge } = world;
  none('KV in a panic', edge.kv.bans(clock.now));
  for (const zone of zones)
    none(
      'WAF rules in a panic',
      wafRules(edge, zone).filter((rule) => rule.endsWith(' on')),
    );
  for (const scope of [account, ...zones])
    same('access rules in a panic', inAccessRules(edge, scope), { blocked: [], challenged: [] });
  for (const host of world.hosts) expectKernel(host);
}
