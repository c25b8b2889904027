/** `npm run bench`, the edge: what a burst of bans costs at Cloudflare and in KV, and how many events workerd takes in a second. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgeClient } from '../../host-agent/edge/client.ts';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { edgeFiles } from '../../host-agent/edge/files.ts';
import { readKey } from '../../host-agent/edge/key.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import { TestLedger } from '../cloudflare/ledger.ts';
import { asked, listed, openScene } from '../cloudflare/scene.ts';
import { makeRealWorker, type RealWorker } from '../edge/real-worker.ts';

const batch_events = 200;

function bans(host: number, first: number, count: number, at: number): object[] {
  return Array.from({ length: count }, (_, n) => ({
    ...{ kind: 'ban', jail: 'sshd', address: `${45 + host}.0.${(first + n) >> 8}.${(first + n) & 255}` },
    ...{ at, until: at + 86_400, failures: 5, count: 1 },
  }));
}

function show(what: string, figures: string): void {
  console.log(`  ${what.padEnd(17)} ${figures}`);
}

/** 10,000 bans of 50 hosts in a minute of the clock, against the fake with the real quotas. */
async function burst(): Promise<void> {
  const scene = await openScene();
  try {
    const ledger = new TestLedger(scene);
    await ledger.settle();
    const [calls, puts] = [asked(scene).length, ledger.kv.puts];
    const began = scene.clock.now;
    const telling = Array.from({ length: 50 }, (_, host) => ({ host, at: began + host * 1.2 }));
    for (const { host } of telling) ledger.enrol(`h${host}`);
    while (telling.length > 0) {
      const next = telling[0];
      if (next !== undefined && next.at <= ledger.due) {
        scene.clock.now = Math.max(scene.clock.now, next.at);
        ledger.tell(`h${next.host}`, randomUUID(), 1, bans(next.host, 0, batch_events, scene.clock.now));
        telling.shift();
      } else {
        scene.clock.now = Math.max(scene.clock.now, ledger.due);
        await ledger.work();
      }
    }
    await ledger.settle();
    const [api, kv] = [asked(scene).length - calls, ledger.kv.puts - puts];
    const seconds = scene.clock.now - began;
    show(
      'burst',
      `${listed(scene).ours.length} bans of 50 hosts in 60 s: ${api} API calls (40), ${kv} KV writes (60), all there after ${seconds.toFixed(0)} s`,
    );
  } finally {
    await scene.close();
  }
}

/** Batches of so many hosts at once, each signed and stored, until all are acknowledged. */
async function throughput(worker: RealWorker, folder: string): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 8 }, (_, n) => clientOf(worker, folder, `web${n}`)));
  const batches = 20;
  const at = Date.now() / 1000;
  const began = performance.now();
  await Promise.all(
    clients.map(async (client, host) => {
      const stream = randomUUID();
      for (let n = 0; n < batches; n++) {
        const events = bans(host, n * batch_events, batch_events, at);
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
    `${rate.toLocaleString('en')}/s acknowledged by workerd (2,000): ${events} of ${clients.length} hosts in ${seconds.toFixed(1)} s, load ${load}`,
  );
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

async function inWorkerd(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-bench-'));
  const worker = await makeRealWorker(folder);
  try {
    await worker.start();
    await throughput(worker, folder);
  } finally {
    await worker.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log('\nthe edge (in brackets: what is aimed at)');
await burst();
await inWorkerd();
