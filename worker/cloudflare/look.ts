/** Asks Cloudflare about one address, for those who want to see rather than believe: nothing is remembered, nothing changed. */
import { z } from 'zod';
import { canonical } from '../../shared/address.ts';
import { createAccessRules, type Scope } from './access-rules/api.ts';
import { type Client, createClient } from './client.ts';
import type { AccessRulesSettings, EnforcementSettings, Fetch, ListSettings } from './contract.ts';
import { createLists } from './lists.ts';
import { calls_per_step_max, timeout_ms_usual } from './run.ts';
import { challengeRefOf, ruleRefOf, rulesIn } from './waf-rule.ts';

/** Where it stands and what is said there: an item's comment, a rule's mode and notes. */
export interface Sighting {
  readonly where: string;
  readonly said: string;
}

/** A zone's rule that blocks what the list holds. */
export interface RuleSighting extends Sighting {
  readonly inForce: boolean;
}

export interface Look {
  readonly found: Sighting[];
  readonly rules: RuleSighting[];
  /** How many of the zones, the last ones, were not asked: one invocation has no calls for them. */
  readonly unasked: number;
}

/** For at most 2 addresses. Throws CloudflareFailure. */
export async function lookFor(
  settings: EnforcementSettings,
  addresses: readonly string[],
  fetch: Fetch,
): Promise<Look> {
  const { apiBase, token } = settings;
  const client = createClient({ base: apiBase, token, fetch, timeout_ms: timeout_ms_usual, beforeCall: () => {} });
  return settings.mode === 'list'
    ? await lookInLists(client, settings, addresses)
    : await lookInRules(client, settings, addresses);
}

async function lookInLists(client: Client, settings: ListSettings, addresses: readonly string[]): Promise<Look> {
  const { zoneIds, accountId, listName, challengeListName } = settings;
  const names = [listName, challengeListName];
  const lists = (await createLists(client, accountId).all()).filter(({ name }) => names.includes(name));
  const asked = zoneIds.slice(0, calls_per_step_max - 1 - lists.length * addresses.length);
  const found: Sighting[] = [];
  for (const { id, name } of lists) {
    const where = name === listName ? `list ${name}` : `list ${name} (challenged)`;
    for (const address of addresses)
      for (const said of await inList(client, `/accounts/${accountId}/rules/lists/${id}`, address))
        found.push({ where, said });
  }
  const rules = await rulesOf(client, settings, asked);
  return { found, rules, unasked: zoneIds.length - asked.length };
}

async function rulesOf(client: Client, settings: ListSettings, zoneIds: readonly string[]): Promise<RuleSighting[]> {
  const { instance, challengeListName } = settings;
  const refs = [ruleRefOf(instance), ...((challengeListName ?? null) === null ? [] : [challengeRefOf(instance)])];
  const zones = await Promise.all(zoneIds.map(async (zone) => ({ zone, rules: await rulesIn(client, zone) })));
  return zones.flatMap(({ zone, rules }) =>
    refs.map((ref) => {
      const rule = rules.find((one) => one.ref === ref);
      const said = rule === undefined ? 'there is none' : `${rule.action} if ${rule.expression}`;
      return { where: `rule ${ref} of zone ${zone}`, said, inForce: rule?.enabled ?? false };
    }),
  );
}

const Item = z.object({ ip: z.string(), comment: z.string().nullish() });

/** What the items of this address say. */
async function inList(client: Client, list: string, address: string): Promise<string[]> {
  // the search goes by the begin of the text, and knows nothing of networks
  const path = `${list}/items?per_page=500&search=${encodeURIComponent(address)}`;
  const items = (await client.call({ method: 'GET', path }, z.array(Item))).result;
  return items.filter(({ ip }) => canonical(ip) === address).map(({ comment }) => comment ?? '');
}

async function lookInRules(
  client: Client,
  { accountId, zoneIds }: AccessRulesSettings,
  addresses: readonly string[],
): Promise<Look> {
  const rules = createAccessRules(client);
  const scopes: Scope[] = zoneIds?.map((id) => ({ kind: 'zone', id })) ?? [{ kind: 'account', id: accountId }];
  const asked = scopes.slice(0, Math.floor(calls_per_step_max / addresses.length));
  const found: Sighting[] = [];
  for (const scope of asked)
    for (const address of addresses)
      for (const { mode, notes } of await rules.lookUp(scope, address))
        found.push({ where: `access rules of ${scope.kind} ${scope.id}`, said: `${mode}: ${notes}` });
  return { found, rules: [], unasked: scopes.length - asked.length };
}
