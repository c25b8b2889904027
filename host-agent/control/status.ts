/** `status` in its forms, as the nested lists that fail2ban's server answers and every client of it takes apart. */
import type { AgentControl, BanId, JailControl, JailCounts, JailSettings, Origins } from './agent-control.ts';
import { type ReplyValue, tupleOf } from './framing.ts';

type Flavor = 'basic' | 'short' | 'stats' | 'cymru';

/** An unknown flavor is basic, as in fail2ban. */
export function flavorOf(word: string | undefined): Flavor {
  return word === 'short' || word === 'stats' || word === 'cymru' ? word : 'basic';
}

/** A last row that fail2ban has not, and only if there is something to tell: jails that an error leaves out. */
export function overview(agent: AgentControl): ReplyValue[] {
  const names = sorted(agent.jails());
  const rows = [tupleOf('Number of jail', names.length), tupleOf('Jail list', names.join(', '))];
  const leftOut = sorted(agent.leftOut().map(({ name }) => name));
  return leftOut.length === 0 ? rows : [...rows, tupleOf('Left out', leftOut.join(', '))];
}

/** `status --all`: the overview, then every jail by its name; with `stats` only the latter. */
export async function overviewOfAll(agent: AgentControl, flavor: Flavor): Promise<ReplyValue> {
  const all: Record<string, ReplyValue> = {};
  for (const name of sorted(agent.jails())) {
    const jail = agent.jail(name);
    if (jail !== null) all[name] = await jailStatus(agent, jail, flavor);
  }
  return flavor === 'stats' ? all : [...overview(agent), all];
}

export async function jailStatus(agent: AgentControl, jail: JailControl, flavor: Flavor): Promise<ReplyValue> {
  const counts = jail.counts();
  const settings = jail.settings();
  if (flavor === 'stats') return stats(settings.backend, counts);
  const banned = flavor === 'short' ? null : jail.bans().map((ban) => ban.id);
  const origins = flavor === 'cymru' && banned !== null ? originRows(await agent.origins(banned)) : [];
  const actions = [...actionsStatus(jail, counts, banned), ...planeStatus(settings, flavor), ...origins];
  return [tupleOf('Filter', filterStatus(counts, settings)), tupleOf('Actions', actions)];
}

function originRows({ asn, country, rir }: Origins): ReplyValue[] {
  return [tupleOf('Banned ASN list', asn), tupleOf('Banned Country list', country), tupleOf('Banned RIR list', rir)];
}

function stats(backend: string, counts: JailCounts): ReplyValue {
  const { currentlyFailed, totalFailed, currentlyBanned, totalBanned } = counts;
  // fail2ban says what `auto` has come to: inotify, with polling behind it
  return [
    backend === 'auto' ? 'pyinotify' : backend,
    tupleOf(currentlyFailed, totalFailed),
    tupleOf(currentlyBanned, totalBanned),
  ];
}

function filterStatus(counts: JailCounts, settings: JailSettings): ReplyValue {
  return [
    tupleOf('Currently failed', counts.currentlyFailed),
    tupleOf('Total failed', counts.totalFailed),
    settings.backend.startsWith('systemd')
      ? tupleOf('Journal matches', [settings.journalmatch.map((match) => match.join(' ')).join(' + ')])
      : tupleOf('File list', settings.logpath),
  ];
}

/**
 * `banned` null: not even who they are. A last row that fail2ban has not, and only if there is something to tell:
 * `Not in force: 192.0.2.1[iptables]`.
 */
function actionsStatus(jail: JailControl, counts: JailCounts, banned: readonly BanId[] | null): ReplyValue[] {
  const rows: ReplyValue[] = [
    tupleOf('Currently banned', counts.currentlyBanned),
    tupleOf('Total banned', counts.totalBanned),
  ];
  if (banned === null) return rows;
  rows.push(tupleOf('Banned IP list', banned));
  const failing = jail.failing().map(({ action, id }) => `${id ?? '*'}[${action}]`);
  return failing.length === 0 ? rows : [...rows, tupleOf('Not in force', failing)];
}

/** Another row that fail2ban has not, where the jail has a plane or an edge of its own. */
function planeStatus({ planes: { edge, own }, standsIn }: JailSettings, flavor: Flavor): ReplyValue[] {
  if (flavor === 'short' || (own && edge === 'block')) return [];
  if (standsIn) return [tupleOf('Enforced by', `this host while the edge cannot; at the edge: ${edge}`)];
  const word = own ? `this host; at the edge: ${edge}` : `the edge alone: ${edge}`;
  return [tupleOf('Enforced by', word)];
}

/** Sorted by code point, as Python sorts. */
function sorted(names: readonly string[]): string[] {
  return [...names].sort((a, b) => (a < b ? -1 : Number(a > b)));
}
