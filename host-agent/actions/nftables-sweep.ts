/** What edgeban made for jails that are not there (any more): found again, and taken away, for nobody else would. */
import type { Nft, NftSession } from './nft.ts';
import { importTable, ownerOf, type Plan, type PlannedSet } from './nftables-plan.ts';
import { type FoundRule, type FoundTable, readTables, setsMatched } from './nftables-state.ts';
import { isLikeOurs, type Withdrawal, withdrawal } from './nftables-withdrawal.ts';

export interface InUse {
  /** Of the actions that run. */
  readonly plans: readonly Plan[];
  /** Do all rules of this jail (as ownerWord writes it) stay, whatever they say? */
  spares(owner: string): boolean;
}

interface Step extends Withdrawal {
  readonly owners: readonly string[];
}

/**
 * In one transaction, in every table but the import's. Rules of others stay, and so do sets that are not like ours.
 * Returns the jails (as ownerWord writes them) whose rules went.
 */
export function sweepTables(nft: Nft, inUse: InUse): Promise<readonly string[]> {
  return nft.exclusively(async (session) => {
    const tables = await tablesOf(session);
    const steps = tables.map(([place, found]) => stepOf(place, found, inUse));
    const script = steps.map((step) => step.script).join('');
    if (script !== '') await session.script(script);
    return [...new Set(steps.flatMap(({ owners }) => owners))];
  });
}

/** The sets by which a jail (as ownerWord writes it) blocks: its rules name them. */
export function setsOfOwner(nft: Nft, owner: string): Promise<readonly PlannedSet[]> {
  return nft.exclusively(async (session) =>
    (await tablesOf(session)).flatMap(([place, found]) => {
      const rules = found.rules.filter(({ comment }) => ownerOf(comment) === owner);
      const names = new Set(rules.flatMap(setsMatched));
      return found.sets.filter((set) => isLikeOurs(set) && names.has(set.name)).map((set) => plannedSet(place, set));
    }),
  );
}

function plannedSet(place: string, { name, type, flags }: FoundTable['sets'][number]): PlannedSet {
  const [family = '', table = ''] = place.split(' ');
  return { family, table, set: name, version: type === 'ipv4_addr' ? 4 : 6, networks: flags.includes('interval') };
}

async function tablesOf(session: NftSession): Promise<[string, FoundTable][]> {
  return [...(await readTables(session))].filter(([place]) => !place.endsWith(` ${importTable}`));
}

function stepOf(place: string, found: FoundTable, inUse: InUse): Step {
  const plans = inUse.plans.filter(({ family, table }) => `${family} ${table}` === place);
  const stale = found.rules.filter((rule) => isStale(rule, plans, inUse));
  const owners = stale.flatMap(({ comment }) => ownerOf(comment) ?? []);
  const sets = new Set(plans.flatMap((plan) => plan.sets.map(({ set }) => set)));
  const step = withdrawal(place, found, stale, sets);
  const isOver = plans.length === 0 && stale.length > 0 && isBare(found, stale, step);
  return isOver ? { ...step, owners, script: `${step.script}delete table ${place}\n` } : { ...step, owners };
}

function isStale(rule: FoundRule, plans: readonly Plan[], inUse: InUse): boolean {
  const owner = ownerOf(rule.comment);
  if (owner === null || inUse.spares(owner) || !/^[A-Za-z][\w.-]*$/.test(rule.chain)) return false;
  return !plans.some((plan) => plan.chain === rule.chain && plan.rules.some(({ comment }) => comment === rule.comment));
}

/** Is there nothing in the table but what goes, and the chains that held it? */
function isBare(found: FoundTable, stale: readonly FoundRule[], step: Withdrawal): boolean {
  const isLast = found.rules.length === stale.length && found.sets.length === step.sets.size && !found.hasMore;
  return isLast && found.chains.every((chain) => stale.some((rule) => rule.chain === chain));
}
