/** Trying again: what failed on the way, or was asked to wait, is asked for again, a bounded time, and the person is told. */
import { EdgebanError } from '../../shared/errors.ts';
import { EdgeRefusal } from '../edge/refusal.ts';
import { CloudflareRefusal } from './cloudflare-refusal.ts';
import type { OperatorWorld } from './world.ts';

export const patienceLimits = {
  /** The first pause; each one is twice as long as the one before. */
  pause_seconds_first: 1,
  pause_seconds_max: 16,
  /** From the first try to the last one's beginning, after failures: five tries, two where none is answered at all. */
  failing_seconds_max: 30,
  /** The same where the other side asks for the pauses (429): Cloudflare's longest block is five minutes. */
  asked_seconds_max: 330,
} as const;

/** Who waits, and is told of it. */
export type Patience = Pick<OperatorWorld, 'now' | 'sleep' | 'terminal'>;

/** How an answer failed: `asked`, with the seconds that were asked for, or `lost`, which leaves open whether it was done. */
export interface Setback {
  readonly kind: 'asked' | 'lost';
  readonly seconds: number | null;
}

/** Null: asking again would not help. */
export function setbackOf(error: unknown): Setback | null {
  if (!(error instanceof EdgebanError)) return null;
  const seconds = error instanceof EdgeRefusal || error instanceof CloudflareRefusal ? error.retryAfter : null;
  if ('httpStatus' in error && error.httpStatus === 429) return { kind: 'asked', seconds };
  return isLost(error) ? { kind: 'lost', seconds } : null;
}

const lostCodes: ReadonlySet<string> = new Set([
  'ERR_EDGE_UNREACHABLE',
  'ERR_EDGE_TIMEOUT',
  'ERR_EDGE_REPLY',
  'ERR_CLOUDFLARE_UNREACHABLE',
  'ERR_CLOUDFLARE_ANSWER',
]);

function isLost(error: EdgebanError): boolean {
  return lostCodes.has(error.code) || (error instanceof EdgeRefusal && error.httpStatus >= 500);
}

/**
 * Calls `body` again after a setback. `isRepeatable`: doing it twice does no harm; otherwise only a request that was told
 * to wait, and so was not done, is repeated. Throws what `body` last threw, or ERR_INTERRUPTED.
 */
export async function patiently<T>(patience: Patience, isRepeatable: boolean, body: () => Promise<T>): Promise<T> {
  let pause: number = patienceLimits.pause_seconds_first;
  const started = patience.now();
  for (let waited = 0; ; pause = Math.min(2 * pause, patienceLimits.pause_seconds_max)) {
    try {
      return await body();
    } catch (error) {
      // a clock that is set back meanwhile must not make it wait for ever
      const passed = Math.max(waited, patience.now() - started);
      waited += await pauseAfter(patience, isRepeatable, error, { pause, passed });
    }
  }
}

/** Returns how many seconds it has paused; throws the error where patience is at its end. */
async function pauseAfter(
  { terminal, sleep }: Patience,
  isRepeatable: boolean,
  error: unknown,
  { pause, passed }: { readonly pause: number; readonly passed: number },
): Promise<number> {
  const setback = setbackOf(error);
  if (setback === null || (setback.kind === 'lost' && !isRepeatable)) throw error;
  const { asked_seconds_max, failing_seconds_max } = patienceLimits;
  const seconds = Math.max(pause, setback.seconds ?? 0);
  if (passed + seconds > (setback.kind === 'asked' ? asked_seconds_max : failing_seconds_max)) throw error;
  terminal.err(`${error instanceof Error ? error.message : ''}: again in ${seconds} s`);
  await sleep(seconds * 1000);
  return seconds;
}
