/** One look now and then at each zone's rule; a zone that fails waits by itself and holds up nothing else. */
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { CloudflareFailure } from './failure.ts';
import type { Run } from './run.ts';
import type { RuleMemory } from './schema.ts';
import { delayAfter } from './setback.ts';
import { awaitsList, rulesFor, type Slot, slotsOf } from './slots.ts';
import { challengeRefOf, ensureRule, type RuleAim, rule_calls_max, ruleRefOf } from './waf-rule.ts';

/** How often a rule is looked at, that somebody may have taken away; so seldom that it takes 50 calls in five minutes. */
const look_s: Seconds = 120;
const look_each_s: Seconds = 6;

function lookEvery(slots: number): Seconds {
  return Math.max(look_s, slots * look_each_s);
}

export async function seeToRules(run: Run): Promise<void> {
  for (const slot of slotsOf(run.parts.settings, run.state)) {
    if (dueOf(run, slot) > run.now) continue;
    run.reserve(rule_calls_max);
    await seeToRule(run, slot);
  }
}

async function seeToRule(run: Run, slot: Slot): Promise<void> {
  const { state, now, client, parts } = run;
  const { zone } = slot;
  const rules = rulesFor(state, slot);
  const before = rules[zone];
  try {
    const { settled, ...rule } = await ensureRule(client, zone, () => aimOf(parts, slot, rules[zone]));
    const { waiting = false } = rules[zone] ?? {};
    // a switch that came meanwhile may have been undone by what was under way
    const isSeenTo = settled && rules[zone] === before;
    const due = isSeenTo ? now + lookEvery(slotsOf(parts.settings, state).length) : now;
    rules[zone] = { ...rule, waiting, error: null, failures: 0, due };
    if (before?.rule !== rule.rule) parts.log(`Cloudflare: the rule of zone ${zone} is ${rule.rule}`);
    if (!rule.enabled && !rule.lifted && before?.enabled !== false)
      parts.log(`Cloudflare: the rule of zone ${zone} is switched off`);
  } catch (error) {
    if (!(error instanceof CloudflareFailure) || error.code === 'ERR_CLOUDFLARE_RATE') throw error;
    rules[zone] = failedRule(before, error, now);
    if (before?.error?.code !== error.code) parts.log(`Cloudflare: zone ${zone}: ${error.message}`);
  }
}

/** What the rule is to be like at this moment. */
export function aimOf({ stance, settings }: Run['parts'], { action }: Slot, known: RuleMemory | undefined): RuleAim {
  const { panic, brake } = stance?.() ?? { panic: false, brake: false };
  // one that was on when the panic came is off by it, also where Cloudflare's answer was lost
  const lifted = known?.lifted === true || (panic && known?.enabled === true);
  const standing = { panic, brake, action, lifted };
  const ref = ruleRefOf(settings.instance);
  if (action === 'block') return { ...standing, ref, after: null, list: settings.listName };
  const list = settings.challengeListName ?? '';
  return { ...standing, ref: challengeRefOf(settings.instance), after: ref, list };
}

export function unknownRule(due: UnixTime): RuleMemory {
  const nothing = { ruleset: null, rule: null, enabled: false, first: false, lifted: false, waiting: false };
  return { ...nothing, error: null, due, failures: 0 };
}

export function failedRule(before: RuleMemory | undefined, failure: CloudflareFailure, now: UnixTime): RuleMemory {
  const { code, message } = failure;
  const same = before?.error?.code === code ? before : null;
  const failures = (same?.failures ?? 0) + 1;
  const since = same?.error?.since ?? now;
  const known = before ?? unknownRule(now);
  return { ...known, error: { code, message, since }, failures, due: now + delayAfter(failure, failures) };
}

export function nextRuleTime(run: Run): UnixTime {
  return slotsOf(run.parts.settings, run.state).reduce(
    (first, slot) => Math.min(first, dueOf(run, slot)),
    Number.POSITIVE_INFINITY,
  );
}

function dueOf({ state }: Run, slot: Slot): UnixTime {
  if (awaitsList(state, slot)) return Number.POSITIVE_INFINITY;
  return rulesFor(state, slot)[slot.zone]?.due ?? 0;
}
