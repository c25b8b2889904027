/** What the service costs and how fast it is, on a Debian that is otherwise idle (`--figures`). */
import { setTimeout as sleep } from 'node:timers/promises';
import { latency, median } from './latency.ts';
import { type Machine, sh } from './machine.ts';
import { client } from './service.ts';
import type { Step, Walk } from './step.ts';

const idle_s = 60;
const samples = 25;

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

export const figures: readonly Step[] = [
  {
    name: 'figures: start until ready, the client',
    play: async ({ machine }) => [
      `systemctl start, until ready: ${await medianOf(machine, 'systemctl stop edgeban; systemctl start edgeban')}`,
      `edgeban-client ping: ${await medianOf(machine, 'edgeban-client ping')}`,
    ],
  },
  ...(['file', 'journal'] as const).map((way) => ({
    name: `figures: from a line to the kernel, ${way}`,
    play: ({ machine }: Walk) => latency(machine, way, samples),
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
];
