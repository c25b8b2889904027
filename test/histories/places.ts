/** What each place holds: hosts' stores and kernels, the ledger, KV, Cloudflare. */
import { canonical } from '../../shared/address.ts';
import { edgeStateOf } from '../../shared/store/edge-state.ts';
import { type Holder, holderOf } from '../../shared/store/holders.ts';
import type { EdgeAction } from '../../shared/ticket.ts';
import { isOver } from '../../shared/time.ts';
import { account, type SimulatedEdge, zones } from './edge.ts';
import type { SimulatedHost } from './host.ts';
import { isOwnJail, jails } from './host-plan.ts';
import type { World } from './world.ts';

/** Whoever holds an address at the ledger now. */
export function holdersAt({ clock, edge }: World): Holder[] {
  const rows = edge.sql.all('SELECT * FROM holders WHERE lifted = 0 AND (until IS NULL OR until > ?)', clock.now);
  return rows.map(holderOf);
}

/** By the var ALLOW, or by the operator's list at the ledger. */
export function isAllowed({ allow, sql }: SimulatedEdge, address: string): boolean {
  return allow.includes(address) || sql.all('SELECT 1 FROM allowed WHERE address = ?', address).length > 0;
}

/** What the edge is to do to whom, by the ledger's holders. */
export function actionsAt(world: World): Map<string, EdgeAction> {
  const byAddress = Map.groupBy(holdersAt(world), ({ address }) => address);
  return new Map([...byAddress].map(([address, held]) => [address, edgeStateOf(held)?.edge ?? 'off']));
}

/** One line for each ban of a host as it should stand at the ledger. */
export function spokenBy(host: SimulatedHost, now: number): string[] {
  return host.bans
    .flatMap(({ jail, id, until }) =>
      isOwnJail(jail) && !isOver(until, now) ? [lineOf({ address: id, jail, until, ...jails[jail] })] : [],
    )
    .sort();
}

export function heldFor(host: SimulatedHost, holders: readonly Holder[]): string[] {
  return holders
    .filter((holder) => holder.host === host.id)
    .map(lineOf)
    .sort();
}

function lineOf({ address, jail, edge, hosts, until }: Omit<Holder, 'host' | 'at' | 'lifted' | 'cursor'>): string {
  return `${address} ${jail} ${edge} ${hosts ? 'everywhere' : 'at the edge alone'} ${until?.toFixed(2)}`;
}

/** What the others' word makes of a host's jail edge. */
export function edgeOf(host: SimulatedHost, holders: readonly Holder[]): string[] {
  const others = holders.filter(
    ({ host: by, hosts, address }) => by !== host.id && hosts && !host.spares.includes(address),
  );
  return [...new Set(others.map(({ address }) => address))].sort();
}

export interface AtCloudflare {
  readonly blocked: readonly string[];
  readonly challenged: readonly string[];
}

/** Is it ours, by its comment? */
function isOurs(comment = ''): boolean {
  return comment.startsWith('edgeban:main:');
}

/** By lists and their rules, or by access rules (of the account, or the same in every zone). */
export function inLists({ fake: { control } }: SimulatedEdge, list: string): string[] {
  const ours = control.items(list).filter(({ comment }) => isOurs(comment));
  return ours.map(({ ip }) => canonical(ip) ?? ip).sort();
}

/** Other people's, as `address comment`. */
export function theirsInList({ fake: { control } }: SimulatedEdge, list: string): string[] {
  return control.items(list).flatMap(({ ip, comment }) => (isOurs(comment) ? [] : [`${ip} ${comment}`]));
}

export function inAccessRules({ fake: { control } }: SimulatedEdge, scope: string): AtCloudflare {
  const ours = control.accessRules(scope).filter(({ notes }) => isOurs(notes));
  const of = (wanted: string) =>
    ours
      .filter(({ mode }) => mode === wanted)
      .map(({ configuration: { value = '' } }) => canonical(value) ?? value)
      .sort();
  return { blocked: of('block'), challenged: of('managed_challenge') };
}

/** Other people's, as `address mode notes`. */
export function theirsInAccessRules({ fake: { control } }: SimulatedEdge, scope: string): string[] {
  return control
    .accessRules(scope)
    .flatMap(({ mode, notes, configuration: { value } }) => (isOurs(notes) ? [] : [`${value} ${mode} ${notes}`]));
}

/** Everything of ours at Cloudflare that is about an address. */
export function everywhereAtCloudflare(edge: SimulatedEdge): string[] {
  const lists = ['edgeban', 'edgeban_challenge'].flatMap((name) => inLists(edge, name));
  const rules = [account, ...zones].map((scope) => inAccessRules(edge, scope));
  return [...lists, ...rules.flatMap(({ blocked, challenged }) => [...blocked, ...challenged])];
}

/** The WAF rules of a zone, as `ref action enabled`. */
export function wafRules({ fake: { control } }: SimulatedEdge, zone: string): string[] {
  return control
    .rules(zone)
    .map(({ ref, action, enabled }) => `${ref} ${action} ${enabled ? 'on' : 'off'}`)
    .sort();
}
