/** Takes away what edgeban made for jails that are not there any more: nobody else would. */
import type { Nft } from './nft.ts';
import { importTable, ownerOf, type Plan } from './nftables-plan.ts';
import { type FoundRule, type FoundTable, readTables } from './nftables-state.ts';
import { type Withdrawal, withdrawal } from './nftables-withdrawal.ts';

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
    const tables = [...(await readTables(session))].filter(([place]) => !place.endsWith(` ${importTable}`));
    const steps = tables.map(([place, found]) => stepOf(place, found, inUse));
    const script = steps.map((step) => step.script).join('');
    if (script !== '') await session.script(script);
    return [...new Set(steps.flatMap(({ owners }) => owners))];
  });
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
