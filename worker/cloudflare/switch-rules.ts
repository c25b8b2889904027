/** The switch for all bans at once: every zone's rule is changed in one call, before anything else, over as many invocations as it takes. */
import type { UnixTime } from '../../shared/time.ts';
import { type Client, createClient } from './client.ts';
import type { EnforcementParts, ListSettings } from './contract.ts';
import { CloudflareFailure } from './failure.ts';
import type { Memory } from './memory.ts';
import { calls_per_step_max, spend, timeout_ms_usual } from './run.ts';
import { aimOf, failedRule, unknownRule } from './see-to-rules.ts';
import { rulesFor, type Slot, slotsOf } from './slots.ts';
import { ensureRule, type RuleState, rule_calls_max, switchRule } from './waf-rule.ts';

type Parts = EnforcementParts<ListSettings>;

/** The platform has no more connections open for one invocation. */
const zones_at_once_max = 6;
/** For one rule: the switch, and where it is not where it was, the search. */
const slot_calls_max = 1 + rule_calls_max;

/**
 * The calls are counted in the budget but do not wait for it: Cloudflare allows four times as many. What fails is in the
 * zone's state, and the next steps try it again.
 */
export async function switchRules(parts: Parts, memory: Memory, now: UnixTime, revive: boolean): Promise<void> {
  for (const slot of slotsOf(parts.settings, memory.state)) {
    const rules = rulesFor(memory.state, slot);
    const known = rules[slot.zone] ?? unknownRule(now);
    // whoever has switched it off, it counts as switched off by a panic that is over: steps do what fails here
    rules[slot.zone] = { ...known, lifted: known.lifted || revive, waiting: true, due: now };
  }
  await goOnSwitching(parts, memory, now);
}

/** Is there a rule that the last switch has not come to? */
export function isSwitching(parts: Parts, { state }: Memory): boolean {
  return slotsOf(parts.settings, state).some((slot) => isWaiting(state, slot));
}

function isWaiting(state: Memory['state'], slot: Slot): boolean {
  return rulesFor(state, slot)[slot.zone]?.waiting === true;
}

/** Switches what waits, as far as one invocation may go. */
export async function goOnSwitching(parts: Parts, memory: Memory, now: UnixTime): Promise<void> {
  const slots = slotsOf(parts.settings, memory.state).filter((slot) => isWaiting(memory.state, slot));
  const zones = [...Map.groupBy(slots, ({ zone }) => zone).values()];
  let left = calls_per_step_max;
  const lane = async () => {
    for (;;) {
      const its = zones[0];
      if (its === undefined || left < its.length * slot_calls_max) return;
      zones.shift();
      left -= its.length * slot_calls_max;
      const made = await switchZone(parts, memory, its, now);
      left += its.length * slot_calls_max - made;
    }
  };
  memory.save();
  await Promise.all(Array.from({ length: zones_at_once_max }, lane));
  memory.save();
}

/** One after the other: Cloudflare takes one change of a ruleset at a time. Returns how many calls it took. */
async function switchZone(parts: Parts, memory: Memory, slots: readonly Slot[], now: UnixTime): Promise<number> {
  const { settings, fetch, timeout_ms = timeout_ms_usual } = parts;
  let made = 0;
  const beforeCall = () => {
    made += 1;
    spend(memory.state, 'calls', 1);
  };
  const client = createClient({ base: settings.apiBase, token: settings.token, fetch, timeout_ms, beforeCall });
  for (const slot of slots) await switchSlot(parts, memory, client, slot, now);
  return made;
}

async function switchSlot(parts: Parts, memory: Memory, client: Client, slot: Slot, now: UnixTime): Promise<void> {
  const rules = rulesFor(memory.state, slot);
  const { zone } = slot;
  const known = { ...(rules[zone] ?? unknownRule(now)), waiting: false };
  // nobody else takes it up meanwhile; after a crash a step looks at it
  rules[zone] = known;
  try {
    const { settled: _, ...rule } = await changed(parts, memory, client, slot);
    // looked at by the next step: one that was under way may have undone it
    rules[zone] = { ...known, ...rule, error: null, failures: 0, due: now };
  } catch (error) {
    if (!(error instanceof CloudflareFailure)) throw error;
    rules[zone] = { ...failedRule(rules[zone], error, now), due: now };
    parts.log(`Cloudflare: zone ${zone}: ${error.message}`);
  }
}

/** A rule that we do not know, or that is gone from where it was, is looked for. */
async function changed(parts: Parts, memory: Memory, client: Client, slot: Slot): Promise<RuleState> {
  const { zone } = slot;
  const rules = rulesFor(memory.state, slot);
  const known = rules[zone];
  const aim = () => aimOf(parts, slot, rules[zone]);
  if (known === undefined || known.ruleset === null || known.rule === null) return ensureRule(client, zone, aim);
  const { ruleset, rule, enabled } = known;
  try {
    return await switchRule(client, zone, { ruleset, rule, enabled }, aim());
  } catch (error) {
    if (!(error instanceof CloudflareFailure) || error.code !== 'ERR_CLOUDFLARE_GONE') throw error;
    return ensureRule(client, zone, aim);
  }
}
