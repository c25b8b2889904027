/** The real clock and coin of the link. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EdgeWorld } from './ports.ts';

export const realWorld: EdgeWorld = {
  now: () => Date.now() / 1000,
  random: Math.random,
  sleep: async (seconds, signal) => {
    await sleep(seconds * 1000, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  },
};
