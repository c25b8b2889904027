/** Waiting for a condition, never for a time. */

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../shared/errors.ts';

/** For `vi.waitFor`, whose own deadline is a second: one that passes is no slower for a long one. */
export const soon = { timeout: 60_000, interval: 20 };

export class WaitedTooLong extends Error {
  override readonly name = 'WaitedTooLong';
}

/**
 * Asks until the answer is neither undefined, null nor false, and returns it. An asking that throws counts as no
 * answer; the last error is in the message when the deadline has passed.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  options: { within_ms?: number; every_ms?: number } = {},
): Promise<T> {
  const { within_ms = 60_000, every_ms = 20 } = options;
  const deadline = performance.now() + within_ms;
  let last = 'no answer';
  while (performance.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
    } catch (error) {
      last = messageOf(error);
    }
    await sleep(every_ms);
  }
  throw new WaitedTooLong(`${what}: not within ${within_ms} ms (last: ${last})`);
}
