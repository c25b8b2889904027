/** What `explain` says of an address on a host, beside each of the places: asked there, past the daemon and the Worker's story. */
import { deepStrictEqual } from 'node:assert/strict';
import { overlaps, parsePrefix } from '../../shared/address.ts';
import type { Story } from '../../shared/story.ts';
import { isOver } from '../../shared/time.ts';
import { names } from './deployment.ts';
import { account, type SimulatedEdge, zones } from './edge.ts';
import type { SimulatedHost } from './host.ts';
import { actionsAt, holdersAt, inAccessRules, inLists, wafRules } from './places.ts';
import type { World } from './world.ts';

/** A place a line. */
interface Places {
  /** `jail`, of those that ban it or a network around it. */
  readonly banned: readonly string[];
  /** `jail state`: is it blocked in the kernel? */
  readonly kernel: readonly string[];
  /** `address action`, and who holds it. */
  readonly ledger: string | null;
  readonly holders: readonly string[];
  readonly kv: string | null;
  readonly cloudflare: readonly string[];
  /** Of the WAF's rules: `zone ref on`. */
  readonly rules: readonly string[];
}

/** Throws where the story and the places differ; returns the story. */
export async function explained(world: World, host: SimulatedHost, address: string): Promise<Story> {
  const story = await host.story(address);
  deepStrictEqual(story.edgeTrouble, null);
  deepStrictEqual(saidIn(story), seenOf(world, host, address), `${address} on ${host.name}, ${world.edge.mode}`);
  return story;
}

function saidIn({ jails, edge }: Story): Places {
  const held = jails.filter(({ ban }) => ban !== null);
  return {
    banned: held.map(({ jail }) => jail).sort(),
    kernel: held.flatMap(({ jail, actions }) => actions.map(({ state }) => `${jail} ${state}`)).sort(),
    ledger: edge?.ledger ? `${edge.ledger.address} ${edge.ledger.action}` : null,
    holders: (edge?.ledger?.holders ?? []).map(({ name, jail }) => `${name} ${jail}`).sort(),
    kv: edge?.kv?.ban?.action ?? null,
    cloudflare: (edge?.cloudflare.found ?? []).map(({ where, said }) => `${where}: ${said.split(':')[0]}`).sort(),
    rules: (edge?.cloudflare.rules ?? [])
      .map(({ where, inForce }) => `${where}${inForce ? '' : ' NOT in force'}`)
      .sort(),
  };
}

function seenOf(world: World, host: SimulatedHost, address: string): Places {
  const { edge, clock } = world;
  const around = (other: string) => isWithin(address, other);
  const held = host.bans.filter(({ id, until }) => around(id) && !isOver(until, clock.now));
  const [ledger = null] = [...actionsAt(world)].filter(([each]) => around(each));
  const holders = holdersAt(world).filter((holder) => holder.address === ledger?.[0]);
  return {
    banned: held.map(({ jail }) => jail).sort(),
    kernel: held.flatMap(({ jail, id }) => kernelOf(host, jail, id)).sort(),
    ledger: ledger === null ? null : ledger.join(' '),
    holders: holders.map(({ host: id, jail }) => `${nameOf(world, id)} ${jail}`).sort(),
    kv: edge.kv.listed(clock.now).find((each) => around(each.address))?.action ?? null,
    cloudflare: cloudflareOf(edge, around),
    rules: edge.mode === 'list' || edge.mode === 'lists' ? zones.flatMap((zone) => rulesOf(edge, zone)).sort() : [],
  };
}

function isWithin(address: string, network: string): boolean {
  const [one, other] = [parsePrefix(address), parsePrefix(network)];
  return one !== null && other !== null && other.bits <= one.bits && overlaps(other, one);
}

/** Where only the edge enforces there is no set. */
function kernelOf(host: SimulatedHost, jail: string, id: string): string[] {
  if (!host.firewall.jails.includes(jail)) return [];
  return [`${jail} ${host.firewall.blocked(jail).includes(id) ? 'blocked' : 'missing'}`];
}

const nameOf = ({ hosts }: World, id: string): string => hosts.find((host) => host.id === id)?.name ?? id;

function cloudflareOf(edge: SimulatedEdge, around: (each: string) => boolean): string[] {
  const inList = (name: string, where: string) => (inLists(edge, name).some(around) ? [`${where}: edgeban`] : []);
  const scopes = { 'access-rules': [`account ${account}`], zones: zones.map((zone) => `zone ${zone}`) };
  switch (edge.mode) {
    case 'list':
      return inList(names.block, `list ${names.block}`);
    case 'lists':
      return [
        ...inList(names.block, `list ${names.block}`),
        ...inList(names.challenge, `list ${names.challenge} (challenged)`),
      ];
    case 'access-rules':
    case 'zones':
      return scopes[edge.mode].flatMap((scope) => {
        const { blocked, challenged } = inAccessRules(edge, scope.split(' ')[1] ?? '');
        const where = `access rules of ${scope}`;
        return [
          ...(blocked.some(around) ? [`${where}: block`] : []),
          ...(challenged.some(around) ? [`${where}: managed_challenge`] : []),
        ];
      });
    case 'gate':
    case 'none':
      return [];
  }
}

/** Each that there should be. */
function rulesOf(edge: SimulatedEdge, zone: string): string[] {
  const refs = ['edgeban', ...(edge.mode === 'lists' ? ['edgeban_challenge'] : [])];
  const there = wafRules(edge, zone);
  return refs.map((ref) => {
    const isOn = there.some((rule) => rule.startsWith(`${ref} `) && rule.endsWith(' on'));
    return `rule ${ref} of zone ${zone}${isOn ? '' : ' NOT in force'}`;
  });
}
