/** What the gate costs a request with a snapshot of 1,000,000 bans: the look-up on Node, and the whole gate in workerd. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { formatPrefix, type Prefix } from '../../shared/address.ts';
import { BanList, encodeBanList, type ListedBan } from '../../worker/ban-list.ts';
import { refusedBy } from '../../worker/gate/refused.ts';
import { makeRealWorker, type RealWorker } from '../edge/real-worker.ts';
import { below, randomOf } from '../random.ts';
import { cpuMs as workerdMs } from './workerd.ts';

const bans_n = 1_000_000;
const requests_n = 200_000;
const addresses_n = 20_000;
const cpu_ms_max = 0.1;
const now = 1_800_000_000;

/** Prints the figures; true if a request costs more than it may. */
export async function measureGate(): Promise<boolean> {
  const random = randomOf(7);
  const bans = someBans(random);
  // every other visitor is banned
  const visitors = bans.slice(0, addresses_n).map(({ address }, n) => (n % 2 === 0 ? someAddress(random) : address));
  const bytes = encodeBanList(bans, 1, now).slice().buffer;
  const onNode = measureLookup(bytes, visitors);
  return (await measureInWorkerd(bytes, visitors)) || onNode;
}

function measureLookup(bytes: ArrayBuffer, addresses: readonly string[]): boolean {
  const opened = cpuMs(() => BanList.open(bytes));
  const list = opened.result;
  if (list === null) throw new Error('the snapshot is none');
  const visitors = addresses.map((address) => new Headers({ 'cf-connecting-ip': address }));
  const asked = cpuMs(() => visitors.filter((headers) => refusedBy(list, headers, now) !== null).length);
  const each = asked.ms / visitors.length;
  console.log(`\ngate, a snapshot of ${list.count} bans in ${(bytes.byteLength / 2 ** 20).toFixed(1)} MiB`);
  console.log(`  opened in ${opened.ms.toFixed(3)} ms of CPU, on Node`);
  console.log(
    `  a look-up: ${each.toFixed(5)} ms of CPU (at most ${cpu_ms_max}), on Node; ${asked.result} of ${visitors.length} refused`,
  );
  return each > cpu_ms_max || opened.ms > cpu_ms_max * 10;
}

async function measureInWorkerd(snapshot: ArrayBuffer, addresses: readonly string[]): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-gate-'));
  const worker = await makeRealWorker(folder, { config: writeConfig(folder) });
  try {
    await worker.start();
    await asked(worker, 'PUT', Buffer.from(snapshot));
    const rounds = requests_n / addresses_n;
    // its compiler has warmed up, and the snapshot is read
    await visits(worker, { addresses, rounds: 1, gated: true });
    const bare = await visits(worker, { addresses, rounds, gated: false });
    const gated = await visits(worker, { addresses, rounds, gated: true });
    const [all, own] = [gated.ms / requests_n, bare.ms / requests_n];
    console.log(
      `  a request: ${all.toFixed(5)} ms of CPU (at most ${cpu_ms_max}), in workerd, of which ${own.toFixed(5)} without a gate; ${gated.refused} of ${requests_n} refused`,
    );
    return all > cpu_ms_max || gated.refused === 0;
  } finally {
    await worker.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeConfig(folder: string): string {
  const file = join(folder, 'many-visitors.toml');
  const main = fileURLToPath(new URL('../worker/many-visitors.ts', import.meta.url));
  writeFileSync(file, `name = "visitors"\nmain = ${JSON.stringify(main)}\ncompatibility_date = "2026-11-01"\n`);
  return file;
}

type Plan = { readonly addresses: readonly string[]; readonly rounds: number; readonly gated: boolean };

async function visits(worker: RealWorker, plan: Plan): Promise<{ refused: number; ms: number }> {
  const before = workerdMs(worker);
  const refused = Number(await asked(worker, 'POST', JSON.stringify(plan)));
  return { refused, ms: workerdMs(worker) - before };
}

async function asked(worker: RealWorker, method: 'PUT' | 'POST', body: Buffer | string): Promise<string> {
  const answer = await request(worker.url, { method, body, headersTimeout: 0 });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(text);
  return text;
}

/** One in ten is IPv6, one in a hundred a network. */
function someBans(random: () => number): ListedBan[] {
  return Array.from({ length: bans_n }, (_, n) => ({
    address: n % 100 === 0 ? someNetwork(random) : someAddress(random),
    action: n % 5 === 0 ? 'challenge' : 'block',
    until: n % 7 === 0 ? null : now + 1 + below(random, 86_400),
  }));
}

function someAddress(random: () => number): string {
  return formatPrefix(
    random() < 0.1 ? someV6(random, 128) : { family: 4, bits: 32, first: BigInt(below(random, 2 ** 32)) },
  );
}

function someNetwork(random: () => number): string {
  return formatPrefix({ family: 4, bits: 24, first: BigInt(below(random, 2 ** 24)) << 8n });
}

function someV6(random: () => number, bits: number): Prefix {
  const parts = Array.from({ length: 3 }, () => BigInt(below(random, 2 ** 32)));
  return { family: 6, bits, first: parts.reduce((sum, part) => (sum << 32n) | part, 0x20010db8n) };
}

function cpuMs<T>(run: () => T): { readonly result: T; readonly ms: number } {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return { result, ms: (user + system) / 1000 };
}
