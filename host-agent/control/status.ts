/** `status` in its forms, as the nested lists that fail2ban's server answers and every client of it takes apart. */
import type { AgentControl, JailControl, JailCounts, JailSettings } from './agent-control.ts';
import { invalidCommand } from './errors.ts';
import { type ReplyValue, tupleOf } from './framing.ts';

export type Flavor = 'basic' | 'short' | 'stats';

/** An unknown flavor is basic, as in fail2ban; `cymru` asks DNS about attackers and is refused. */
export function flavorOf(word: string | undefined): Flavor {
  if (word === 'cymru') throw invalidCommand(" (status flavor 'cymru' is not implemented; use basic, short or stats)");
  return word === 'short' || word === 'stats' ? word : 'basic';
}

export function overview(agent: AgentControl): ReplyValue[] {
  const names = sorted(agent);
  return [tupleOf('Number of jail', names.length), tupleOf('Jail list', names.join(', '))];
}

/** `status --all`: the overview, then every jail by its name; with `stats` only the latter. */
export function overviewOfAll(agent: AgentControl, flavor: Flavor): ReplyValue {
  const entries = sorted(agent).flatMap((name) => {
    const jail = agent.jail(name);
    return jail === null ? [] : [[name, jailStatus(jail, flavor)] as const];
  });
  const all = Object.fromEntries(entries);
  return flavor === 'stats' ? all : [...overview(agent), all];
}

export function jailStatus(jail: JailControl, flavor: Flavor): ReplyValue {
  const counts = jail.counts();
  const settings = jail.settings();
  if (flavor === 'stats') return stats(settings.backend, counts);
  return [tupleOf('Filter', filterStatus(counts, settings)), tupleOf('Actions', actionsStatus(jail, counts, flavor))];
}

function stats(backend: string, counts: JailCounts): ReplyValue {
  const { currentlyFailed, totalFailed, currentlyBanned, totalBanned } = counts;
  return [backend, tupleOf(currentlyFailed, totalFailed), tupleOf(currentlyBanned, totalBanned)];
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

/** A last row that fail2ban has not, and only if there is something to tell: `Not in force: 192.0.2.1[iptables]`. */
function actionsStatus(jail: JailControl, counts: JailCounts, flavor: Flavor): ReplyValue {
  const rows: ReplyValue[] = [
    tupleOf('Currently banned', counts.currentlyBanned),
    tupleOf('Total banned', counts.totalBanned),
  ];
  if (flavor === 'short') return rows;
  rows.push(
    tupleOf(
      'Banned IP list',
      jail.bans().map((ban) => ban.id),
    ),
  );
  const failing = jail.failing().map(({ action, id }) => `${id ?? '*'}[${action}]`);
  return failing.length === 0 ? rows : [...rows, tupleOf('Not in force', failing)];
}

/** Sorted by code point, as Python sorts. */
function sorted(agent: AgentControl): string[] {
  return [...agent.jails()].sort((a, b) => (a < b ? -1 : Number(a > b)));
}
