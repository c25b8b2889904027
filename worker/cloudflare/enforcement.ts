/** Keeps one Cloudflare list and one WAF rule per zone equal to what the ledger wants: a step at a time, across crashes. */
import { EdgebanError } from '../../shared/errors.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Enforcement, EnforcementParts, EnforcementStatus, RuleStatus, Wanted } from './contract.ts';
import { openMemory } from './memory.ts';
import { createRun } from './run.ts';
import { nextTime, runTasks } from './tasks.ts';

export type {
  Enforcement,
  EnforcementParts,
  EnforcementSettings,
  EnforcementStatus,
  Fetch,
  RuleStatus,
  Wanted,
} from './contract.ts';

/** Throws ERR_SETTINGS for settings that cannot be used; makes its tables if they are not there. */
export function createEnforcement(parts: EnforcementParts): Enforcement {
  checkSettings(parts);
  const memory = openMemory(parts.sql, parts.settings);
  let running = false;

  async function step(wanted: readonly Wanted[], now: UnixTime): Promise<{ again: UnixTime | null }> {
    if (running) return { again: now + 1 };
    running = true;
    try {
      const run = createRun(parts, memory, wanted, now);
      await runTasks(run);
      return { again: nextTime(run) };
    } finally {
      running = false;
    }
  }

  function status(now: UnixTime): EnforcementStatus {
    const { state } = memory;
    const { ours, others, ...counts } = state.summary;
    const rules = parts.settings.zoneIds.map((zone) => ruleStatus(zone, state.rules[zone]));
    const { waitUntil, operation, readAt } = state;
    return {
      inStep: isInStep(state) && rules.every((rule) => rule.rule !== null && rule.enabled && rule.error === null),
      list: { name: parts.settings.listName, id: state.list, ours, foreign: others },
      ...counts,
      operation: operation === null ? null : { kind: operation.kind, items: operation.items, since: operation.since },
      rules,
      error: state.error,
      waitUntil: waitUntil !== null && waitUntil > now ? waitUntil : null,
      reconciledAt: readAt,
    };
  }

  return { step, status };
}

function isInStep(state: ReturnType<typeof openMemory>['state']): boolean {
  const { readAt, operation, doubts, error, summary } = state;
  const settled = readAt !== null && operation === null && doubts.length === 0 && error === null;
  return settled && summary.missing === 0 && summary.surplus === 0;
}

type RuleMemory = ReturnType<typeof openMemory>['state']['rules'][string];

function ruleStatus(zone: string, known: RuleMemory | undefined): RuleStatus {
  if (known === undefined) return { zone, rule: null, enabled: false, first: false, error: null };
  const { rule, enabled, first, error } = known;
  return { zone, rule, enabled, first, error };
}

const shapes = {
  apiBase: /^https?:\/\/[^\s?#]+[^\s/?#]$/,
  accountId: /^[A-Za-z0-9]{1,64}$/,
  listName: /^[a-z0-9_]{1,50}$/,
  token: /^[\x21-\x7e]{8,500}$/,
} as const;

function checkSettings({ settings }: EnforcementParts): void {
  for (const name of Object.keys(shapes) as (keyof typeof shapes)[]) {
    if (!shapes[name].test(settings[name])) throw unusable(name);
  }
  if (!/^[a-z0-9-]{1,32}$/.test(settings.instance ?? 'main')) throw unusable('instance');
  if (settings.zoneIds.length > 50 || !settings.zoneIds.every((zone) => shapes.accountId.test(zone)))
    throw unusable('zoneIds');
}

/** Names the setting, never its value: one of them is a secret. */
function unusable(name: string): EdgebanError {
  const remedy =
    'set CLOUDFLARE_API_BASE, CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_ZONE_IDS, LIST_NAME and CLOUDFLARE_API_TOKEN';
  return new EdgebanError('ERR_SETTINGS', `${name} of Cloudflare cannot be used`, { remedy });
}
