/** The fake's API tokens: permission groups, tokens made with policies, tokens removed; a secret is shown once. */
import { createHash, randomBytes } from 'node:crypto';
import type { PermissionGroupListResponse } from 'cloudflare/resources/accounts/tokens/permission-groups';
import { z } from 'zod';
import { Scope, type Token } from './options.ts';
import { granted, Refusal, type Reply } from './reply.ts';
import { type Asked, newId, type World } from './world.ts';

const account_key = 'com.cloudflare.api.account';
const zone_key = 'com.cloudflare.api.account.zone';

const Policy = z.strictObject({
  effect: z.literal('allow'),
  permission_groups: z.array(z.strictObject({ id: z.string() })).min(1),
  resources: z.record(z.string(), z.string()),
});
const NewToken = z.strictObject({
  name: z.string().min(1).max(120),
  policies: z.array(Policy).min(1),
  expires_on: z.iso.datetime().optional(),
});

export function permissionGroups(): Reply {
  return granted(groups());
}

function groups(): Required<Pick<PermissionGroupListResponse, 'id' | 'name' | 'scopes'>>[] {
  return Scope.options.map((name) => ({ id: groupId(name), name, scopes: [scopeOf(name)] }));
}

function groupId(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

function scopeOf(name: string): typeof account_key | typeof zone_key | 'com.cloudflare.api.user' {
  if (/^(Zone|Firewall)/.test(name)) return zone_key;
  return /^API Tokens/.test(name) ? 'com.cloudflare.api.user' : account_key;
}

export function createToken(kind: Token['kind']): (world: World, asked: Asked) => Reply {
  return (world, asked) => {
    const body = NewToken.safeParse(asked.body);
    if (!body.success) throw new Refusal(400, 1001, 'Invalid request body');
    const { name, policies, expires_on } = body.data;
    const secret = `${kind === 'user' ? 'cfut' : 'cfat'}_${randomBytes(24).toString('hex')}`;
    const id = newId();
    const allowed = policies.map((policy) => readPolicy(world, policy));
    const zones = allowed.flatMap((each) => each.zones);
    const scopes = allowed.flatMap((each) => each.scopes);
    world.state.tokens.push({
      id,
      name,
      secret,
      kind,
      scopes,
      zones,
      ...(expires_on === undefined ? {} : { expires_on }),
    });
    return granted({ id, name, status: 'active', policies, value: secret });
  };
}

function readPolicy(world: World, { permission_groups, resources }: z.infer<typeof Policy>) {
  const found = permission_groups.map(({ id }) => {
    const group = groups().find((each) => each.id === id);
    if (group === undefined) throw new Refusal(400, 1001, `Invalid permission group: ${id}`);
    return group;
  });
  const names = Object.keys(resources);
  const zones = names.flatMap((name) => (name.startsWith(`${zone_key}.`) ? [name.slice(zone_key.length + 1)] : []));
  const kind = zones.length === names.length ? zone_key : account_key;
  const known = zones.every((zone) => world.options.zones.some(({ id }) => id === zone));
  if (!known || (kind === account_key && names.some((name) => name !== `${account_key}.${world.options.account}`)))
    throw new Refusal(400, 1001, 'Invalid resource in policy');
  if (found.some(({ scopes }) => scopes[0] !== kind))
    throw new Refusal(400, 1001, 'a permission group does not apply to the resources of its policy');
  return { zones, scopes: found.map(({ name }) => Scope.parse(name)) };
}

/** Those that were made through the API, without their secrets. */
export function listTokens(kind: Token['kind']): (world: World) => Reply {
  return (world) => {
    const made = world.state.tokens.filter((token) => token.kind === kind);
    return granted(made.map(({ id, name }) => ({ id, name, status: 'active' })));
  };
}

export function deleteToken(world: World, asked: Asked): Reply {
  const { token } = asked.params;
  const left = world.state.tokens.filter(({ id }) => id !== token);
  if (left.length === world.state.tokens.length) throw new Refusal(404, 1003, 'Invalid API Token ID');
  world.state.tokens = left;
  return granted({ id: token });
}
