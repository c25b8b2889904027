/** The order in which bans get Cloudflare's room: hosts take turns, so that none pushes out what another one bans. */
import type { UnixTime } from '../../shared/time.ts';
import { operatorName } from './limits.ts';
import type { Entry } from './roll.ts';

/** fail2ban's jail of those who were banned again and again. */
const recidive = 'recidive';

interface Place {
  /** The turn in which the address comes; the operator's come before all turns. */
  turn: number;
  at: UnixTime;
}

/** What one host holds of an address. */
interface Own {
  readonly at: UnixTime;
  readonly recidivist: boolean;
}

/**
 * All addresses, each once: first the operator's, then the first of each host, then the second of each, and so on; the
 * newest first in each turn. A host's own order: recidivists (banned for ever, by the jail `recidive` or by two of its
 * jails), then the newest; so what a host says of its bans pushes out nothing of another host's. Cut off anywhere, every host keeps at least an equal part of the room, and more
 * only where others do not fill theirs.
 */
export function inTurn(entries: readonly Entry[]): string[] {
  const places = new Map<string, Place>();
  for (const [host, own] of ownByHost(entries)) {
    const ordered = [...own].sort(
      ([a, one], [b, other]) => Number(other.recidivist) - Number(one.recidivist) || other.at - one.at || compare(a, b),
    );
    for (const [index, [address, { at }]] of ordered.entries())
      note(places, address, host === operatorName ? -1 : index, at);
  }
  return [...places]
    .sort(([a, one], [b, other]) => one.turn - other.turn || other.at - one.at || compare(a, b))
    .map(([address]) => address);
}

/** Of each host its addresses, with the newest of its bans of each. */
function ownByHost(entries: readonly Entry[]): Map<string, Map<string, Own>> {
  const hosts = new Map<string, Map<string, Own>>();
  for (const { host, address, jail, at, until } of entries) {
    const own = hosts.get(host) ?? new Map<string, Own>();
    hosts.set(host, own);
    const known = own.get(address);
    const recidivist = known !== undefined || until === null || jail === recidive;
    own.set(address, { at: Math.max(at, known?.at ?? 0), recidivist });
  }
  return hosts;
}

function note(places: Map<string, Place>, address: string, turn: number, at: UnixTime): void {
  const known = places.get(address);
  if (known === undefined) places.set(address, { turn, at });
  else places.set(address, { turn: Math.min(turn, known.turn), at: Math.max(at, known.at) });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
