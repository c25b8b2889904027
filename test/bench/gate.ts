/** What the gate costs a request with a snapshot of 1,000,000 bans: the Worker's own code, on Node. */
import { formatPrefix, type Prefix } from '../../shared/address.ts';
import { BanList, encodeBanList, type ListedBan } from '../../worker/ban-list.ts';
import { refusedBy } from '../../worker/gate/refused.ts';
import { below, randomOf } from '../random.ts';

const bans_n = 1_000_000;
const requests_n = 200_000;
const cpu_ms_max = 0.1;
const now = 1_800_000_000;

/** Prints the figures; true if a request costs more than it may. */
export function measureGate(): boolean {
  const random = randomOf(7);
  const bytes = encodeBanList(someBans(random), 1, now).slice().buffer;
  const opened = cpuMs(() => BanList.open(bytes));
  const list = opened.result;
  if (list === null) throw new Error('the snapshot is none');
  const visitors = Array.from({ length: requests_n }, () => new Headers({ 'cf-connecting-ip': someAddress(random) }));
  const asked = cpuMs(() => visitors.filter((headers) => refusedBy(list, headers, now) !== null).length);
  const each = asked.ms / requests_n;
  console.log(`\ngate, a snapshot of ${list.count} bans in ${(bytes.byteLength / 2 ** 20).toFixed(1)} MiB, on Node`);
  console.log(`  opened in ${opened.ms.toFixed(3)} ms of CPU`);
  console.log(
    `  a request: ${each.toFixed(5)} ms of CPU (at most ${cpu_ms_max}); ${asked.result} of ${requests_n} refused`,
  );
  return each > cpu_ms_max || opened.ms > cpu_ms_max * 10;
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
