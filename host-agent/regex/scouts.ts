/** Starts the thread that goes ahead of the filter, where that is worth it. */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { FilterConf } from '../../shared/filter/filter.ts';
import { Ring } from './ring.ts';
import type { ScoutTask } from './scout-thread.ts';

/** A shorter log is through before the thread has started. */
const log_bytes_min = 8 << 20;
/** What it remembers of a log are a few lines. */
const resourceLimits = { maxOldGenerationSizeMb: 48 };

/** What a scout goes by; the file is the thread's. */
export interface Scouting {
  readonly file: URL;
  readonly conf: FilterConf;
  /** Unix time. */
  readonly now: number;
}

export interface Scouts {
  readonly ring: Ring;
  stop(): void;
}

/** Null where one thread does as well. */
export function startScout({ file, conf, now }: Scouting, log_bytes: number): Scouts | null {
  if (log_bytes < log_bytes_min || (conf.maxlines ?? 1) > 1 || availableParallelism() < 2) return null;
  const ring = new Ring();
  // for what is made from now on, and that is its memory: this thread has its own already
  setFlagsFromString('--max-semi-space-size=2');
  const workerData: ScoutTask = { memory: ring.memory, conf, now };
  const thread = new Worker(file, { workerData, resourceLimits });
  thread.unref();
  // without it the log is only gone through more slowly
  thread.on('error', () => undefined);
  return { ring, stop: () => void thread.terminate() };
}
