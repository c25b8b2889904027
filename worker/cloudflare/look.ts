/** Asks Cloudflare about one address, for those who want to see rather than believe: nothing is remembered, nothing changed. */
import { z } from 'zod';
import { canonical } from '../../shared/address.ts';
import { createAccessRules, type Scope } from './access-rules/api.ts';
import { type Client, createClient } from './client.ts';
import type { AccessRulesSettings, EnforcementSettings, Fetch, ListSettings } from './contract.ts';
import { createLists } from './lists.ts';
import { timeout_ms_usual } from './run.ts';

/** Where it stands and what is said there: an item's comment, a rule's mode and notes. */
export interface Sighting {
  readonly where: string;
  readonly said: string;
}

/** At most 3 calls and one for each zone. Throws CloudflareFailure. */
export async function lookFor(settings: EnforcementSettings, address: string, fetch: Fetch): Promise<Sighting[]> {
  const { apiBase, token } = settings;
  const client = createClient({ base: apiBase, token, fetch, timeout_ms: timeout_ms_usual, beforeCall: () => {} });
  return settings.mode === 'list' ? await inLists(client, settings, address) : await inRules(client, settings, address);
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
