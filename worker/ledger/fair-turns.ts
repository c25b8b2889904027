/** The order in which bans get Cloudflare's room: hosts take turns, so that none pushes out what another one bans. */
import type { UnixTime } from '../../shared/time.ts';
import { operatorName } from './limits.ts';
import type { Entry } from './roll.ts';

interface Place {
  /** The turn in which the address comes; the operator's come before all turns. */
  turn: number;
  at: UnixTime;
}

/**
 * All addresses, each once: first the operator's, then the newest of each host, then the second newest of each, and so
 * on; the newest first in each turn. Cut off anywhere, every host keeps at least an equal part of the room, and more
 * only where others do not fill theirs.
 */
export function inTurn(entries: readonly Entry[]): string[] {
  const places = new Map<string, Place>();
  for (const [host, newest] of newestByHost(entries)) {
    const ordered = [...newest].sort((a, b) => b[1] - a[1] || compare(a[0], b[0]));
    for (const [index, [address, at]] of ordered.entries())
      note(places, address, host === operatorName ? -1 : index, at);
  }
  return [...places]
    .sort(([a, one], [b, other]) => one.turn - other.turn || other.at - one.at || compare(a, b))
    .map(([address]) => address);
}

/** Of each host its addresses, with the newest of its bans of each. */
function newestByHost(entries: readonly Entry[]): Map<string, Map<string, UnixTime>> {
  const hosts = new Map<string, Map<string, UnixTime>>();
  for (const { host, address, at } of entries) {
    const newest = hosts.get(host) ?? new Map<string, UnixTime>();
    hosts.set(host, newest);
    newest.set(address, Math.max(at, newest.get(address) ?? 0));
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
