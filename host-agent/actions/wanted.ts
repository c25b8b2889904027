/** What a jail wants blocked, and how to get from one state to another; networks may lie in one another. */
import { contains, type Family, formatPrefix, isSingle, type Prefix, parsePrefix } from '../../shared/address.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { isOver, type UnixTime, type Until } from '../../shared/time.ts';
import type { Change, Outcome } from './action.ts';

/** From address in canonical form to its end. */
export type Ends = ReadonlyMap<string, Until>;

export interface Limits {
  /** The IP versions that can be blocked here. */
  readonly versions: readonly Family[];
  readonly networks_max: number;
  readonly now: UnixTime;
}

/** Changes by what they mean now: the last one of an address counts, an add whose end has passed is a delete. */
export interface Sorted {
  readonly singles: Map<string, Until>;
  readonly gone: Set<string>;
  /** All networks wanted from now on. */
  readonly networks: Map<string, Until>;
  readonly refused: Outcome[];
}

/** Splits changes into single addresses and networks, the latter on top of the `networks` wanted before. */
export function sortChanges(changes: Iterable<Change>, networks: Ends, limits: Limits): Sorted {
  const sorted: Sorted = { singles: new Map(), gone: new Set(), networks: new Map(networks), refused: [] };
  for (const change of changes) {
    const prefix = parsePrefix(change.address);
    const adds = change.kind === 'add' && !isOver(change.until, limits.now);
    const error = prefix === null ? notAnAddress(change) : problemOf(prefix, adds, sorted.networks.size, limits);
    if (error !== null) sorted.refused.push({ address: change.address, error });
    if (prefix === null || error !== null) continue;
    if (adds) put(sorted, prefix, change.until);
    else take(sorted, prefix);
  }
  return sorted;
}

function put(sorted: Sorted, prefix: Prefix, until: Until): void {
  const address = formatPrefix(prefix);
  (isSingle(prefix) ? sorted.singles : sorted.networks).set(address, until);
  sorted.gone.delete(address);
}

function take(sorted: Sorted, prefix: Prefix): void {
  const address = formatPrefix(prefix);
  (isSingle(prefix) ? sorted.singles : sorted.networks).delete(address);
  if (isSingle(prefix)) sorted.gone.add(address);
}

function notAnAddress(change: Change): EdgebanError {
  const shown = JSON.stringify(change.address.slice(0, 80));
  return new EdgebanError('ERR_ADDRESS_INVALID', `${shown} is no address: a firewall cannot block it`);
}

function problemOf(prefix: Prefix, adds: boolean, networks: number, limits: Limits): EdgebanError | null {
  if (!limits.versions.includes(prefix.family)) {
    return new EdgebanError('ERR_ACTION_PARAMETER', `this table_family takes no IPv${prefix.family} addresses`);
  }
  if (!adds || isSingle(prefix) || networks < limits.networks_max) return null;
  return new EdgebanError('ERR_NFT_BUSY', `more than ${limits.networks_max} networks in one jail`);
}

/**
 * Those of `networks` that lie in no other one: an interval set takes only these. The inner ones wait until the outer one is
 * gone. What is no network is left out.
 */
export function outermost(networks: Ends): Map<string, Until> {
  const sorted = [...networks].flatMap(([address, until]) => {
    const prefix = parsePrefix(address);
    return prefix === null ? [] : [{ address, until, prefix }];
  });
  sorted.sort((a, b) => order(a.prefix, b.prefix));
  const outer = new Map<string, Until>();
  let last: Prefix | null = null;
  for (const { address, until, prefix } of sorted) {
    if (last !== null && contains(last, prefix)) continue;
    last = prefix;
    outer.set(address, until);
  }
  return outer;
}

/** The changes that lead from one state to the other. Ends nearer than `tolerance_s` are the same. */
export function difference(from: Ends, to: Ends, tolerance_s: number): Change[] {
  const changes: Change[] = [];
  for (const address of from.keys()) if (!to.has(address)) changes.push({ kind: 'delete', address });
  for (const [address, until] of to) {
    const there = from.get(address);
    if (there === undefined || !sameEnd(there, until, tolerance_s)) changes.push({ kind: 'add', address, until });
  }
  return changes;
}

function sameEnd(a: Until, b: Until, tolerance_s: number): boolean {
  return a === null || b === null ? a === b : Math.abs(a - b) <= tolerance_s;
}

/** Wider ones first, so that what lies in a network follows it. */
function order(a: Prefix, b: Prefix): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  return a.bits - b.bits;
}
