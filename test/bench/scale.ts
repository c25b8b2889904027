/** `npm run bench:scale`: 50,000 bans, restarts, latencies, a burst of a million lines, beside fail2ban where there is a checkout. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomOf } from '../random.ts';
import { type Daemon, Edgeban, Fail2ban, pause } from './daemon.ts';

const { values } = parseArgs({
  options: {
    bans: { type: 'string', default: '50000' },
    lines: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '40' },
    only: { type: 'string', default: '' },
    'their-bans': { type: 'string', default: '1000' },
    'their-lines': { type: 'string', default: '200000' },
  },
});
const attackers = 7_000;
const seed = 20_260_601;
const wanted = (part: string) => values.only === '' || values.only.split(',').includes(part);

const figure = (name: string, value: string) => console.log(`    ${name.padEnd(44)} ${value}`);
const ms = (value: number) => `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;

function addressOf(i: number): string {
  return `${11 + Math.floor(i / 65_536)}.${(i >> 8) & 255}.${i & 255}.77`;
}

function stamp(): string {
  const at = new Date();
  const month = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][at.getMonth()];
  return `${month} ${String(at.getDate()).padStart(2)} ${at.toTimeString().slice(0, 8)}`;
}

function failed(address: string, port = 40_022): string {
  return `${stamp()} web1 sshd[4242]: Failed password for root from ${address} port ${port} ssh2\n`;
}

const probe =
  'table inet bench { set probe { type ipv4_addr; }; }\nflush set inet bench probe\nadd element inet bench probe { 192.0.2.1 }\n';

/** Tells when the kernel takes an element in. */
class Monitor {
  readonly #child;
  readonly #waiting = new Map<string, (at: number) => void>();
  #rest = '';

  constructor(daemon: Daemon) {
    const [file, ...args] = [...daemon.netns.prefix, 'nft', 'monitor', 'elements'];
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1'), performance.now()));
  }

  #take(text: string, at: number): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const address = /^add element .*\{ (\S+)/.exec(line)?.[1];
      if (address !== undefined) this.#waiting.get(address)?.(at);
    }
  }

  /**
   * nft first reads all elements that are there, which takes longer the more there are; what comes meanwhile it never tells.
   * Each change makes it begin anew. So an element is added somewhere else, ever less often, until it tells of one.
   */
  static async listening(daemon: Daemon): Promise<Monitor> {
    const monitor = new Monitor(daemon);
    const heard = monitor.seen('192.0.2.1', 60_000).then(() => true);
    let wait_ms = 100;
    do {
      daemon.netns.script(probe);
      wait_ms *= 2;
    } while (!(await Promise.race([heard, pause(wait_ms)])));
    daemon.netns.script('delete table inet bench\n');
    return monitor;
  }

  seen(address: string, ms_max = 30_000): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${address} did not come`)), ms_max);
      this.#waiting.set(address, (at) => {
        clearTimeout(timer);
        this.#waiting.delete(address);
        resolve(at);
      });
    });
  }

  close(): void {
    this.#child.kill();
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `median ${ms(median(values))}, 90 % ${ms(sorted[Math.floor(sorted.length * 0.9)] ?? 0)}, n = ${values.length}`;
}

async function untilInKernel(daemon: Daemon, count: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (let there = 0; there < count; there = daemon.inKernel()) {
    if (performance.now() > deadline) throw new Error(`${there} of ${count} are in the kernel`);
    await pause(20);
  }
}

let serial = 0;

async function latency(daemon: Daemon, rounds: number): Promise<string> {
  const monitor = await Monitor.listening(daemon);
  const took: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    serial += 1;
    const address = `203.0.${100 + (serial >> 8)}.${serial & 255}`;
    const text = failed(address).repeat(5);
    const seen = monitor.seen(address);
    const began = performance.now();
    daemon.write(text);
    took.push((await seen) - began);
    await pause(20 + ((i * 37) % 100));
  }
  monitor.close();
  return spread(took);
}

async function oneMore(daemon: Daemon, rounds: number): Promise<string> {
  const monitor = await Monitor.listening(daemon);
  const took: number[] = [];
  for (let i = 0; i < rounds; i += 1) {
    const address = `198.51.100.${i}`;
    const seen = monitor.seen(address);
    const began = performance.now();
    daemon.client('set', 'sshd', 'banip', address);
    took.push((await seen) - began);
  }
  monitor.close();
  return spread(took);
}

async function idle(daemon: Daemon): Promise<void> {
  await pause(3_000);
  const before = daemon.cpu();
  const seconds = 15;
  await pause(seconds * 1000);
  figure('idle: share of a core', `${(((daemon.cpu() - before) / seconds) * 100).toFixed(2)} %`);
  const { now_mb, children_mb } = daemon.memory();
  figure('idle: memory', `${now_mb} MB${children_mb > 0 ? ` and ${children_mb} MB of children` : ''}`);
}

async function bans(daemon: Daemon, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => addressOf(i));
  const began = performance.now();
  daemon.client('set', 'sshd', 'banip', ...ids);
  const answered = performance.now() - began;
  await untilInKernel(daemon, count);
  figure(
    `banip of ${count} in one command`,
    `${ms(answered)} to the answer, ${ms(performance.now() - began)} all in the kernel`,
  );
  const { now_mb, peak_mb, children_mb } = daemon.memory();
  figure('memory then', `${now_mb} MB (peak ${peak_mb}, children ${children_mb})`);
  figure(`one more from the log, beside ${count}`, await latency(daemon, Math.min(20, Number(values.rounds))));
  figure(`one more by banip (the client's start counts)`, await oneMore(daemon, 10));
  await restarts(daemon, count);
}

