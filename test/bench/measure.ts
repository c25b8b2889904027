/** Runs a program and measures its time and its peak memory. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Run {
  readonly seconds: number;
  /** Of all its threads: what counts where the machine is busy with other things. */
  readonly cpu_seconds: number;
  readonly memory_mb: number;
  readonly output: string;
}

/** Python's resource module is at hand wherever fail2ban is; it tells what /usr/bin/time tells. */
const program = `
import json, resource, subprocess, sys, time
begin = time.monotonic()
status = subprocess.call(sys.argv[2:])
use = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], 'w') as file:
    json.dump([time.monotonic() - begin, use.ru_utime + use.ru_stime, use.ru_maxrss], file)
sys.exit(status)
`;

/** Throws where the program fails. */
export function runMeasured(command: readonly string[], env: Readonly<Record<string, string>>): Run {
  const figures = join(tmpdir(), `edgeban-figures-${process.pid}`);
  const printed = `${figures}-output`;
  const output = openSync(printed, 'w');
  const run = spawnSync('python3', ['-c', program, figures, ...command], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    // a file: nobody waits there for who reads
    stdio: ['ignore', output, 'pipe'],
  });
  closeSync(output);
  const text = readFileSync(printed, 'utf8');
  rmSync(printed);
  if (run.status !== 0) throw new Error(`${command.join(' ')} ended with ${run.status}: ${run.stderr || text}`);
  const [seconds = 0, cpu_seconds = 0, kilobytes = 0]: number[] = JSON.parse(readFileSync(figures, 'utf8'));
  rmSync(figures);
  return { seconds, cpu_seconds, memory_mb: Math.round(kilobytes / 1024), output: text };
}
