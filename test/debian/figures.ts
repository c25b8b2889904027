/** What the service costs and how fast it is, on a Debian that is otherwise idle (`--figures`). */
import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Machine, sh, write } from './machine.ts';
import { client, configFolder, withDropIn } from './service.ts';
import type { Step, Walk } from './step.ts';

const idle_s = 60;
const samples = 25;

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function timed(machine: Machine, command: string): Promise<number> {
  const printed = await sh(machine, `a=$(date +%s%N); ${command} >/dev/null; echo $(($(date +%s%N) - a))`);
  return Number(printed) / 1e6;
}

async function medianOf(machine: Machine, command: string): Promise<string> {
  const taken: number[] = [];
  for (let time = 0; time < 5; time++) taken.push(await timed(machine, command));
  return `${median(taken).toFixed(0)} ms`;
}

const cpuUsed = async (machine: Machine): Promise<number> =>
  Number(await sh(machine, 'systemctl show -p CPUUsageNSec --value edgeban')) / 1e9;

/** Resident memory of each of the unit's processes. */
const memory = (machine: Machine): Promise<string> =>
  sh(
    machine,
    'for p in $(cat /sys/fs/cgroup/system.slice/edgeban.service/cgroup.procs); do ' +
      `awk -v n="$(cat /proc/$p/comm)" '/^VmRSS/ { printf "%s %.1f MB\\n", n, $2 / 1024 }' /proc/$p/status; done`,
  );

/** Runs inside: writes a line and waits until the kernel says that the address is in a set; prints milliseconds. */
const stopwatch = `
const { spawn, execFileSync } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const [, , kind, count] = process.argv;
let heard = '';
let hear = () => undefined;
const monitor = spawn('nft', ['monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
monitor.stdout.on('data', (text) => { heard += text; hear(); });
const hears = (word) => new Promise((resolve) => {
  hear = () => { if (heard.includes(word)) resolve(performance.now()); };
  hear();
});
const journal = spawn('systemd-cat', ['-t', 'latency', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] }).stdin;
const write = {
  journal: (address) => journal.write('stopwatch saw ' + address + '\\n'),
  file: (address) =>
    require('node:fs').appendFileSync(
      '/var/log/latency.log', new Date().toISOString().slice(0, 19) + 'Z stopwatch saw ' + address + '\\n'),
}[kind];
(async () => {
  while (!heard.includes('stopwatch')) {
    execFileSync('nft', ['add table inet stopwatch; delete table inet stopwatch']);
    await sleep(20);
  }
  for (let i = 1; i <= count; i++) {
    const address = (kind === 'file' ? '198.51.100.' : '203.0.113.') + (100 + i);
    const begun = performance.now();
    write(address);
    console.log((await hears(address + ' ')) - begun);
    await sleep(200 + Math.random() * 200);
  }
  monitor.kill();
  process.exit(0);
})();
`;

const latencyJails = `[latency-file]
enabled = true
filter = latency
backend = auto
logpath = /var/log/latency.log
maxretry = 1

[latency-journal]
enabled = true
filter = latency
backend = systemd
journalmatch = SYSLOG_IDENTIFIER=latency
maxretry = 1
`;

async function latency(machine: Machine, kind: 'file' | 'journal'): Promise<string> {
  const printed = await sh(machine, `/usr/lib/edgeban/node /root/stopwatch.cjs ${kind} ${samples}`);
  const taken = printed.split('\n').map(Number);
  assert.equal(taken.length, samples);
  const [first = 0, last = 0] = [Math.min(...taken), Math.max(...taken)];
  return `${kind}: median ${median(taken).toFixed(1)} ms (${first.toFixed(1)} to ${last.toFixed(1)}, n = ${samples})`;
}

export const figures: readonly Step[] = [
  {
    name: 'figures: start until ready, the client',
    play: async ({ machine }) => [
      `systemctl start, until ready: ${await medianOf(machine, 'systemctl stop edgeban; systemctl start edgeban')}`,
      `edgeban-client ping: ${await medianOf(machine, 'edgeban-client ping')}`,
    ],
  },
  ...(['file', 'journal'] as const).map((kind) => ({
    name: `figures: from a line to the kernel, ${kind}`,
    async play({ machine }: Walk) {
      const filter = '[Definition]\nfailregex = stopwatch saw <HOST>$\n';
      await write(machine, `${configFolder}/filter.d/latency.conf`, filter);
      await write(machine, '/var/log/latency.log', '');
      await write(machine, '/root/stopwatch.cjs', stopwatch);
      return await withDropIn(machine, latencyJails, () => latency(machine, kind));
    },
  })),
  {
    name: `figures: idle for ${idle_s} s`,
    async play({ machine }) {
      await client(machine, 'ping');
      await sleep(5_000);
      const before = await cpuUsed(machine);
      await sleep(idle_s * 1000);
      const used = (await cpuUsed(machine)) - before;
      return [`CPU: ${((used / idle_s) * 100).toFixed(2)} % of a core`, await memory(machine)];
    },
  },
  {
    name: 'figures: systemd-analyze security',
    play: ({ machine }) => sh(machine, 'systemd-analyze security --no-pager edgeban.service | tail -1'),
  },
];
