/** What a test or the demo does to the fake behind Cloudflare's back: seed, break, heal, look. */
import { z } from 'zod';
import { addAccessRule } from './access-rules.ts';
import { addList, removeList } from './lists.ts';
import { merge, settleOperations } from './operations.ts';
import { newRule, phase } from './rulesets.ts';
import type { AccessRule, Item, Rule, State } from './state.ts';
import { newId, stamp, type World } from './world.ts';

export const FaultInput = z.strictObject({
  kind: z.enum([
    '302',
    '400',
    '429',
    '500',
    '503',
    'html-429',
    'false-200',
    'null-200',
    'hang',
    'cut-before',
    'cut-after',
    'hang-after',
  ]),
  count: z.number().int().min(1).max(10_000).default(1),
  methods: z.array(z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])).default([]),
  retry_after: z.number().nullable().default(null),
});
const Items = z.strictObject({
  list: z.string(),
  items: z.array(z.strictObject({ ip: z.string(), comment: z.string().optional() })).max(20_000),
});
const Rules = z.strictObject({ zone: z.string(), rules: z.array(z.record(z.string(), z.unknown())) });
const AccessRules = z.strictObject({
  /** Of the account, if there is no zone. */
  zone: z.string().optional(),
  rules: z.array(
    z.strictObject({
      target: z.enum(['ip', 'ip6', 'ip_range', 'asn', 'country']),
      value: z.string(),
      mode: z.enum(['block', 'challenge', 'whitelist', 'js_challenge', 'managed_challenge']).default('block'),
      notes: z.string().default(''),
    }),
  ),
});
const AccessEdit = z.strictObject({
  value: z.string(),
  mode: z.enum(['block', 'challenge', 'whitelist', 'js_challenge', 'managed_challenge']).optional(),
  notes: z.string().optional(),
});
const Settings = z.strictObject({
  latency_ms: z.number().min(0).optional(),
  operation_ms: z.number().min(0).optional(),
  frozen: z.boolean().optional(),
  v6: z.enum(['kept', 'long']).optional(),
  none: z.enum(['empty', 'null']).optional(),
});
const Fates = z.strictObject({ fates: z.array(z.enum(['done', 'failed', 'stuck', 'forgotten', 'dropped'])) });
const Named = z.strictObject({ name: z.string() });
const Ranges = z.strictObject({ ipv4_cidrs: z.array(z.string()), ipv6_cidrs: z.array(z.string()) });
const RouteOf = z.strictObject({ zone: z.string(), pattern: z.string(), script: z.string() });
const RuleOf = z.strictObject({ zone: z.string(), ref: z.string() });

export interface Seen {
  readonly at_ms: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly codes: readonly number[];
  /** The first 2,000 characters of the request's body. */
  readonly body: string;
}

export type Control = ReturnType<typeof createControl>;

/** Words that look at lists or change them first let end what had its time, as if Cloudflare had worked on while nobody asked. */
export function createControl(world: World, journal: readonly Seen[]) {
  return { ...seeding(world), ...meddling(world), ...weather(world), ...looking(world, journal) };
}

/** What other tools and people put there. */
function seeding(world: World) {
  const { state } = world;
  const at = () => stamp(world.now());
  return {
    /** Puts items into a list as another tool or a person would; makes the list if it is not there. */
    seedItems: (input: z.input<typeof Items>) => {
      const { list: name, items } = Items.parse(input);
      settleOperations(world);
      const list = state.lists.find((each) => each.name === name) ?? addList(world, name, '');
      const added = items.map(({ ip, comment }) => (comment === undefined ? { ip } : { ip, comment }));
      state.items[list.id] = merge(world, state.items[list.id] ?? [], added);
    },
    removeItems: (input: { readonly list: string; readonly ips: readonly string[] }) => {
      settleOperations(world);
      const id = idOf(state, input.list);
      state.items[id] = (state.items[id] ?? []).filter((item) => !input.ips.includes(item.ip));
    },
    seedAccessRules: (input: z.input<typeof AccessRules>) => {
      const { zone, rules } = AccessRules.parse(input);
      const scope: AccessRule['scope'] =
        zone === undefined ? { type: 'organization', id: world.options.account } : { type: 'zone', id: zone };
      for (const { mode, notes, ...configuration } of rules) addAccessRule(world, scope, mode, configuration, notes);
    },
    /** A route to another tool's Worker. */
    seedRoute: (input: z.input<typeof RouteOf>) => {
      state.workerRoutes.push({ id: newId(), ...RouteOf.parse(input) });
    },
    /** Adds rules at the end of a zone's entry point, which is made if it is not there. */
    seedRules: (input: z.input<typeof Rules>) => {
      const { zone, rules } = Rules.parse(input);
      const base = { id: newId(), name: 'default', kind: 'zone' as const, phase, version: '1', rules: [] };
      const stored = state.rulesets[zone] ?? { ...base, last_updated: at() };
      const added = rules.map((rule) => newRule(world, rule));
      state.rulesets[zone] = { ...stored, rules: [...stored.rules, ...added] };
    },
  };
}

