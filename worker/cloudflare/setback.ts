/** After a failure: how long to wait, what to doubt, which address to set aside. */
import type { ErrorCode } from '../../shared/errors.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { CloudflareFailure } from './failure.ts';
import { batch_items_max } from './memory.ts';
import type { OperationMemory, State } from './schema.ts';
import { setAside } from './set-aside.ts';

interface Delay {
  readonly first: Seconds;
  readonly max: Seconds;
}

const usual: Delay = { first: 2, max: 300 };
/** Doubled at each failure of one kind in a row: one 429 after many a 502 is no reason to wait for ten minutes. A wrong token or list waits for a person, a spent rate for five minutes to pass. */
const delays: Partial<Record<ErrorCode, Delay>> = {
  ERR_CLOUDFLARE_AUTH: { first: 60, max: 600 },
  ERR_CLOUDFLARE_LIST: { first: 60, max: 600 },
  ERR_CLOUDFLARE_RATE: { first: 30, max: 600 },
  ERR_CLOUDFLARE_BUSY: { first: 1, max: 60 },
  ERR_CLOUDFLARE_UNREACHABLE: { first: 2, max: 30 },
};

/** Seconds to wait after the `failures`th failure of its kind in a row; Cloudflare's own `retry-after` goes first. */
export function delayAfter(failure: CloudflareFailure, failures: number): Seconds {
  if (failure.retryAfter !== null) return Math.max(1, failure.retryAfter);
  const { first, max } = delays[failure.code] ?? usual;
  return Math.min(max, first * 2 ** Math.min(failures - 1, 20));
}

/** A request whose outcome is unknown may still be done a while after we look, so we look more than once. */
const doubts_after: readonly Seconds[] = [0, 5, 30, 120];

export function doubtsFrom(now: UnixTime): UnixTime[] {
  return doubts_after.map((after) => now + after);
}

export function doubt(state: State, now: UnixTime): void {
  state.doubts = doubtsFrom(now);
}

/** One reading, as soon as may be. */
export function lookAgain(state: State, now: UnixTime): void {
  state.doubts = [now, ...state.doubts.filter((at) => at > now)];
}

/** One bad item spoils its whole operation: halve, so that it stands alone in the end. That is progress: the others need not wait longer and longer. */
export function narrow(state: State, operation: OperationMemory): void {
  state.batch = Math.max(1, Math.floor(operation.items / 2));
  if (operation.items > 1) state.failures = 0;
}

/** Leaves the address of a single append alone for a while, so that the others get their turn. */
export function blame(state: State, operation: OperationMemory, now: UnixTime): void {
  if (operation.kind !== 'append' || operation.alone === null) return;
  state.setAside = setAside(state.setAside, operation.alone, now);
}

/** An address that was taken alone is no suspect any more. */
export function acquit(state: State, { kind, alone }: OperationMemory): void {
  if (kind === 'append' && alone !== null) delete state.setAside[alone];
}

export function widen(state: State): void {
  state.batch = Math.min(batch_items_max, state.batch * 2);
}
