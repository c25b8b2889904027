/** API tokens: whose they are, whether they are good, and what they may, found out by trying. */
import { z } from 'zod';
import { EdgebanError } from '../../../shared/errors.ts';
import type { CloudflareApi } from '../cloudflare-api.ts';
import { CloudflareRefusal } from '../cloudflare-refusal.ts';
import { setbackOf } from '../patience.ts';
import { tryToWrite } from '../waf.ts';
import type { Mode } from './record.ts';

const Verified = z.object({
  id: z.string(),
  status: z.enum(['active', 'disabled', 'expired']),
  expires_on: z.string().nullish(),
});

export interface VerifiedToken {
  readonly id: string;
  readonly kind: 'user' | 'account';
  /** Unix seconds; null: never. */
  readonly expiresAt: number | null;
}

/**
 * A token of a user and one of an account are verified at different places, and each is none at the other's. Throws
 * ERR_SETUP_TOKEN for one that is wrong, switched off or expired.
 */
export async function verifyToken(api: CloudflareApi, account: string | null): Promise<VerifiedToken> {
  const user = await verifiedAt(api, '/user/tokens/verify');
  if (user !== null) return usable('user', user);
  const own = account === null ? null : await verifiedAt(api, `/accounts/${account}/tokens/verify`);
  if (own !== null) return usable('account', own);
  const where = account === null ? 'as a token of a user' : 'as a token of a user or of this account';
  throw new EdgebanError('ERR_SETUP_TOKEN', `Cloudflare does not know this token ${where}`, {
    remedy:
      account === null
        ? 'copy it once more; for a token of an account (cfat_…) say which: --account ID, or --zone NAME'
        : 'copy it once more, or make a new one: My Profile or Manage Account, API Tokens',
  });
}

async function verifiedAt(api: CloudflareApi, path: string): Promise<z.infer<typeof Verified> | null> {
  try {
    return await api.call({ path }, Verified);
  } catch (error) {
    if (error instanceof CloudflareRefusal && (error.isForbidden || error.isGone)) return null;
    throw error;
  }
}

function usable(kind: VerifiedToken['kind'], { id, status, expires_on }: z.infer<typeof Verified>): VerifiedToken {
  const expiresAt = expires_on === undefined || expires_on === null ? null : Date.parse(expires_on) / 1000;
  if (status === 'active') return { id, kind, expiresAt };
  throw new EdgebanError('ERR_SETUP_TOKEN', `the token is ${status}`, {
    remedy: "make a new one in Cloudflare's dashboard",
  });
}

export interface Place {
  readonly account: string;
  readonly zones: readonly { readonly id: string; readonly name: string }[];
  readonly mode: Mode;
  /** Modes of before, of which something may be left. */
  readonly left?: readonly Mode[];
}

/** One permission: as the dashboard words it, and the cheapest call that needs it. */
export interface Need {
  readonly permission: string;
  readonly attempt: (api: CloudflareApi) => Promise<unknown>;
}

const get = (path: string) => (api: CloudflareApi) => api.call({ path }, z.unknown());

/** What the Worker's own token must be able to do. */
export function runtimeNeeds({ left = [], ...place }: Place): Need[] {
  return [place.mode, ...left].flatMap((mode) => needsOf({ ...place, mode }));
}

function needsOf({ account, zones, mode }: Place): Need[] {
  if (mode === 'none' || mode === 'gate') return [];
  if (mode === 'access-rules') {
    const path = `/accounts/${account}/firewall/access_rules/rules?per_page=20`;
    return [{ permission: 'Account, Account Firewall Access Rules, Edit', attempt: get(path) }];
  }
  const ofZones = zones.map(({ id, name }) => ({
    permission: `Zone, Zone WAF, Edit (for ${name})`,
    attempt: (api: CloudflareApi) => tryToWrite(api, id),
  }));
  return [
    { permission: 'Account, Account Filter Lists, Edit', attempt: get(`/accounts/${account}/rules/lists`) },
    ...ofZones,
  ];
}

/** What setting up takes, beside all that the Worker's token must be able to do. */
export function setupNeeds(place: Place): Need[] {
  const { account } = place;
  return [
    { permission: 'Account, Workers Scripts, Edit', attempt: get(`/accounts/${account}/workers/scripts`) },
    {
      permission: 'Account, Workers KV Storage, Edit',
      attempt: get(`/accounts/${account}/storage/kv/namespaces?per_page=20`),
    },
    ...([place.mode, ...(place.left ?? [])].includes('gate') ? routesNeeds(place) : []),
    ...runtimeNeeds(place),
  ];
}

function routesNeeds({ zones }: Place): Need[] {
  return zones.map(({ id, name }) => ({
    permission: `Zone, Workers Routes, Edit (for ${name})`,
    attempt: get(`/zones/${id}/workers/routes`),
  }));
}

/** The permissions that are missing. A refusal of another kind (no room for a rule) is thrown. */
export async function missingPermissions(api: CloudflareApi, needs: readonly Need[]): Promise<string[]> {
  const missing: string[] = [];
  for (const { permission, attempt } of needs) {
    try {
      await attempt(api);
    } catch (error) {
      if (!(error instanceof CloudflareRefusal) || !error.isForbidden) throw error;
      missing.push(permission);
    }
  }
  return missing;
}

/** A zone that takes no rule of edgeban's, which was tried without making it: says which, and what to do. */
export function withRemedy(error: unknown, zones: Place['zones']): unknown {
  if (!(error instanceof CloudflareRefusal) || error.code !== 'ERR_CLOUDFLARE_REFUSED') return error;
  const zone = zones.find(({ id }) => error.message.includes(id));
  if (zone === undefined) return error;
  return new EdgebanError(error.code, `the zone ${zone.name} takes no rule of edgeban's: ${error.message}`, {
    remedy:
      "under Security, WAF, Custom rules of that zone: the free plan has room for 5 (delete one), and a rule of edgeban's from before whose list is gone is to be deleted; then run this again",
  });
}

/** What the token may that no mode needs which is, or was of late, in force: whoever steals it could do that, too. */
export async function surplusPermissions(api: CloudflareApi, place: Place): Promise<string[]> {
  const needed = [place.mode, ...(place.left ?? [])];
  const others = (['list', 'access-rules'] as const).filter((mode) => !needed.includes(mode));
  const surplus: string[] = [];
  for (const { permission, attempt } of others.flatMap((mode) => needsOf({ ...place, mode })))
    if (await isPermitted(() => attempt(api))) surplus.push(permission);
  return surplus;
}

/** A refusal of another kind comes after the permission. */
async function isPermitted(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch (error) {
    if (error instanceof CloudflareRefusal) return !error.isForbidden && setbackOf(error) === null;
    throw error;
  }
}

export function permissionError(whose: string, missing: readonly string[]): EdgebanError {
  return new EdgebanError('ERR_SETUP_PERMISSION', `${whose} lacks: ${missing.join('; ')}`, {
    remedy: "edit it in Cloudflare's dashboard (API Tokens, Edit), add these permissions, and run this again",
  });
}
