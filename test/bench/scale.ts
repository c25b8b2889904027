/** `npm run bench:scale`: 50,000 bans, restarts, latencies, a burst of a million lines, beside fail2ban where there is a checkout. */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { besides } from './besides.ts';
import { addressOf, burstOf } from './burst.ts';
import { type Daemon, Edgeban, Fail2ban, pause } from './daemon.ts';
import { jailsOnOneLog } from './jails.ts';
import { failed, figure, Monitor, ms, spread } from './monitor.ts';

const { values } = parseArgs({
  options: {
    bans: { type: 'string', default: '50000' },
    lines: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '40' },
    only: { type: 'string', default: '' },
    'their-bans': { type: 'string', default: '1000' },
    'their-lines': { type: 'string', default: '200000' },
    'jail-lines': { type: 'string', default: '200000' },
  },
});
const wanted = (part: string) => values.only === '' || values.only.split(',').includes(part);

/** Each look reads all that is there: not while something is measured. */
async function untilInKernel(daemon: Daemon, count: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (let there = 0; there < count; there = daemon.inKernel()) {
    if (performance.now() > deadline) throw new Error(`${there} of ${count} are in the kernel`);
    await pause(20);
  }
}

let serial = 0;

async function latency(daemon: Daemon, rounds: number): Promise<string> {
  const monitor = await Monitor.listening(daemon.netns);
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
  const monitor = await Monitor.listening(daemon.netns);
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
  // what a start leaves to do is done then, and three looks at the firewall come after it
  await pause(20_000);
  const before = daemon.cpu();
  const seconds = 60;
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
  figure(
    `banip of ${count} in one command`,
    `${ms(answered)} to the answer, ${daemon.inKernel()} are in the kernel then`,
  );
  const { now_mb, peak_mb, children_mb } = daemon.memory();
  figure('memory then', `${now_mb} MB (peak ${peak_mb}, children ${children_mb})`);
  figure(`one more from the log, beside ${count}`, await latency(daemon, Math.min(20, Number(values.rounds))));
  figure(`one more by banip (the client's start counts)`, await oneMore(daemon, 10));
  await restarts(daemon, count);
}

/**
 * When the kernel has the first and the last of many. Asked for each by itself: to a monitor the kernel would tell them all,
 * which takes longer than to take them in.
 */
async function bothBanned(daemon: Daemon, first: string, last: string): Promise<number> {
  for (const end = performance.now() + 120_000; performance.now() < end; await pause(10))
    if ((await daemon.hasInKernel(first)) && (await daemon.hasInKernel(last))) return performance.now();
  throw new Error('they did not come');
}

async function restarts(daemon: Daemon, count: number): Promise<void> {
  await daemon.stop();
  daemon.netns.script('flush ruleset\n');
  const again = performance.now();
  const ready = daemon.start();
  const all = (await bothBanned(daemon, addressOf(0), addressOf(count - 1))) - again;
  figure(
    `start with ${count} bans, an empty firewall`,
    `${ms(all)} until all are in the kernel, ${ms(await ready)} until it answers`,
  );
  await untilInKernel(daemon, count);
  figure('memory then', `${daemon.memory().now_mb} MB (peak ${daemon.memory().peak_mb})`);
}

async function burst(daemon: Daemon, count: number): Promise<void> {
  const text = burstOf(count);
  const last = '203.0.113.250';
  const monitor = await Monitor.listening(daemon.netns);
  const seen = monitor.seen(last, 'f2b-table', 900_000);
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
    await daemon.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

const checkout = process.env['F2B_CHECKOUT'];
const parts = ['idle', 'latency', 'burst', 'bans'].some(wanted);
if (parts)
  await measure('edgeban', (folder) => new Edgeban(folder), { bans: Number(values.bans), lines: Number(values.lines) });
if (!parts || checkout === undefined) console.log('\nfail2ban skipped: set F2B_CHECKOUT');
else {
  const counts = { bans: Number(values['their-bans']), lines: Number(values['their-lines']) };
  await measure('fail2ban', (folder) => new Fail2ban(folder, checkout), counts);
}

if (wanted('beside')) await besides(Number(values.rounds), checkout ?? null);
if (wanted('jails')) await jailsOnOneLog(Number(values['jail-lines']));
