/** `npm run bench`, the edge: how large the Worker is, what a burst of bans and a day cost at Cloudflare and in KV, how many events workerd takes in a second, how soon another host has a ban. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeClient } from '../../host-agent/edge/client.ts';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { edgeFiles } from '../../host-agent/edge/files.ts';
import { readKey } from '../../host-agent/edge/key.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import { type BurstCost, bansOf, playBurst } from '../cloudflare/burst.ts';
import { makeRealWorker, type RealWorker } from '../edge/real-worker.ts';
import { unshareOptions } from '../world/enter.ts';
import { measureBundle } from './bundle.ts';
import { fullestOf } from './fleet-day.ts';
import { playLiveBurst } from './live-burst.ts';

const batch_events = 200;

function show(what: string, figures: string): void {
  console.log(`  ${what.padEnd(17)} ${figures}`);
}

/** What is aimed at. */
const wanted = { calls: 40, kv_puts: 60, events_per_s: 2_000, free_part: 0.9 } as const;

/** 10,000 bans of 50 hosts in a minute of the clock, against the fake with the real quotas; false if it costs more than it may. */
async function burst(batch: number): Promise<boolean> {
  return showBurst(`${batch} told at once, by the clock of a test`, await playBurst(batch));
}

/** The same in real time. */
async function liveBurst(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-bench-'));
  try {
    return showBurst('in workerd', await playLiveBurst(folder, (worker, name) => clientOf(worker, folder, name)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function showBurst(how: string, { calls, kv_puts, listed, seconds }: BurstCost): boolean {
  const cost = `${calls} API calls (${wanted.calls}), ${kv_puts} KV writes (${wanted.kv_puts})`;
  show('burst', `${listed} bans of 50 hosts in 60 s, ${how}: ${cost}, all listed after ${seconds.toFixed(0)} s`);
  return calls <= wanted.calls && kv_puts <= wanted.kv_puts;
}

/** Batches of so many hosts at once, each signed and stored, until all are acknowledged. */
async function throughput(worker: RealWorker, folder: string): Promise<boolean> {
  const clients = await Promise.all(Array.from({ length: 8 }, (_, n) => clientOf(worker, folder, `web${n}`)));
  const batches = 20;
  const at = Date.now() / 1000;
  const began = performance.now();
  await Promise.all(
    clients.map(async (client, host) => {
      const stream = randomUUID();
      for (let n = 0; n < batches; n++) {
        const events = bansOf(host, n * batch_events, batch_events, at);
        const batch = JSON.stringify({ stream, first: n * batch_events + 1, events });
        const { refused } = await client.postEvents(batch, AbortSignal.timeout(60_000));
        if (refused.length > 0) throw new Error(JSON.stringify(refused[0]));
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await Promise.all(clients.map((client) => client.close()));
  const events = clients.length * batches * batch_events;
  const rate = Math.round(events / seconds);
  const load = (loadavg()[0] ?? 0).toFixed(1);
  show(
    'events',
    `${rate.toLocaleString('en')}/s acknowledged by workerd (${wanted.events_per_s.toLocaleString('en')}): ${events} of ${clients.length} hosts in ${seconds.toFixed(1)} s, load ${load}`,
  );
  return rate >= wanted.events_per_s;
}

async function clientOf(worker: RealWorker, folder: string, name: string): Promise<EdgeClient> {
  const opened = (await worker.operator('POST', '/v1/enroll-tokens')) as { token: string };
  const files = edgeFiles(join(folder, name, 'edgeban.sqlite3'));
  const settings = await enroll({ files, url: worker.url, token: opened.token, name, world: realWorld });
  return new EdgeClient({
    url: worker.url,
    world: realWorld,
    identity: { host: settings.host, key: readKey(settings.key) },
  });
}

/** A day of 5,000 bans at chance times, of which an hour is played; false if a free plan is used up by nine tenths. */
async function freePlan(): Promise<boolean> {
  const day = { hosts: 50, bans_a_day: 5_000, bantime_s: 3_600, seconds: 3_600 };
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-bench-'));
  try {
    const { told, part, refused, missing } = await fullestOf(folder, day);
    show('free plan', `${day.bans_a_day} bans a day of ${day.hosts} hosts: ${told} (${100 * wanted.free_part} %)`);
    return part < wanted.free_part && refused === 0 && missing < 20;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inWorkerd(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-bench-'));
  // so many events are three days of a free plan's rows
  const paid = { CLOUDFLARE_API_TOKEN: 'none', ENFORCEMENT: 'none', ROWS_PER_DAY: '0' };
  const worker: RealWorker = await makeRealWorker(folder, {
    settings: () => ({ ...paid, OPERATOR_TOKEN: worker.token }),
  });
  try {
    await worker.start();
    return await throughput(worker, folder);
  } finally {
    await worker.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Two agents in namespaces; true also where there can be none. */
function propagation(): boolean {
  const enter = join(import.meta.dirname, '../world/enter.ts');
  const found = unshareOptions();
  if ('reason' in found) {
    show('ban, other kernel', `skipped: ${found.reason}`);
    return true;
  }
  const command = [enter, process.execPath, join(import.meta.dirname, 'propagation.ts')];
  return spawnSync(process.execPath, command, { stdio: 'inherit' }).status === 0;
}

console.log('\nthe edge (in brackets: what is aimed at)');
const held = [
  await measureBundle(show),
  await burst(batch_events),
  await burst(4),
  await liveBurst(),
  await freePlan(),
  await inWorkerd(),
  propagation(),
];
process.exitCode = held.every(Boolean) ? 0 : 1;
