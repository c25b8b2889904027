/** What a step does, in order: find the list, ask after the operation, read, change, see to the rules. */
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { changeList, difference, gatheredAt } from './change-list.ts';
import type { Difference } from './difference.ts';
import { CloudflareFailure } from './failure.ts';
import { pollOperation, recoverOperation } from './operation.ts';
import { findList, nextReading, readItems, readList } from './read-list.ts';
import { Pause, type Run } from './run.ts';
import type { State } from './schema.ts';
import { nextRuleTime, seeToRules } from './see-to-rules.ts';
import { nextTurn } from './set-aside.ts';
import { delayAfter, lookAgain } from './setback.ts';

const tasks = [findList, followOperation, readList, changeList];
/** Failures of the list that do not speak against asking for the rules. */
const listOnly = ['ERR_CLOUDFLARE_BUSY', 'ERR_CLOUDFLARE_REFUSED', 'ERR_CLOUDFLARE_OPERATION'];
const named_max = 100;
/** Bans that end one after the other are taken out together. */
const ends_gather_s: Seconds = 5;

/** Never throws for Cloudflare's failures; they are in the state afterwards. */
export async function runTasks(run: Run): Promise<void> {
  const { state, now, memory } = run;
  try {
    if (state.waitUntil !== null && now < state.waitUntil) return;
    state.waitUntil = null;
    recoverOperation(run);
    const goOn = await guarded(run, async () => {
      for (const task of tasks) await task(run);
    });
    if (goOn) await guarded(run, () => seeToRules(run));
  } finally {
    if (state.operation === null) summarise(run, difference(run));
    memory.save();
  }
}

/** What has ended is counted at once: until the step's own end, status() would tell of the time before it. */
async function followOperation(run: Run): Promise<void> {
  const before = run.state.operation;
  await pollOperation(run);
  if (before !== null && run.state.operation === null) summarise(run, difference(run));
}

/** Finds and reads the list; false if that failed, as the state says. */
export async function readOnly(run: Run): Promise<boolean> {
  const { state, now, memory } = run;
  try {
    if (state.waitUntil !== null && now < state.waitUntil) return false;
    state.waitUntil = null;
    await guarded(run, async () => {
      await findList(run);
      await readItems(run);
    });
    return state.error === null && state.waitUntil === null && state.readAt === now;
  } finally {
    memory.save();
  }
}

/** Runs one part; false if what failed there speaks against the next part too. */
async function guarded(run: Run, part: () => Promise<void>): Promise<boolean> {
  try {
    await part();
    if (run.state.operation === null && run.state.waitUntil === null) recovered(run);
    return true;
  } catch (error) {
    if (error instanceof Pause) {
      run.state.waitUntil = Math.max(error.until, run.state.waitUntil ?? 0);
      return false;
    }
    if (!(error instanceof CloudflareFailure)) throw error;
    setBack(run, error);
    return listOnly.includes(error.code) && run.state.list !== null;
  }
}

function setBack(run: Run, failure: CloudflareFailure): void {
  const { state, now } = run;
  const known = state.error?.code === failure.code ? state.error : null;
  state.failures = known === null ? 1 : state.failures + 1;
  state.waitUntil = now + delayAfter(failure, state.failures);
  state.error = { code: failure.code, message: failure.message, since: known?.since ?? now };
  if (failure.code === 'ERR_CLOUDFLARE_GONE') forgetList(run);
  if (known === null)
    run.parts.log(`Cloudflare: ${failure.message}; next try in ${Math.ceil(state.waitUntil - now)} s`);
}

/** Somebody removed a list: another of its name is found or made, and read. No rule can have named it any more. */
function forgetList(run: Run): void {
  run.state.list = null;
  if (run.state.challenge !== null) run.state.challenge.id = null;
  lookAgain(run.state, run.now);
  for (const rule of Object.values(run.state.rules)) rule.due = Math.min(rule.due, run.now);
}

function recovered(run: Run): void {
  if (run.state.error !== null) run.parts.log('Cloudflare: back in order');
  run.state.error = null;
  run.state.failures = 0;
}

function summarise(run: Run, found: Difference): void {
  run.state.challenged = named(found.challenged);
  run.state.summary = {
    wanted: found.wanted,
    missing: found.append.length,
    surplus: found.remove.length,
    ours: found.ours.block,
    others: found.others.block,
    challengeOurs: found.ours.challenge,
    challengeOthers: found.others.challenge,
    leftOut: named(found.leftOut),
    foreign: named(found.foreign),
    refused: named(found.refused),
    unfit: named(found.unfit),
  };
}

function named(addresses: readonly string[]): { count: number; addresses: string[] } {
  return { count: addresses.length, addresses: addresses.slice(0, named_max) };
}

/** When the next step is due, if nothing else happens before. */
export function nextTime(run: Run): UnixTime | null {
  const { state, now } = run;
  if (state.waitUntil !== null) return state.waitUntil;
  const ends = run.wanted.flatMap(({ until }) => (until !== null && until > now ? [until] : []));
  const firstEnd = ends.reduce((first, end) => Math.min(first, end), Number.POSITIVE_INFINITY) + ends_gather_s;
  const listTime = state.operation?.due ?? nextReading(state, now);
  const rest = Math.min(nextTurn(state.setAside, now), nextRuleTime(run));
  return Math.max(now, Math.min(listTime, run.later, firstEnd, rest));
}

/** Until when new bans change nothing: they come along with what is under way. */
export function waitsUntil(state: State): UnixTime | null {
  if (state.operation !== null) return Math.max(state.operation.due, state.waitUntil ?? 0);
  if (state.readAt === null || state.doubts.length > 0) return state.waitUntil;
  return Math.max(gatheredAt(state), state.waitUntil ?? 0);
}
