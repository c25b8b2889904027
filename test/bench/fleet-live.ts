/** Many hosts that listen to the live feed of one Worker in workerd: how long a ban of one takes to all others. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EdgeClient } from '../../host-agent/edge/client.ts';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { edgeFiles } from '../../host-agent/edge/files.ts';
import { readKey } from '../../host-agent/edge/key.ts';
import { followLive, liveFeedLimits } from '../../host-agent/edge/live-feed.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import { makeRealWorker, type RealWorker } from '../edge/real-worker.ts';
import { until } from '../world/wait.ts';
import { figure, spread } from './monitor.ts';
import { memoryMb } from './workerd.ts';

const bans = 20;
const at_once = 8;

interface Listener {
  readonly client: EdgeClient;
  /** When it heard of an address. */
  readonly heard: Map<string, number>;
  live: boolean;
}

export async function listeners(parent: string, hosts: number): Promise<void> {
  const folder = join(parent, 'live');
  mkdirSync(folder);
  const worker = await makeRealWorker(folder);
  const stop = new AbortController();
  try {
    await worker.start();
    figure('workerd before', `${memoryMb(worker)} MB`);
    const began = performance.now();
    const all = await makeAll(worker, folder, hosts);
    figure('enrolments', `${((performance.now() - began) / hosts).toFixed(1)} ms each`);
    await Promise.all(all.map((listener) => open(listener, stop.signal)));
    figure('workerd with all listening', `${memoryMb(worker)} MB`);
    const took = await tellAll(all);
    figure('from a ban to each other host', spread(took.flat()));
    figure('from a ban to the last host', spread(took.map((times) => Math.max(...times))));
  } finally {
    stop.abort();
    await worker.kill();
  }
}

async function makeAll(worker: RealWorker, folder: string, hosts: number): Promise<Listener[]> {
  const all: Listener[] = [];
  const names = Array.from({ length: hosts }, (_, n) => `h${n}`);
  const enrolling = Array.from({ length: at_once }, async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop())
      all.push({ client: await clientOf(worker, folder, name), heard: new Map(), live: false });
  });
  await Promise.all(enrolling);
  return all;
}

async function clientOf(worker: RealWorker, folder: string, name: string): Promise<EdgeClient> {
  const { token } = (await worker.operator('POST', '/v1/enroll-tokens')) as { token: string };
  const files = edgeFiles(join(folder, name, 'edgeban.sqlite3'));
  const { host, key } = await enroll({ files, url: worker.url, token, name, world: realWorld });
  return new EdgeClient({ url: worker.url, world: realWorld, identity: { host, key: readKey(key) } });
}

/** Resolves once the first page has come. */
async function open(listener: Listener, signal: AbortSignal): Promise<void> {
  const { url, headers } = listener.client.signFeed({ ledger: null, after: 0, resetting: false });
  const page = ({ changes }: { readonly changes: readonly { readonly address: string }[] }) => {
    listener.live = true;
    for (const { address } of changes) listener.heard.set(address, performance.now());
  };
  const limits = { ...liveFeedLimits, handshake_seconds_max: 120, silence_seconds_max: 120 };
  // never rejects; what ends it too early is noticed by who waits for news
  void followLive({ url, headers, page, signal, limits });
  await until('the feed', () => listener.live, { within_ms: 120_000, every_ms: 50 });
}

/** One ban after the other, each of another host; the times of all others for each. */
async function tellAll(all: readonly Listener[]): Promise<number[][]> {
  const took: number[][] = [];
  for (let n = 0; n < bans; n++) {
    const address = `45.0.0.${n}`;
    const at = Date.now() / 1000;
    const event = { kind: 'ban', jail: 'sshd', address, at, until: at + 3_600, failures: 5, count: 1 };
    const batch = { stream: randomUUID(), first: 1, events: [event] };
    const began = performance.now();
    await all[n % all.length]?.client.postEvents(JSON.stringify(batch), AbortSignal.timeout(60_000));
    await until('all have heard', () => all.every(({ heard }) => heard.has(address)), { within_ms: 60_000 });
    took.push(all.map(({ heard }) => (heard.get(address) ?? Number.NaN) - began));
  }
  return took;
}