async function restarts(daemon: Daemon, count: number): Promise<void> {
  await daemon.stop();
  daemon.netns.script('flush ruleset\n');
  const again = performance.now();
  const ready = daemon.start();
  await untilInKernel(daemon, count);
  const all = performance.now() - again;
  figure(
    `start with ${count} bans, an empty firewall`,
    `${ms(all)} until all are in the kernel, ${ms(await ready)} until it answers`,
  );
  figure('memory then', `${daemon.memory().now_mb} MB (peak ${daemon.memory().peak_mb})`);
}

/** 40 % failures of 7,000 addresses among what else stands in an auth.log, all of now. */
function burstOf(count: number): string {
  const random = randomOf(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const at = stamp();
  let text = '';
  for (let i = 0; i < count; i += 1) {
    const pid = 1_000 + below(30_000);
    if (random() < 0.4) {
      const user = below(3) === 0 ? `invalid user u${below(90)}` : 'root';
      text += `${at} web1 sshd[${pid}]: Failed password for ${user} from ${addressOf(300_000 + below(attackers))} port ${1024 + below(60_000)} ssh2\n`;
    } else if (random() < 0.5)
      text += `${at} web1 CRON[${pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n`;
    else text += `${at} web1 systemd-logind[612]: New session ${pid} of user deploy.\n`;
  }
  return text;
}

async function burst(daemon: Daemon, count: number): Promise<void> {
  const text = burstOf(count);
  const last = '203.0.113.250';
  const monitor = await Monitor.listening(daemon);
  const seen = monitor.seen(last, 900_000);
  const cpu = daemon.cpu();
  const began = performance.now();
  daemon.write(text + failed(last).repeat(5));
  const took = ((await seen) - began) / 1000;
  monitor.close();
  const rate = Math.round(count / took).toLocaleString('en');
  figure(`burst of ${count} lines`, `${took.toFixed(2)} s (${rate} lines/s), CPU ${(daemon.cpu() - cpu).toFixed(2)} s`);
  figure('addresses in the kernel then; peak of memory', `${daemon.inKernel()}; ${daemon.memory().peak_mb} MB`);
}

async function measure(
  name: string,
  make: (folder: string) => Daemon,
  counts: { bans: number; lines: number },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `edgeban-scale-`));
  console.log(`\n${name} (load ${(loadavg()[0] ?? 0).toFixed(1)})`);
  const daemon = make(folder);
  try {
    figure('start until it answers', ms(await daemon.start()));
    if (wanted('idle')) await idle(daemon);
    if (wanted('latency'))
      figure('a line in a file to the element in the kernel', await latency(daemon, Number(values.rounds)));
    if (wanted('burst')) await burst(daemon, counts.lines);
    if (wanted('bans')) await bans(daemon, counts.bans);
    await daemon.stop();
  } finally {
    daemon.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

await measure('edgeban', (folder) => new Edgeban(folder), { bans: Number(values.bans), lines: Number(values.lines) });
const checkout = process.env['F2B_CHECKOUT'];
if (checkout === undefined) console.log('\nfail2ban skipped: set F2B_CHECKOUT');
else {
  const counts = { bans: Number(values['their-bans']), lines: Number(values['their-lines']) };
  await measure('fail2ban', (folder) => new Fail2ban(folder, checkout), counts);
}
