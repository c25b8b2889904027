/** 10,000 bans of 50 hosts that reach a ledger within a minute of the clock, and what they cost at Cloudflare and in KV. */
import { randomUUID } from 'node:crypto';
import { TestLedger } from './ledger.ts';
import { asked, listed, listName, openScene } from './scene.ts';

const hosts = 50;
const bans_per_host = 200;
const seconds = 60;

export interface BurstCost {
  readonly calls: number;
  readonly kv_puts: number;
  /** Of ours in the list at the end. */
  readonly listed: number;
  /** From the first ban until the list held all. */
  readonly seconds: number;
}

/** `batch`: bans that a host tells at once; a divisor of 200. The fake has Cloudflare's quotas. */
export async function playBurst(batch: number): Promise<BurstCost> {
  const scene = await openScene();
  try {
    const ledger = new TestLedger(scene);
    await ledger.settle();
    const before = { calls: asked(scene).length, puts: ledger.kv.puts };
    const began = scene.clock.now;
    await tell(ledger, scene.clock, batch);
    const complete = () => scene.fake.control.items(listName).length >= hosts * bans_per_host;
    let end = scene.clock.now;
    while (!complete() && end < began + 3_600) {
      // the work itself goes on to when there is more to do
      end = scene.clock.now;
      await ledger.work();
    }
    return {
      calls: asked(scene).length - before.calls,
      kv_puts: ledger.kv.puts - before.puts,
      listed: listed(scene).ours.length,
      seconds: end - began,
    };
  } finally {
    await scene.close();
  }
}

async function tell(ledger: TestLedger, clock: { now: number }, batch: number): Promise<void> {
  const streams = Array.from({ length: hosts }, () => randomUUID());
  for (const host of streams.keys()) ledger.enrol(`h${host}`);
  const began = clock.now;
  const batches = (hosts * bans_per_host) / batch;
  for (let n = 0; n < batches; ) {
    const at = began + (n * seconds) / batches;
    if (at > ledger.due) {
      const due = Math.max(clock.now, ledger.due);
      clock.now = due;
      await ledger.work();
      clock.now = due;
      continue;
    }
    clock.now = Math.max(clock.now, at);
    const [host, first] = [n % hosts, Math.floor(n / hosts) * batch];
    ledger.tell(`h${host}`, streams[host] ?? '', first + 1, bansOf(host, first, batch, clock.now));
    n += 1;
  }
}

/** Each host has addresses of its own. */
export function bansOf(host: number, first: number, count: number, at: number): object[] {
  return Array.from({ length: count }, (_, n) => ({
    kind: 'ban',
    jail: 'sshd',
    address: `${45 + host}.0.${(first + n) >> 8}.${(first + n) & 255}`,
    at,
    until: at + 86_400,
    failures: 5,
    count: 1,
  }));
}
