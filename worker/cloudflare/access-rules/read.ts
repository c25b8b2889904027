/** Reading a scope's rules that bear our mark, page by page and over several steps where there are many. */
import type { Seconds, UnixTime } from '../../../shared/time.ts';
import { CloudflareFailure } from '../failure.ts';
import { markOf } from '../mark.ts';
import { actionOf, type FoundRule, type Scope } from './api.ts';
import type { Reading, RuleMemory, ScopeState } from './memory.ts';
import type { Run } from './run.ts';

/** How old a reading may become before all is looked at again. */
const reconcile_s: Seconds = 600;
/** A reading that takes longer tells of no one moment any more. */
const reading_s_max: Seconds = 300;
const pages_max = 2_500;
/** Tried one after the other if Cloudflare refuses pages of a size: it does not say how large they may be. */
const page_sizes = [1000, 500, 100, 50, 20];

export async function readIfDue(run: Run, scope: Scope): Promise<void> {
  if (nextReading(run.memory.scope(scope), run.now) <= run.now) await readRules(run, scope);
}

export function nextReading({ readAt, doubts }: ScopeState, now: UnixTime): UnixTime {
  if (readAt === null) return now;
  return Math.min(readAt + reconcile_s, doubts[0] ?? Number.POSITIVE_INFINITY);
}

/** Reads now, whether it is due or not. Throws Pause to go on in the next step. */
export async function readRules(run: Run, scope: Scope): Promise<void> {
  const { memory, now } = run;
  const reading = goOn(memory.readings.get(scope.id), now);
  memory.readings.set(scope.id, reading);
  while (!(await readPage(run, scope, reading))) {
    if (reading.page > pages_max) throw tooMany();
  }
  memory.readings.delete(scope.id);
  takeIn(run, scope, reading.rules);
  const state = memory.scope(scope);
  state.readAt = now;
  state.doubts = state.doubts.filter((at) => at > now);
}

function goOn(reading: Reading | undefined, now: UnixTime): Reading {
  const isYoung = reading !== undefined && now - reading.began <= reading_s_max;
  return isYoung ? reading : { page: 1, began: now, rules: new Map() };
}

/** True if it was the last. */
async function readPage(run: Run, scope: Scope, reading: Reading): Promise<boolean> {
  const { api, memory, instance, now } = run;
  try {
    const { rules, last } = await api.page(scope, markOf(instance), reading.page, memory.state.per_page);
    for (const rule of rules) {
      const known = memoryOf(run, rule, now);
      if (known?.mine) reading.rules.set(rule.id, known);
    }
    reading.page += 1;
    return last;
  } catch (error) {
    if (error instanceof CloudflareFailure && error.code === 'ERR_CLOUDFLARE_REFUSED') smallerPages(run, scope);
    throw error;
  }
}

function smallerPages({ memory }: Run, scope: Scope): void {
  const { state } = memory;
  state.per_page = page_sizes.find((size) => size < state.per_page) ?? state.per_page;
  memory.readings.delete(scope.id);
}

/** Ours is what bears our mark, in our mode, in this very scope; null if it stands in no address's way. */
export function memoryOf({ instance }: Run, rule: FoundRule, now: UnixTime): RuleMemory | null {
  const { id, address, notes, mode, own } = rule;
  if (address === null || !own) return null;
  const action = actionOf(mode);
  const mine = action !== null && notes.startsWith(markOf(instance));
  return { id, address, notes, mine, action: action ?? 'block', seenAt: now };
}

/** Writes only what differs: written rows are what a free plan counts. Others' rules stay until nobody minds them. */
function takeIn({ memory, wanted }: Run, scope: Scope, read: ReadonlyMap<string, RuleMemory>): void {
  for (const { id, mine, address } of [...memory.rules(scope).values()]) {
    if (mine ? !read.has(id) : read.has(id) || !wanted.pieces.has(address)) memory.drop(scope, id);
  }
  for (const rule of read.values()) {
    const known = memory.rules(scope).get(rule.id);
    if (known?.address !== rule.address || known.notes !== rule.notes || known.action !== rule.action)
      memory.put(scope, rule);
  }
}

function tooMany(): CloudflareFailure {
  const facts = { outcome: 'refused', retryAfter: null } as const;
  return new CloudflareFailure('ERR_CLOUDFLARE_ANSWER', 'the access rules have no last page', facts);
}
