/** The mode `list`: a Cloudflare list and a WAF rule per zone (two, where challenges have their own) kept equal to what the ledger wants, a step at a time. */
import type { UnixTime } from '../../shared/time.ts';
import { budgetLimits, budgetStatus } from './budget.ts';
import type {
  Enforcement,
  EnforcementParts,
  ListSettings,
  ListStatus,
  RuleStatus,
  Survey,
  Wanted,
} from './contract.ts';
import { markedOnes } from './mark.ts';
import { openMemory } from './memory.ts';
import { createRun } from './run.ts';
import { rulesFor, type Slot, slotsOf } from './slots.ts';
import { goOnSwitching, isSwitching, switchRules } from './switch-rules.ts';
import { nextTime, readOnly, runTasks, waitsUntil } from './tasks.ts';

/** Makes its tables if they are not there. */
export function createListMode(parts: EnforcementParts<ListSettings>): Enforcement {
  const memory = openMemory(parts.sql, parts.settings, parts.calls);

  async function step(wanted: readonly Wanted[], now: UnixTime): Promise<{ again: UnixTime | null }> {
    if (isSwitching(parts, memory)) {
      await goOnSwitching(parts, memory, now);
      return { again: now };
    }
    const run = createRun(parts, memory, wanted, now);
    await runTasks(run);
    return { again: nextTime(run) };
  }

  async function survey(now: UnixTime): Promise<Survey> {
    const read = await readOnly(createRun(parts, memory, [], now));
    if (!read) return { found: null, again: Math.max(now, memory.state.waitUntil ?? now) };
    const items = [...memory.items().values()];
    return { found: items.flatMap((item) => markedOnes([item], parts.settings.instance, item.action)), again: now };
  }

  function status(now: UnixTime): ListStatus {
    const { state } = memory;
    const { ours, others, challengeOurs, challengeOthers, ...counts } = state.summary;
    const rules = slotsOf(parts.settings, state).map((slot) => ruleStatus(slot, rulesFor(state, slot)[slot.zone]));
    const { waitUntil, operation, readAt } = state;
    return {
      mode: 'list',
      inStep: isInStep(state) && rules.every((rule) => rule.rule !== null && rule.enabled && rule.error === null),
      list: { name: parts.settings.listName, id: state.list, ours, foreign: others },
      challengeList: state.challenge && { ...state.challenge, ours: challengeOurs, foreign: challengeOthers },
      ...counts,
      operation: operation === null ? null : { kind: operation.kind, items: operation.items, since: operation.since },
      rules,
      challenged: state.challenged,
      budgets: budgetsOf(state, now),
      error: state.error,
      waitUntil: waitUntil !== null && waitUntil > now ? waitUntil : null,
      reconciledAt: readAt,
    };
  }

  return {
    step,
    survey,
    status,
    former: () => [],
    waitsUntil: () => (isSwitching(parts, memory) ? null : waitsUntil(memory.state)),
    switch: async (now, revive = false) => {
      await switchRules(parts, memory, now, revive);
      return status(now).rules;
    },
  };
}

function budgetsOf({ budgets }: ReturnType<typeof openMemory>['state'], now: UnixTime) {
  const { calls, operations, changes } = budgetLimits;
  return [
    budgetStatus('API calls', budgets.calls, calls, now),
    budgetStatus('list operations', budgets.operations, operations, now),
    budgetStatus('item changes', budgets.changes, changes, now),
  ];
}

function isInStep(state: ReturnType<typeof openMemory>['state']): boolean {
  const { readAt, operation, doubts, error, summary } = state;
  const settled = readAt !== null && operation === null && doubts.length === 0 && error === null;
  return settled && summary.missing === 0 && summary.surplus === 0;
}

type RuleMemory = ReturnType<typeof openMemory>['state']['rules'][string];

function ruleStatus(slot: Slot, known: RuleMemory | undefined): RuleStatus {
  if (known === undefined) return { ...slot, rule: null, enabled: false, first: false, waiting: false, error: null };
  const { rule, enabled, first, waiting, error } = known;
  return { ...slot, rule, enabled, first, waiting, error };
}
