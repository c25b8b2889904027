/** Asks Cloudflare about one address, for those who want to see rather than believe: nothing is remembered, nothing changed. */
import { z } from 'zod';
import { canonical } from '../../shared/address.ts';
import { createAccessRules, type Scope } from './access-rules/api.ts';
import { type Client, createClient } from './client.ts';
import type { AccessRulesSettings, EnforcementSettings, Fetch, ListSettings } from './contract.ts';
import { createLists } from './lists.ts';
import { timeout_ms_usual } from './run.ts';
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

/** At most 2 calls, one for each address, and one for each zone. Throws CloudflareFailure. */
export async function lookFor(
  settings: EnforcementSettings,
  addresses: readonly string[],
  fetch: Fetch,
): Promise<{ found: Sighting[]; rules: RuleSighting[] }> {
  const { apiBase, token } = settings;
  const client = createClient({ base: apiBase, token, fetch, timeout_ms: timeout_ms_usual, beforeCall: () => {} });
  const look = (address: string) =>
    settings.mode === 'list' ? inLists(client, settings, address) : inRules(client, settings, address);
  const found = (await Promise.all(addresses.map(look))).flat();
  return { found, rules: settings.mode === 'list' ? await rulesOf(client, settings) : [] };
}

async function rulesOf(client: Client, settings: ListSettings): Promise<RuleSighting[]> {
  const { zoneIds, instance, challengeListName } = settings;
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

async function inLists(client: Client, settings: ListSettings, address: string): Promise<Sighting[]> {
  const { accountId, listName, challengeListName } = settings;
  const names = [listName, challengeListName];
  const lists = (await createLists(client, accountId).all()).filter(({ name }) => names.includes(name));
  const found: Sighting[] = [];
  for (const { id, name } of lists) {
    // the search goes by the begin of the text, and knows nothing of networks
    const path = `/accounts/${accountId}/rules/lists/${id}/items?per_page=500&search=${encodeURIComponent(address)}`;
    const items = (await client.call({ method: 'GET', path }, z.array(Item))).result;
    const same = items.filter(({ ip }) => canonical(ip) === address);
    found.push(
      ...same.map(({ comment }) => ({
        where: name === listName ? `list ${name}` : `list ${name} (challenged)`,
        said: comment ?? '',
      })),
    );
  }
  return found;
}

async function inRules(client: Client, settings: AccessRulesSettings, address: string): Promise<Sighting[]> {
  const rules = createAccessRules(client);
  const scopes: Scope[] = settings.zoneIds?.map((id) => ({ kind: 'zone', id })) ?? [
    { kind: 'account', id: settings.accountId },
  ];
  const found: Sighting[] = [];
  for (const scope of scopes) {
    for (const { mode, notes } of await rules.lookUp(scope, address))
      found.push({ where: `access rules of ${scope.kind} ${scope.id}`, said: `${mode}: ${notes}` });
  }
  return found;
}
