/** The switch for all bans at once: every zone's rule is changed in one call, without waiting for a step. */
import type { UnixTime } from '../../shared/time.ts';
import { type Client, createClient } from './client.ts';
import type { EnforcementParts, ListSettings } from './contract.ts';
import { CloudflareFailure } from './failure.ts';
import type { Memory } from './memory.ts';
import { spend, timeout_ms_usual } from './run.ts';
import { aimOf, failedRule, unknownRule } from './see-to-rules.ts';
import { rulesFor, type Slot, slotsOf } from './slots.ts';
import { ensureRule, type RuleState, switchRule } from './waf-rule.ts';

type Parts = EnforcementParts<ListSettings>;

/**
 * The calls are counted in the budget but do not wait for it: Cloudflare allows four times as many. What fails is in the
 * zone's state, and the next steps try it again.
 */
export async function switchRules(parts: Parts, memory: Memory, now: UnixTime, revive: boolean): Promise<void> {
  const { settings, fetch, timeout_ms = timeout_ms_usual } = parts;
  const beforeCall = () => spend(memory.state, 'calls', 1);
  const client = createClient({ base: settings.apiBase, token: settings.token, fetch, timeout_ms, beforeCall });
  const slots = slotsOf(settings, memory.state);
  if (revive) for (const slot of slots) liftOff(memory, slot, now);
  const zones = Map.groupBy(slots, ({ zone }) => zone);
  await Promise.all([...zones.values()].map((its) => switchZone(parts, memory, client, its, now)));
  memory.save();
}

/** Whoever has switched the rule off, it counts as switched off by a panic that is over: steps do what fails here. */
function liftOff(memory: Memory, slot: Slot, now: UnixTime): void {
  const rules = rulesFor(memory.state, slot);
  rules[slot.zone] = { ...(rules[slot.zone] ?? unknownRule(now)), lifted: true };
}

/** One after the other: Cloudflare takes one change of a ruleset at a time. */
async function switchZone(parts: Parts, memory: Memory, client: Client, slots: readonly Slot[], now: UnixTime) {
  for (const slot of slots) await switchSlot(parts, memory, client, slot, now);
}

async function switchSlot(parts: Parts, memory: Memory, client: Client, slot: Slot, now: UnixTime): Promise<void> {
  const rules = rulesFor(memory.state, slot);
  const { zone } = slot;
  try {
    const { settled: _, ...rule } = await changed(parts, memory, client, slot);
    // looked at by the next step: one that was under way may have undone it
    rules[zone] = { ...rule, error: null, failures: 0, due: now };
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
