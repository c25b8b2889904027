/** Making, taking away and noting anew the rules of a scope, one call each; what is refused is set aside. */
import { formatPrefix } from '../../../shared/address.ts';
import type { Seconds } from '../../../shared/time.ts';
import { CloudflareFailure } from '../failure.ts';
import { setAside } from '../set-aside.ts';
import { doubtsFrom } from '../setback.ts';
import type { Scope } from './api.ts';
import type { RuleMemory, ScopeState } from './memory.ts';
import type { NewRule, Plan } from './plan.ts';
import { memoryOf, readRules } from './read.ts';
import { planOf, type Run } from './run.ts';

/** Before a rule is taken away or changed, the reading may be so old: somebody may have made it his own since. */
const reading_before_change_s_max: Seconds = 30;
const notes_refused_s: Seconds = 3600;
const gone_look_s: Seconds = 30;
/** So many refusals in one step speak against going on (no room, no permission). */
const refusals_per_step_max = 5;
/** `firewallaccessrules.api.duplicate_of_existing` */
const duplicate_code = 10009;

interface Job {
  readonly address: string;
  readonly run: () => Promise<void>;
}

export async function changeRules(run: Run, scope: Scope): Promise<void> {
  const state = run.memory.scope(scope);
  let plan = planOf(run, scope);
  const touches = plan.remove.length > 0 || plan.change.length > 0 || (plan.renote.length > 0 && mayNote(run, state));
  if (touches && run.now - (state.readAt ?? 0) > reading_before_change_s_max) {
    await readRules(run, scope);
    plan = planOf(run, scope);
  }
  const jobs = jobsOf(run, scope, plan);
  if (jobs.length === 0) return;
  state.changing = true;
  run.memory.save();
  try {
    await doAll(run, scope, jobs);
  } finally {
    state.changing = false;
  }
}

/** New bans, ended ones and changed ones in turn: none waits for the others when there are many. Old ends come last. */
function jobsOf(run: Run, scope: Scope, plan: Plan): Job[] {
  const state = run.memory.scope(scope);
  const creations = plan.create.map((rule) => ({ address: rule.address, run: () => create(run, scope, rule) }));
  const removals = plan.remove.map((rule) => ({ address: rule.address, run: () => remove(run, scope, rule) }));
  const notes = plan.renote.map(({ rule, notes }) => ({
    address: rule.address,
    run: () => renote(run, scope, rule, notes),
  }));
  const changes = plan.change.map(({ rule, next }) => ({
    address: rule.address,
    run: () => change(run, scope, rule, next),
  }));
  const turns = Array.from({ length: Math.max(changes.length, creations.length, removals.length) }, (_, n) =>
    [changes, removals, creations].flatMap((jobs) => jobs.slice(n, n + 1)),
  );
  return [...turns.flat(), ...(mayNote(run, state) ? notes : [])];
}

async function doAll(run: Run, scope: Scope, jobs: readonly Job[]): Promise<void> {
  let refusals = 0;
  for (const job of jobs) {
    try {
      await job.run();
    } catch (error) {
      if (!(error instanceof CloudflareFailure)) throw error;
      const state = run.memory.scope(scope);
      if (error.outcome === 'unknown') state.doubts = doubtsFrom(run.now);
      if (error.code !== 'ERR_CLOUDFLARE_REFUSED') throw error;
      state.setAside = setAside(state.setAside, job.address, run.now);
      refusals += 1;
      if (refusals >= refusals_per_step_max) throw error;
    }
  }
}

async function create(run: Run, scope: Scope, rule: NewRule): Promise<void> {
  const { api, memory, now } = run;
  const { address, action, notes, prefix } = rule;
  try {
    const id = await api.create(scope, { address: prefix, value: formatPrefix(prefix), action, notes });
    memory.put(scope, { id, address, notes, action, mine: true, seenAt: now });
  } catch (error) {
    if (!(error instanceof CloudflareFailure) || !error.codes.includes(duplicate_code)) throw error;
    if (!(await recognise(run, scope, address))) throw error;
  }
}

/** There is a rule for the address: ours, whose making nobody remembers, or somebody else's. False if it cannot be found. */
async function recognise(run: Run, scope: Scope, address: string): Promise<boolean> {
  const { api, memory, now, parts } = run;
  const found = (await api.lookUp(scope, address)).flatMap((rule) => memoryOf(run, rule, now) ?? []);
  const rule = found.find(({ mine }) => mine) ?? found[0];
  if (rule === undefined) return false;
  memory.put(scope, rule);
  if (!rule.mine) parts.log(`Cloudflare: ${address} has a rule of somebody else's, which is left alone`);
  return true;
}

/** One that Cloudflare says is not there is looked for once more: a rule that nobody remembers would stay for ever. */
async function remove(run: Run, scope: Scope, { id }: RuleMemory): Promise<void> {
  const gone = await unlessGone(() => run.api.remove(scope, id));
  run.memory.drop(scope, id);
  if (!gone) return;
  const state = run.memory.scope(scope);
  if (state.doubts.length === 0) state.doubts = [run.now + gone_look_s];
}

async function change(run: Run, scope: Scope, rule: RuleMemory, { action, notes }: NewRule): Promise<void> {
  const { api, memory, now } = run;
  const gone = await unlessGone(() => api.change(scope, rule.id, action, notes));
  if (gone) memory.drop(scope, rule.id);
  else memory.put(scope, { ...rule, action, notes, seenAt: now });
}

async function renote(run: Run, scope: Scope, rule: RuleMemory, notes: string): Promise<void> {
  const { api, memory, now, parts } = run;
  const state = memory.scope(scope);
  if (!mayNote(run, state)) return;
  try {
    const gone = await unlessGone(() => api.note(scope, rule.id, notes));
    if (gone) memory.drop(scope, rule.id);
    else memory.put(scope, { ...rule, notes, seenAt: now });
  } catch (error) {
    if (!(error instanceof CloudflareFailure) || error.code !== 'ERR_CLOUDFLARE_REFUSED') throw error;
    parts.log(`Cloudflare: notes keep their old ends: ${error.message}`);
    state.notesAgainAt = now + notes_refused_s;
  }
}

/** Notes are for people and for whoever has lost the ledger: bans go first, and hold without them. */
function mayNote(run: Run, { notesAgainAt }: ScopeState): boolean {
  return run.now >= notesAgainAt && run.atEase();
}

/** True if the rule was not there any more, which Cloudflare tells with 404 or 400. */
async function unlessGone(act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return false;
  } catch (error) {
    if (!(error instanceof CloudflareFailure) || error.outcome === 'unknown') throw error;
    if (error.code === 'ERR_CLOUDFLARE_GONE' || error.message.includes('firewallaccessrules.api.not_found'))
      return true;
    throw error;
  }
}
