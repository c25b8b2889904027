/** Where an address stands at the edge at this moment: in the ledger, in KV, at Cloudflare. Each is asked, none assumed. */

import { formatPrefix, type Prefix } from '../shared/address.ts';
import { messageOf } from '../shared/errors.ts';
import type { EdgeStory } from '../shared/wire.ts';
import { BanList } from './ban-list.ts';
import { lookFor } from './cloudflare/look.ts';
import { Buckets } from './ledger/buckets.ts';
import { snapshotKey } from './ledger/snapshot.ts';
import { type Answer, RequestRefusal } from './problem.ts';
import { type Env, readSettings, type Settings } from './settings.ts';
import type { BanView } from './shapes.ts';

export const storyLimits = {
  /** Each look costs calls of Cloudflare's API, which enforcement needs more: so many at once, and then so many a minute. */
  looks_burst: 10,
  looks_per_minute_max: 10,
} as const;

const looks = new Buckets(storyLimits.looks_burst, storyLimits.looks_per_minute_max);
const now = () => Date.now() / 1000;

/** `held`: what the ledger answers. Throws ERR_CAP_EVENTS where too much is asked. */
export async function edgeStory(env: Env, address: Prefix, held: Answer<BanView>): Promise<EdgeStory> {
  if (looks.take('all', 1, now()) === 0) {
    const retry_after = looks.waitFor('all', 1);
    throw new RequestRefusal('ERR_CAP_EVENTS', 'more addresses are asked about than may be', { retry_after });
  }
  const { enforcement, gate } = readSettings(env);
  const ledger = 'value' in held ? ledgerStory(held.value) : null;
  const text = formatPrefix(address);
  const asked = [...new Set([text, ledger?.address ?? text])];
  const [kv, cloudflare] = await Promise.all([inKv(env, address), atCloudflare(enforcement, asked)]);
  return { address: text, mode: enforcement?.mode ?? (gate === null ? 'none' : 'gate'), ledger, kv, cloudflare };
}

function ledgerStory({ address, action, until, holders }: BanView): NonNullable<EdgeStory['ledger']> {
  return {
    address,
    action,
    until,
    holders: holders.map(({ host, name, jail, at, until: end }) => ({ host, name, jail, at, until: end })),
  };
}

async function inKv(env: Env, address: Prefix): Promise<EdgeStory['kv']> {
  const bytes = await env.BANS.get(snapshotKey, 'arrayBuffer');
  const list = bytes === null ? null : BanList.open(bytes);
  if (list === null) return null;
  const found = list.lookup(address, now());
  const ban = found === null ? null : { action: found.action, until: found.until };
  return { revision: list.revision, written_at: list.writtenAt, ban };
}

async function atCloudflare(
  enforcement: Settings['enforcement'],
  addresses: readonly string[],
): Promise<EdgeStory['cloudflare']> {
  const nothing = { found: [], rules: [], error: null };
  if (enforcement === null) return { asked: false, ...nothing };
  try {
    const { unasked, ...seen } = await lookFor(enforcement, addresses, (url, init) => fetch(url, init));
    return { asked: true, ...nothing, ...seen, ...(unasked === 0 ? {} : { unasked }) };
  } catch (error) {
    return { asked: true, ...nothing, error: messageOf(error) };
  }
}
