/** The fake's tokens, zones and `/ips`: who asks, what they may, and what Cloudflare's own addresses are. */
import type { IPListResponse } from 'cloudflare/resources/ips/ips';
import type { TokenVerifyResponse } from 'cloudflare/resources/user/tokens/tokens';
import type { Zone } from 'cloudflare/resources/zones/zones';
import type { FakeOptions, Token } from './options.ts';
import { granted, Refusal, type Reply } from './reply.ts';
import type { Asked, World } from './world.ts';

/** Cloudflare's published ranges (https://www.cloudflare.com/ips). */
const ranges: Required<Pick<IPListResponse.PublicIPIPs, 'ipv4_cidrs' | 'ipv6_cidrs'>> = {
  ipv4_cidrs: [
    '173.245.48.0/20',
    '103.21.244.0/22',
    '103.22.200.0/22',
    '103.31.4.0/22',
    '141.101.64.0/18',
    '108.162.192.0/18',
    '190.93.240.0/20',
    '188.114.96.0/20',
    '197.234.240.0/22',
    '198.41.128.0/17',
    '162.158.0.0/15',
    '104.16.0.0/13',
    '104.24.0.0/14',
    '172.64.0.0/13',
    '131.0.72.0/22',
  ],
  ipv6_cidrs: [
    '2400:cb00::/32',
    '2606:4700::/32',
    '2803:f800::/32',
    '2405:b500::/32',
    '2405:8100::/32',
    '2a06:98c0::/29',
    '2c0f:f248::/32',
  ],
};

/** The token that the request carries, or the refusal that Cloudflare would give. */
export function tokenOf(world: World, header: string | undefined, verifying: boolean): Token {
  if (header === undefined) {
    throw new Refusal(400, 9106, 'Missing X-Auth-Key, X-Auth-Email or Authorization headers');
  }
  const secret = /^Bearer ([\x21-\x7e]+)$/.exec(header)?.[1];
  if (secret === undefined) throw new Refusal(400, 6003, 'Invalid request headers');
  const token = [...world.options.tokens, ...world.state.tokens].find((each) => each.secret === secret);
  const isGood = token !== undefined && !world.state.revoked.includes(token.name);
  if (isGood && (verifying || !isExpired(world, token))) return token;
  if (verifying) throw new Refusal(401, 1000, 'Invalid API Token');
  throw new Refusal(403, 9109, 'Invalid access token');
}

/** A token of an account is no token on the user's path, though it is a good one. */
export function verifyToken(kind: Token['kind']): (world: World, asked: Asked) => Reply {
  return (world, asked) => {
    if (asked.token?.kind !== kind) throw new Refusal(401, 1000, 'Invalid API Token');
    const { expires_on, name, secret } = asked.token;
    const status = isExpired(world, asked.token) ? 'expired' : 'active';
    const id = world.state.tokens.find((each) => each.secret === secret)?.id ?? name;
    const result: TokenVerifyResponse = { id, status, ...(expires_on === undefined ? {} : { expires_on }) };
    const message = { code: 10000, message: 'This API Token is valid and active' };
    const reply = granted(result);
    return { ...reply, body: { ...reply.body, messages: [message] } };
  };
}

function isExpired(world: World, { expires_on }: Token): boolean {
  return expires_on !== undefined && Date.parse(expires_on) <= world.now();
}

export function oneZone(world: World, asked: Asked): Reply {
  const zone = world.options.zones.find(({ id }) => id === asked.params['zone']);
  if (zone === undefined) throw new Refusal(404, 7003, 'no such zone');
  return granted(wholeZone(world, zone));
}

export function zones(world: World, asked: Asked): Reply {
  const name = asked.query.get('name');
  const found = world.options.zones.filter((zone) => name === null || zone.name === name);
  const info = { page: 1, per_page: 20, total_pages: 1, count: found.length, total_count: found.length };
  return granted(
    found.map((zone) => wholeZone(world, zone)),
    info,
  );
}

function wholeZone(world: World, { id, name }: FakeOptions['zones'][number]): Zone {
  const at = '2024-01-01T00:00:00Z';
  return {
    id,
    name,
    status: 'active',
    paused: false,
    type: 'full',
    development_mode: 0,
    activated_on: at,
    created_on: at,
    modified_on: at,
    name_servers: ['ada.ns.cloudflare.com', 'bob.ns.cloudflare.com'],
    original_name_servers: null,
    original_dnshost: null,
    original_registrar: null,
    account: { id: world.options.account, name: 'Fake account' },
    owner: { id: world.options.account, name: 'Fake account', type: 'organization' },
    meta: { cdn_only: false, dns_only: false, foundation_dns: false },
    plan: { id: '0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee', name: 'Free Website', price: 0, is_subscribed: false },
  };
}

export function ips({ state }: World): Reply {
  return granted({ ...(state.ranges ?? ranges), etag: '38f79d050aa027e3be3865e495dcc9bc' });
}
