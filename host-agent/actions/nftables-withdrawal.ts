/** Takes rules that are edgeban's out of a table, and their sets with them where nobody else uses these. */
import { ownerOf } from './nftables-plan.ts';
import { type FoundRule, type FoundSet, type FoundTable, mentions, setsMatched } from './nftables-state.ts';

export interface Withdrawal {
  /** One transaction's worth; empty if there is nothing to do. */
  readonly script: string;
  /** Those that go. */
  readonly sets: ReadonlySet<string>;
}

/**
 * `stale` are rules of `found`, the table at `place` (`FAMILY NAME`); sets in `inUse` stay. A set to which another rule of
 * ours refers stays as well; one that is held by a rule of somebody else is emptied.
 */
export function withdrawal(
  place: string,
  found: FoundTable,
  stale: readonly FoundRule[],
  inUse: ReadonlySet<string>,
): Withdrawal {
  const left = found.rules.filter((rule) => !stale.includes(rule));
  const own = new Set(found.sets.filter(isLikeOurs).map(({ name }) => name));
  const lines = stale.map((rule) => deleteRule(place, rule));
  const sets = new Set<string>();
  for (const set of new Set(stale.flatMap(setsMatched))) {
    const holders = left.filter((rule) => mentions(rule, set));
    if (!own.has(set) || inUse.has(set) || holders.some(({ comment }) => ownerOf(comment) !== null)) continue;
    lines.push(`${holders.length === 0 ? 'delete' : 'flush'} set ${place} ${set}\n`);
    if (holders.length === 0) sets.add(set);
  }
  return { script: lines.join(''), sets };
}

/** fail2ban's own sets have no time-outs. */
export function isLikeOurs({ name, type, flags }: FoundSet): boolean {
  const kinds = ['timeout', 'interval,timeout'];
  const isType = type === 'ipv4_addr' || type === 'ipv6_addr';
  return isType && kinds.includes([...flags].sort().join()) && /^[A-Za-z][\w.-]*$/.test(name);
}

export function deleteRule(place: string, rule: FoundRule): string {
  return `delete rule ${place} ${rule.chain} handle ${rule.handle}\n`;
}
