/** `npm run bench`, the edge: from a line in one host's log to the kernel of another, in namespaces, through workerd. Runs inside of test/world/enter.ts. */
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { failedLines, prepareJails } from '../system/load.ts';
import { type Host, startAgent } from '../world/host.ts';
import { makeWorld } from '../world/world.ts';
import { pause } from './daemon.ts';
import { Monitor, median, spread } from './monitor.ts';

const bans_n = 40;
const median_ms_max = 150;
/** The other jails and the edge are at rest again. */
const between_ms = 300;

function monitorOf(host: Host): Promise<Monitor> {
  const prefix: [string, ...string[]] = ['nsenter', `--net=/run/netns/${host.name}`];
  const [file, ...args] = [...prefix, 'nft', '-f', '-'];
  return Monitor.listening({ prefix, script: (input) => void spawnSync(file, args, { input }) });
}

const { hostA, hostB } = await makeWorld({ jails: '' });
for (const host of [hostA, hostB]) prepareJails(host);
await Promise.all([hostA, hostB].map(startAgent));
const monitors = { own: await monitorOf(hostA), other: await monitorOf(hostB) };
const own: number[] = [];
const other: number[] = [];
for (let n = 0; n <= bans_n; n++) {
  const address = `203.0.113.${100 + n}`;
  const seen = Promise.all([monitors.own.seen(address), monitors.other.seen(address)]);
  const began = performance.now();
  appendFileSync(join(hostA.folder, 'logs/auth.log'), failedLines(address, 3));
  const [here, there] = await seen;
  // the first one waits for the feed to come up
  if (n > 0) own.push(here - began);
  if (n > 0) other.push(there - began);
  await pause(between_ms);
}
for (const monitor of Object.values(monitors)) monitor.close();
console.log(`  ban, own kernel   ${spread(own)} after the line in the log`);
console.log(
  `  ban, other kernel ${spread(other)} (median ${median_ms_max} ms), load ${(loadavg()[0] ?? 0).toFixed(1)}`,
);
process.exit(median(other) > median_ms_max ? 1 : 0);
