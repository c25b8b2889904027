/** What must hold at every moment of a history, and what when all has been quiet. */
import { deepStrictEqual } from 'node:assert/strict';
import { edgeJail } from '../../host-agent/agent/plan.ts';
import type { Holder } from '../../shared/store/holders.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import { chores_every_s } from './clock.ts';
import { names } from './deployment.ts';
import { account, fleet_findtime_s, settings, zones } from './edge.ts';
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
  isAllowed,
  spokenBy,
  theirsInAccessRules,
  theirsInList,
  wafRules,
} from './places.ts';
import { type FleetFailure, isGuarded, type Owed, sometimesAllowed, theirs, type World } from './world.ts';

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
  expectFleet(world);
  expectTheirs(world);
}

/** What other people have in the account is as it was. */
function expectTheirs({ edge, theirLists }: World): void {
  const { addresses, note, mode } = theirs;
  for (const list of theirLists) {
    const wanted = addresses.map((address) => `${address} ${note}`);
    same(`other people's items in ${list}`, theirsInList(edge, list), wanted);
  }
  const wanted = addresses.map((address) => `${address} ${mode} ${note}`);
  for (const scope of [account, ...zones])
    same("other people's access rules", theirsInAccessRules(edge, scope), wanted);
  for (const zone of zones)
    same("other people's WAF rules", wafRules(edge, zone).filter(isTheirRule), [`${theirs.rule.ref} skip on`]);
}

function isTheirRule(rule: string): boolean {
  return !rule.startsWith('edgeban');
}

function expectHost(host: SimulatedHost, now: number): void {
  const own = host.bans;
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
  none(
    `spared and banned on ${host.name}`,
    own.filter(({ id }) => host.spares.includes(id)),
  );
  if (host.firewall.isTrue) expectKernel(host, now);
}

/** After quiet: every place says the same. */
export function expectAgreement(world: World): void {
  const { clock, edge, hosts } = world;
  const holders = holdersAt(world);
  const mayDiffer = (line: string) =>
    [...sometimesAllowed, ...edge.allow].some((address) => line.startsWith(`${address} `));
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
    same(`the jail edge of ${host.name}`, host.bannedIn(edgeJail, clock.now), edgeOf(host, holders));
    expectKernel(host, clock.now);
  }
  const known = ['operator', 'fleet', 'recovered', ...hosts.map(({ id }) => id)];
  none(
    'held by nobody who may',
    holders.filter(({ host }) => !known.includes(host)),
  );
  const everywhere = [
    ...holders.map(({ address }) => address),
    ...everywhereAtCloudflare(edge),
    ...edge.kv.bans(clock.now),
  ];
  none(
    'allowed and banned',
    everywhere.filter((address) => isAllowed(edge, address)),
  );
  expectOwed(world, holders);
  expectEdge(world);
}

/** What agrees might agree on too little. */
function expectOwed({ clock, owed, owedByFleet }: World, holders: readonly Holder[]): void {
  const isHeld = ({ host, jail, address }: Owed) =>
    host.bannedIn(jail, clock.now).includes(address) &&
    holders.some((holder) => holder.host === host.id && holder.jail === jail && holder.address === address);
  none(
    'banned anew and not held',
    owed.filter((one) => !isHeld(one)).map(({ host, jail, address }) => `${address} ${jail} of ${host.name}`),
  );
  const byFleet = holders.flatMap(({ host, address }) => (host === 'fleet' ? [address] : []));
  none(
    'not banned by the fleet',
    owedByFleet.filter((address) => !byFleet.includes(address)),
  );
}

function expectKernel(host: SimulatedHost, now: UnixTime): void {
  for (const jail of [...jailNames, edgeJail]) {
    // a jail that leaves its bans to the edge has nothing in the kernel, unless the edge cannot
    if (!host.firewall.jails.includes(jail) && jail === 'proxied') continue;
    same(`the kernel's set ${jail} on ${host.name}`, host.firewall.blocked(jail), host.bannedIn(jail, now));
  }
}

/** The fleet bans for no less than its threshold, of which inside findtime the word of one host is half at the most. */
function expectFleet(world: World): void {
  const its = holdersAt(world).filter(({ host }) => host === 'fleet');
  none(
    "the fleet's ban of what was not enough",
    its.filter(
      ({ address }) =>
        weightOf(world.failed.filter((failure) => failure.address === address)) < settings.fleet_maxretry,
    ),
  );
}

