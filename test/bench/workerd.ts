/** What a Worker's workerd takes of this machine: read from /proc, for inside it no clock goes on while it computes. */
import { readdirSync, readFileSync } from 'node:fs';
import type { RealWorker } from '../edge/real-worker.ts';

/** As Linux tells times of processes; sysconf(_SC_CLK_TCK) is 100 on all its usual machines. */
const ticks_per_s = 100;

interface Process {
  readonly pid: string;
  /** Of /proc/PID/stat, from the third on (state). */
  readonly fields: readonly string[];
}

function processesOf(worker: RealWorker): Process[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const [, name, text = ''] = /\((.*)\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
      const fields = text.split(' ');
      return name === 'workerd' && Number(fields[2]) === worker.pid ? [{ pid, fields }] : [];
    } catch {
      // it has ended meanwhile
      return [];
    }
  });
}

/** Resident, of workerd alone. */
export function memoryMb(worker: RealWorker): number {
  const sizes = processesOf(worker).map(({ pid }) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0),
  );
  return Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1024);
}

/** User and system time until now. */
export function cpuMs(worker: RealWorker): number {
  const ticks = processesOf(worker).map(({ fields }) => Number(fields[11]) + Number(fields[12]));
  return (ticks.reduce((sum, each) => sum + each, 0) * 1000) / ticks_per_s;
}
