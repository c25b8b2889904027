/** What a history is played on: three hosts, the Worker, Cloudflare, and a seed for all that is left to chance. */
import { parsePrefix } from '../../shared/address.ts';
import { Guard } from '../../shared/engine/guard.ts';
import type { UnixTime } from '../../shared/time.ts';
import { oneOf, randomOf } from '../random.ts';
import { Clock } from './clock.ts';
import { type Mode, names } from './deployment.ts';
import { SimulatedEdge, settings, zones } from './edge.ts';
import { SimulatedHost } from './host.ts';
import type { JailName } from './host-plan.ts';
import { type Fate, hostAddress } from './worker-client.ts';

const begin_s = 1_800_000_000;
export const modes: readonly Mode[] = ['list', 'lists', 'access-rules', 'zones', 'gate', 'none'];
const fates: readonly Fate[] = ['good', 'good', 'good', 'good', 'lost', 'answer lost', 'replayed', 'repeated'];

/** Nobody may ban these: the operator's, Cloudflare's, loopback. */
export const guarded = [...Array.from({ length: 5 }, (_, n) => `198.51.100.${n}`), ...['104.16.0.9', '127.0.0.9']];
/** Those that the operator allows and disallows in the course of a history. */
export const sometimesAllowed = ['203.0.113.200', '203.0.113.201'];
export const pool = [
  ...Array.from({ length: 24 }, (_, n) => `203.0.113.${n}`),
  ...['2001:db8::1', '2001:db8::2'],
  ...sometimesAllowed,
  ...guarded,
];
/** What other people have in the account, and keep: items, access rules, a WAF rule. One of their addresses is attacked. */
export const theirs = {
  addresses: ['192.0.2.2', '203.0.113.7'],
  note: 'by hand',
  mode: 'whitelist',
  rule: { ref: 'shop', action: 'skip', expression: '(http.host eq "shop.example")' },
} as const;

/** A ban that has to stand in the end. */
export interface Owed {
  readonly host: SimulatedHost;
  readonly jail: JailName;
  readonly address: string;
}

/** In a jail of the fleet. */
export interface FleetFailure {
  readonly address: string;
  readonly host: SimulatedHost;
  readonly at: UnixTime;
}

export interface World {
  readonly clock: Clock;
  readonly edge: SimulatedEdge;
  readonly hosts: readonly SimulatedHost[];
  /** Chance of the act that is under way. */
  random: () => number;
  /** Does the weather spoil requests? */
  isCalm: boolean;
  /** Lists that still have other people's items: they go with a list that is lost. */
  readonly theirLists: Set<string>;
  readonly owed: Owed[];
  /** What was found wrong on the way. */
  readonly wrong: string[];
  /** What the fleet counts. */
  readonly failed: FleetFailure[];
  /** Whom the fleet has to ban in the end. */
  readonly owedByFleet: string[];
}

const guard = new Guard({ allowed: [parsePrefix(settings.allowed)].flatMap((prefix) => prefix ?? []) });

/** By name, too: the guard itself may be wrong. */
const named: ReadonlySet<string> = new Set([...guarded, hostAddress]);

/** Of each address that was asked for: all are asked for after every act. */
const judged = new Map<string, boolean>();

export function isGuarded(address: string): boolean {
  const known = judged.get(address);
  if (known !== undefined) return known;
  const prefix = parsePrefix(address);
  const guards = prefix === null || named.has(address) || guard.check(prefix) !== null;
  judged.set(address, guards);
  return guards;
}

/** In a mode of chance, unless told. */
export async function openWorld(seed: number, mode?: Mode): Promise<World> {
  const random = randomOf(seed);
  const clock = new Clock(begin_s + random());
  const edge = new SimulatedEdge(clock, mode ?? oneOf(random, modes));
  const theirLists = new Set(Object.values(names));
  seedTheirs(edge, theirLists);
  const wrong: string[] = [];
  const world: World = {
    clock,
    edge,
    hosts: [],
    random,
    isCalm: true,
    theirLists,
    failed: [],
    owedByFleet: [],
    owed: [],
    wrong,
  };
  const fate = () => (world.isCalm ? 'good' : oneOf(world.random, fates));
  const hosts = ['web1', 'web2', 'mail'].map((name) => {
    const host = new SimulatedHost(name, clock, edge, () => world.random(), fate);
    host.client.twice = (what) => wrong.push(what);
    return host;
  });
  Object.assign(world, { hosts });
  for (const host of hosts) await host.enrol(edge);
  return world;
}

function seedTheirs({ fake: { control } }: SimulatedEdge, lists: Iterable<string>): void {
  const { addresses, note, mode, rule } = theirs;
  for (const list of lists) control.seedItems({ list, items: addresses.map((ip) => ({ ip, comment: note })) });
  const rules = addresses.map((value) => ({ target: 'ip' as const, value, mode, notes: note }));
  control.seedAccessRules({ rules });
  for (const zone of zones) {
    control.seedAccessRules({ zone, rules });
    control.seedRules({ zone, rules: [rule] });
  }
}

export function closeWorld({ edge, hosts, clock }: World): void {
  for (const host of hosts) host.kill();
  edge.close();
  clock.close();
}