/** What a person does by hand, and should not. */
function meddling(world: World) {
  const { state } = world;
  return {
    removeAccessRules: (input: { readonly values: readonly string[] }) => {
      state.accessRules = state.accessRules.filter(
        ({ configuration }) => !input.values.includes(configuration.value ?? ''),
      );
    },
    editAccessRule: (input: z.input<typeof AccessEdit>) => {
      const { value, mode, notes } = AccessEdit.parse(input);
      state.accessRules = state.accessRules.map((rule) =>
        rule.configuration.value === value ? { ...rule, mode: mode ?? rule.mode, notes: notes ?? rule.notes } : rule,
      );
    },
    deleteRule: (input: z.input<typeof RuleOf>) => {
      const { zone, ref } = RuleOf.parse(input);
      editRules(state, zone, (rules) => rules.filter((rule) => rule.ref !== ref));
    },
    disableRule: (input: z.input<typeof RuleOf>) => {
      const { zone, ref } = RuleOf.parse(input);
      editRules(state, zone, (rules) => rules.map((rule) => (rule.ref === ref ? { ...rule, enabled: false } : rule)));
    },
    enableRule: (input: z.input<typeof RuleOf>) => {
      const { zone, ref } = RuleOf.parse(input);
      editRules(state, zone, (rules) => rules.map((rule) => (rule.ref === ref ? { ...rule, enabled: true } : rule)));
    },
    /** The list is gone, as the real one could only be if the rule had gone first. */
    loseList: (input: z.input<typeof Named>) => {
      settleOperations(world);
      removeList(world, idOf(state, Named.parse(input).name));
    },
    revokeToken: (input: z.input<typeof Named>) => {
      state.revoked = [...new Set([...state.revoked, Named.parse(input).name])];
    },
    restoreToken: (input: z.input<typeof Named>) => {
      state.revoked = state.revoked.filter((name) => name !== Named.parse(input).name);
    },
  };
}

/** How unkind the API is. */
function weather(world: World) {
  const { state } = world;
  return {
    set: (input: z.input<typeof Settings>) => {
      const { latency_ms, operation_ms, frozen, v6, none } = Settings.parse(input);
      state.latency_ms = latency_ms ?? state.latency_ms;
      state.operation_ms = operation_ms ?? state.operation_ms;
      state.frozen = frozen ?? state.frozen;
      state.v6 = v6 ?? state.v6;
      state.none = none ?? state.none;
    },
    /** What `/ips` tells from now on. */
    setRanges: (input: z.input<typeof Ranges>) => {
      state.ranges = Ranges.parse(input);
    },
    /** The next `count` requests are treated so. */
    fault: (input: z.input<typeof FaultInput>) => {
      const { kind, count, methods, retry_after } = FaultInput.parse(input);
      state.faults.push({ kind, left: count, methods, retry_after });
    },
    /** What becomes of the next bulk operations, in order. */
    nextOperations: (input: z.input<typeof Fates>) => {
      state.fates.push(...Fates.parse(input).fates);
    },
    /** Lets operations that were stuck go on. */
    releaseOperations: () => {
      for (const operation of state.operations) if (operation.fate === 'stuck') operation.fate = 'done';
    },
    clearFaults: () => {
      state.faults = [];
      state.fates = [];
    },
  };
}

/** What there is, and what was asked. */
function looking(world: World, journal: readonly Seen[]) {
  const { state } = world;
  return {
    state: (): State => {
      settleOperations(world);
      return structuredClone(state);
    },
    journal: (): readonly Seen[] => [...journal],
    items: (name: string): readonly Item[] => {
      settleOperations(world);
      return state.items[idOf(state, name)] ?? [];
    },
    /** Of a zone or, by its id, of the account. */
    accessRules: (scope: string): readonly AccessRule[] => state.accessRules.filter((rule) => rule.scope.id === scope),
    rules: (zone: string): readonly Rule[] => state.rulesets[zone]?.rules ?? [],
  };
}

function idOf(state: State, name: string): string {
  return state.lists.find((list) => list.name === name)?.id ?? '';
}

function editRules(state: State, zone: string, edit: (rules: readonly Rule[]) => readonly Rule[]): void {
  const stored = state.rulesets[zone];
  if (stored !== undefined) state.rulesets[zone] = { ...stored, rules: edit(stored.rules) };
}
