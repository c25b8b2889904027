/** The one operation that may be under way: its intention is on record before it is asked for, its end is looked up. */
import type { Seconds } from '../../shared/time.ts';
import { CloudflareFailure } from './failure.ts';
import type { Run } from './run.ts';
import type { OperationMemory } from './schema.ts';
import { acquit, blame, doubt, lookAgain, narrow, widen } from './setback.ts';

/** An operation that takes longer is given up for lost; whatever it still does, a later reading finds. */
const operation_s_max: Seconds = 600;
/** An accepted operation that fails later mostly does so for Cloudflare's own reasons: so often in a row we blame those. */
const failures_of_chance_max = 4;
const poll_first_s: Seconds = 0.5;
const poll_max_s: Seconds = 15;
/** We ask for the first time when the last ones were done, and each time a little sooner. */
const hope = 0.9;

/** Records the intention and asks; the end of the step records the id. A crash before leaves an intention without one. */
export async function begin(
  run: Run,
  what: Pick<OperationMemory, 'kind' | 'action' | 'items' | 'alone' | 'added' | 'removed'>,
  ask: () => Promise<string>,
): Promise<void> {
  const { state, memory, now } = run;
  const operation = { ...what, since: now, due: now + state.operation_s, id: null, polls: 0 };
  state.operation = operation;
  state.lastKind = what.kind;
  state.beganAt = now;
  memory.save();
  try {
    state.operation = { ...operation, id: await ask() };
  } catch (error) {
    state.operation = null;
    run.found = null;
    if (error instanceof CloudflareFailure) notBegun(run, operation, error);
    throw error;
  }
}

function notBegun(run: Run, operation: OperationMemory, failure: CloudflareFailure): void {
  if (failure.outcome === 'unknown') doubt(run.state, run.now);
  if (failure.code !== 'ERR_CLOUDFLARE_REFUSED') return;
  // nothing has begun: the others need not gather for it
  run.state.beganAt = 0;
  narrow(run.state, operation);
  blame(run.state, operation, run.now);
  lookAgain(run.state, run.now);
}

/** After a crash: nobody knows whether the operation was begun. */
export function recoverOperation(run: Run): void {
  if (run.state.operation?.id !== null) return;
  run.state.operation = null;
  doubt(run.state, run.now);
}

export async function pollOperation(run: Run): Promise<void> {
  const { state, now, lists } = run;
  const { operation } = state;
  if (operation === null || operation.id === null || operation.due > now) return;
  const found = await lists.poll(operation.id).catch((error: unknown) => {
    if (error instanceof CloudflareFailure && error.code === 'ERR_CLOUDFLARE_GONE') return null;
    throw error;
  });
  if (found === null) return lost(run, 'Cloudflare does not know the operation any more');
  switch (found.status) {
    case 'completed':
      return completed(run, operation);
    case 'failed':
      return failed(run, operation, found.error);
    case 'pending':
    case 'running':
      if (now - operation.since > operation_s_max) return lost(run, 'the operation does not end');
      state.operation = { ...operation, polls: operation.polls + 1, due: now + pollDelay(operation.polls) };
  }
}

function pollDelay(polls: number): Seconds {
  return Math.min(poll_max_s, poll_first_s * 1.5 ** Math.min(polls, 20));
}

function completed(run: Run, operation: OperationMemory): void {
  const { state, now, parts, memory } = run;
  const took = operation.polls === 0 ? state.operation_s * hope : now - operation.since;
  state.operation_s = Math.min(poll_max_s, Math.max(poll_first_s, took));
  state.operation = null;
  state.failures = 0;
  state.error = null;
  widen(state);
  acquit(state, operation);
  memory.change(operation);
  run.found = null;
  run.changed = true;
  parts.log(`Cloudflare: ${operation.kind} of ${operation.items} items completed`);
}

function failed(run: Run, operation: OperationMemory, error: string): never {
  run.state.operation = null;
  narrow(run.state, operation);
  if (run.state.failures >= failures_of_chance_max) blame(run.state, operation, run.now);
  // perhaps the account is full: count what its other lists hold before anything else is tried
  run.state.readAt = null;
  throw operationFailure(`the ${operation.kind} of ${operation.items} items failed: ${error.slice(0, 200)}`);
}

function lost(run: Run, why: string): never {
  run.state.operation = null;
  doubt(run.state, run.now);
  throw operationFailure(why);
}

function operationFailure(message: string): CloudflareFailure {
  return new CloudflareFailure('ERR_CLOUDFLARE_OPERATION', message, { outcome: 'unknown', retryAfter: null });
}
