/** The same burst in real time: 50 hosts, workerd with its own KV, the fake with the real quotas and operations of a second and a half. */
import { randomUUID } from 'node:crypto';
import type { EdgeClient } from '../../host-agent/edge/client.ts';
import { type BurstCost, bansOf } from '../cloudflare/burst.ts';
import { account, listName, secret, zoneIds } from '../cloudflare/scene.ts';
import { makeRealWorker, type RealWorker } from '../edge/real-worker.ts';
import { createFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/server.ts';
import { until } from '../world/wait.ts';
import { pause } from './daemon.ts';

const hosts = 50;
const batches = 20;
const batch_events = 10;
const seconds = 60;
const operation_ms = 1_500;

type Connect = (worker: RealWorker, name: string) => Promise<EdgeClient>;

export async function playLiveBurst(folder: string, connect: Connect): Promise<BurstCost> {
  const zones = zoneIds.map((id, index) => ({ id, name: `zone${index}.example` }));
  const options = { account, zones, tokens: [{ name: 'worker', secret }], operation_ms };
  const fake = createFakeCloudflare({ options, file: null, now: () => Date.now() });
  const base = await fake.listen(0, '127.0.0.1');
  const enforcing = {
    CLOUDFLARE_API_TOKEN: secret,
    CLOUDFLARE_API_BASE: base,
    CLOUDFLARE_ACCOUNT_ID: account,
    CLOUDFLARE_ZONE_IDS: zoneIds.join(','),
    ENFORCEMENT: 'list',
    LIST_NAME: listName,
  };
  const worker: RealWorker = await makeRealWorker(folder, {
    settings: () => ({ ...enforcing, OPERATOR_TOKEN: worker.token }),
  });
  try {
    await worker.start();
    return await measure(worker, fake, connect);
  } finally {
    await worker.kill();
    await fake.close();
  }
}

async function measure(worker: RealWorker, fake: FakeCloudflare, connect: Connect): Promise<BurstCost> {
  const clients = await Promise.all(Array.from({ length: hosts }, (_, n) => connect(worker, `web${n}`)));
  await until('the rules', () => zoneIds.every((zone) => fake.control.rules(zone).length > 0) || undefined);
  const calls = () => fake.control.journal().length;
  const before = calls();
  const written = new Set<unknown>();
  const listed = () => fake.control.items(listName).length;
  const began = performance.now();
  const telling = Promise.all(clients.map((client, host) => tell(client, host)));
  while (listed() < hosts * batches * batch_events && performance.now() - began < 3 * seconds * 1_000) {
    written.add(await writtenAt(worker));
    await pause(300);
  }
  await telling;
  await Promise.all(clients.map((client) => client.close()));
  const took = (performance.now() - began) / 1000;
  return { calls: calls() - before, kv_puts: written.size, listed: listed(), seconds: took };
}

/** KV takes one write a second: asked so often, the status tells of each. */
async function writtenAt(worker: RealWorker): Promise<unknown> {
  const { snapshot } = (await worker.operator('GET', '/v1/status')) as { snapshot: { written_at: number | null } };
  return snapshot.written_at;
}

async function tell(client: EdgeClient, host: number): Promise<void> {
  const stream = randomUUID();
  const every_ms = (seconds * 1_000) / batches;
  await pause((host * every_ms) / hosts);
  for (let n = 0; n < batches; n++) {
    const began = performance.now();
    const events = bansOf(host, n * batch_events, batch_events, Date.now() / 1000);
    const body = JSON.stringify({ stream, first: n * batch_events + 1, events });
    const { refused } = await client.postEvents(body, AbortSignal.timeout(60_000));
    if (refused.length > 0) throw new Error(JSON.stringify(refused[0]));
    await pause(Math.max(0, every_ms - (performance.now() - began)));
  }
}
