/** The processor time that a piece of work takes. */

/**
 * In milliseconds of this thread only: the machine may be busy with other things. Those also cost the thread its caches now
 * and then, so it is the least of up to ten runs: what is in the work comes every time. `enough_ms` ends the runs early.
 */
export function cpuMs(enough_ms: number, work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 10 && least > enough_ms; run++) {
    const start = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(start);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}