/** As much as may have counted at most. */
function weightOf(failures: readonly FleetFailure[]): number {
  const times = failures.map(({ at }) => at);
  const isAtOnce = Math.max(...times) - Math.min(...times) < fleet_findtime_s;
  const most = isAtOnce ? settings.fleet_maxretry / 2 : Number.POSITIVE_INFINITY;
  const words = [...Map.groupBy(failures, ({ host }) => host).values()];
  return words.length < 2 ? 0 : words.reduce((sum, word) => sum + Math.min(most, word.length), 0);
}

function expectEdge(world: World): void {
  const { clock, edge } = world;
  const actions = [...actionsAt(world)];
  const of = (action: string) => actions.flatMap(([address, its]) => (its === action ? [address] : [])).sort();
  const [blocked, challenged] = [of('block'), of('challenge')];
  const { mode } = edge;
  same('KV', edge.kv.bans(clock.now), [...blocked, ...challenged].sort());
  const isList = mode === 'list' || mode === 'lists';
  same('the list', inLists(edge, names.block), isList ? besideTheirs(blocked, theirsInList(edge, names.block)) : []);
  same(
    'the second list',
    inLists(edge, names.challenge),
    mode === 'lists' ? besideTheirs(challenged, theirsInList(edge, names.challenge)) : [],
  );
  for (const scope of [account, ...zones]) {
    const its = theirsInAccessRules(edge, scope);
    const ruled = { blocked: besideTheirs(blocked, its), challenged: besideTheirs(challenged, its) };
    const isUsed = mode === (scope === account ? 'access-rules' : 'zones');
    same(`access rules of ${scope}`, inAccessRules(edge, scope), isUsed ? ruled : { blocked: [], challenged: [] });
  }
  const rules = {
    list: ['edgeban block on'],
    lists: ['edgeban block on', 'edgeban_challenge managed_challenge on'],
  };
  const wanted = isList ? rules[mode] : [];
  for (const zone of zones)
    same(
      'WAF rules',
      wafRules(edge, zone).filter((rule) => !isTheirRule(rule)),
      wanted,
    );
}

/** An address of which other people have an item or a rule is left to them. */
function besideTheirs(addresses: readonly string[], its: readonly string[]): string[] {
  return addresses.filter((address) => !its.some((line) => line.startsWith(`${address} `)));
}

/** When an address has been over for a tick, and all is well. */
export function expectOver({ clock, edge, hosts }: World, address: string): void {
  const places = [
    ...everywhereAtCloudflare(edge),
    ...edge.kv.bans(clock.now),
    ...hosts.flatMap(({ bans }) => bans.map(({ id }) => id)),
  ];
  none(
    'over and still somewhere',
    places.filter((each) => each === address),
  );
  const query = 'SELECT address FROM holders WHERE lifted = 0 AND ended = 0 AND until <= ?';
  none('over and not marked so by the ledger', edge.sql.all(query, clock.now - cloudflare_tick_s));
}

/** Not for a moment, from the deployment on that allows the address. */
export function expectNotHeld(world: World, address: string): void {
  none(
    'allowed and held by the ledger',
    holdersAt(world).filter((holder) => holder.address === address),
  );
}

/** A ledger that has lost its memory lifts nobody. */
export function expectStill({ edge }: World, banned: readonly string[]): void {
  const there = new Set(everywhereAtCloudflare(edge));
  none(
    'lifted by a ledger that was lost',
    banned.filter((address) => !there.has(address)),
  );
}

/** In a panic nothing is enforced at the edge, and hosts go on. */
export function expectPanic(world: World): void {
  const { clock, edge } = world;
  none('KV in a panic', edge.kv.bans(clock.now));
  for (const zone of zones)
    none(
      'WAF rules in a panic',
      wafRules(edge, zone).filter((rule) => !isTheirRule(rule) && rule.endsWith(' on')),
    );
  for (const scope of [account, ...zones])
    same('access rules in a panic', inAccessRules(edge, scope), { blocked: [], challenged: [] });
  for (const host of world.hosts) expectKernel(host, clock.now);
}
