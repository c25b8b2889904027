/** One look now and then at each zone's rule; a zone that fails waits by itself and holds up nothing else. */
import type { UnixTime } from '../../shared/time.ts';
import { CloudflareFailure } from './failure.ts';
import { reconcile_s } from './read-list.ts';
import type { Run } from './run.ts';
import type { RuleMemory } from './schema.ts';
import { delayAfter } from './setback.ts';
import { ensureRule, rule_calls_max } from './waf-rule.ts';

export async function seeToRules(run: Run): Promise<void> {
  if (run.state.list === null) return;
  for (const zone of run.parts.settings.zoneIds) {
    if (dueOf(run, zone) > run.now) continue;
    run.reserve(rule_calls_max);
    await seeToRule(run, zone);
  }
}

async function seeToRule(run: Run, zone: string): Promise<void> {
  const { state, now, client, parts } = run;
  const before = state.rules[zone];
  try {
    const { settled, ...rule } = await ensureRule(client, zone, parts.settings.listName);
    state.rules[zone] = { ...rule, error: null, failures: 0, due: settled ? now + reconcile_s : now };
    if (before?.rule !== rule.rule) parts.log(`Cloudflare: the rule of zone ${zone} is ${rule.rule}`);
    if (!rule.enabled && before?.enabled !== false) parts.log(`Cloudflare: the rule of zone ${zone} is switched off`);
  } catch (error) {
    if (!(error instanceof CloudflareFailure) || error.code === 'ERR_CLOUDFLARE_RATE') throw error;
    state.rules[zone] = failedRule(run, before, error);
    if (before?.error?.code !== error.code) parts.log(`Cloudflare: zone ${zone}: ${error.message}`);
  }
}

function failedRule(run: Run, before: RuleMemory | undefined, failure: CloudflareFailure): RuleMemory {
  const { code, message } = failure;
  const failures = (before?.failures ?? 0) + 1;
  const since = before?.error?.code === code ? before.error.since : run.now;
  const known = before ?? { rule: null, enabled: false, first: false };
  return { ...known, error: { code, message, since }, failures, due: run.now + delayAfter(failure, failures) };
}

export function nextRuleTime(run: Run): UnixTime {
  if (run.state.list === null) return Number.POSITIVE_INFINITY;
  return run.parts.settings.zoneIds.reduce(
    (first, zone) => Math.min(first, dueOf(run, zone)),
    Number.POSITIVE_INFINITY,
  );
}

function dueOf(run: Run, zone: string): UnixTime {
  return run.state.rules[zone]?.due ?? 0;
}
