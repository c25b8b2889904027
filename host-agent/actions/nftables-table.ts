/** Makes a jail's sets and rules in the table and takes them away again, leaving alone what others have put there. */
import { EdgebanError } from '../../shared/errors.ts';
import type { NftSession } from './nft.ts';
import { NftRefusal } from './nft-process.ts';
import type { Plan, PlannedSet } from './nftables-plan.ts';
import { type FoundRule, type FoundSet, type FoundTable, readTable, tableIn } from './nftables-state.ts';
import { deleteRule, withdrawal } from './nftables-withdrawal.ts';

const nothing: FoundTable = { sets: [], chains: [], rules: [], hasMore: false };

/**
 * Table, chain, sets and rules as planned, in one transaction; nothing where all is there. Returns the sets that were there:
 * the others hold nothing yet. Throws ERR_NFT_SET_FOREIGN.
 */
export async function ensureTable(session: NftSession, plan: Plan): Promise<readonly PlannedSet[]> {
  const found = (await readTable(session, plan.family, plan.table)) ?? nothing;
  const script = missingOf(plan, found);
  if (script !== '') await session.script(script);
  return plan.sets.filter(({ set }) => found.sets.some(({ name }) => name === set));
}

/** Is all there that `ensureTable` makes, among these objects of a listing? Of what the sets hold it tells nothing. */
export function isTableThere(objects: readonly unknown[], plan: Plan): boolean {
  return missingOf(plan, tableIn(objects, plan.family, plan.table) ?? nothing) === '';
}

function missingOf(plan: Plan, found: FoundTable): string {
  return [...missingFrame(plan, found), ...missingSets(plan, found), ...ruleChanges(plan, found)].join('');
}

/** The jail's rules and sets; then the chain and the table if nobody else has anything in them. */
export async function takeAwayTable(session: NftSession, plan: Plan): Promise<void> {
  const found = await readTable(session, plan.family, plan.table);
  if (found === null) return;
  const ours = plan.sets.map((set) => set.set);
  const sets = found.sets.filter((set) => ours.includes(set.name)).map((set) => set.name);
  const rules = found.rules.filter((rule) => isOurs(rule, plan));
  const deleteRules = rules.map((rule) => deleteRule(place(plan), rule)).join('');
  // A rule that somebody else has hung on a set keeps the set: it is emptied at least.
  const others = await refused(session, deleteRules + sets.map((set) => `delete set ${place(plan)} ${set}\n`).join(''));
  if (others) await session.script(deleteRules + sets.map((set) => `flush set ${place(plan)} ${set}\n`).join(''));
  else await takeAwayFrame(session, plan);
}

async function takeAwayFrame(session: NftSession, plan: Plan): Promise<void> {
  const left = await readTable(session, plan.family, plan.table);
  if (left === null) return;
  const bare = left.sets.length === 0 && left.rules.length === 0 && !left.hasMore;
  if (bare && left.chains.every((chain) => chain === plan.chain)) await session.script(`delete table ${place(plan)}\n`);
}

async function refused(session: NftSession, script: string): Promise<boolean> {
  try {
    if (script !== '') await session.script(script);
    return false;
  } catch (error) {
    if (error instanceof NftRefusal) return true;
    throw error;
  }
}

function missingFrame(plan: Plan, found: FoundTable): string[] {
  if (found.chains.includes(plan.chain)) return [];
  return [`add table ${place(plan)}\n`, `add chain ${place(plan)} ${plan.chain} { ${plan.chainSpec} }\n`];
}

function missingSets(plan: Plan, found: FoundTable): string[] {
  return plan.sets.flatMap((set) => {
    const there = found.sets.find((one) => one.name === set.set);
    if (there !== undefined) return isLike(there, set) ? [] : refuseForeign(plan, set);
    return [`add set ${place(plan)} ${set.set} { type ${typeOf(set)}; flags ${flagsOf(set).join(', ')}; }\n`];
  });
}

function isLike(there: FoundSet, set: PlannedSet): boolean {
  return there.type === typeOf(set) && [...there.flags].sort().join() === flagsOf(set).join();
}

function typeOf(set: PlannedSet): string {
  return set.version === 4 ? 'ipv4_addr' : 'ipv6_addr';
}

function flagsOf(set: PlannedSet): readonly string[] {
  return set.networks ? ['interval', 'timeout'] : ['timeout'];
}

function refuseForeign(plan: Plan, set: PlannedSet): never {
  const name = `${place(plan)} ${set.set}`;
  throw new EdgebanError('ERR_NFT_SET_FOREIGN', `the set ${name} is not one of edgeban's: its type or flags differ`, {
    remedy: `stop fail2ban if it runs (systemctl disable --now fail2ban), or name another set with addr_set = …`,
  });
}

/** A rule is known by its comment, which holds a digest of its text: what says the same stays, what says otherwise goes. */
function ruleChanges(plan: Plan, found: FoundTable): string[] {
  const wanted = new Map(plan.rules.map((rule) => [rule.comment, rule]));
  const stale = found.rules.filter((rule) => isOurs(rule, plan) && !wanted.delete(rule.comment));
  const inUse = new Set(plan.sets.map(({ set }) => set));
  const changes = [withdrawal(place(plan), found, stale, inUse).script];
  for (const rule of wanted.values()) {
    changes.push(`add rule ${place(plan)} ${plan.chain} ${rule.text} comment "${rule.comment}"\n`);
  }
  return changes;
}

function isOurs(rule: FoundRule, plan: Plan): boolean {
  return rule.chain === plan.chain && rule.comment.startsWith(plan.mark);
}

function place(plan: Plan): string {
  return `${plan.family} ${plan.table}`;
}
