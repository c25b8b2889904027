/** The fake's Rulesets: the entry point of a zone's custom WAF rules, rule by rule, with the plan's cap. */
import { namesIn } from './lists.ts';
import { granted, Refusal, type Reply } from './reply.ts';
import type { Rule, StoredRuleset } from './state.ts';
import { type Asked, newId, objectOf, stamp, textOf, type World } from './world.ts';

export const phase = 'http_request_firewall_custom';
const actions = ['block', 'managed_challenge', 'js_challenge', 'challenge', 'skip'];
const ruleFields = ['id', 'ref', 'action', 'expression', 'description', 'enabled', 'action_parameters'];

export function entrypoint(world: World, asked: Asked): Reply {
  requirePhase(asked.params['phase']);
  return granted(ofZone(world, asked));
}

export function zoneRulesets(world: World, asked: Asked): Reply {
  const stored = world.state.rulesets[asked.params['zone'] ?? ''];
  if (stored === undefined) return granted([]);
  const { rules: _, ...summary } = stored;
  return granted([summary]);
}

export function oneRuleset(world: World, asked: Asked): Reply {
  return granted(byId(world, asked));
}

export function createRuleset(world: World, asked: Asked): Reply {
  const body = objectOf(asked.body, ['name', 'kind', 'phase', 'description', 'rules']);
  requirePhase(body['phase']);
  if (body['kind'] !== 'zone') throw new Refusal(400, 20217, "only 'zone' is a valid value for kind");
  const name = textOf(body['name'], 'name', 100);
  if (world.state.rulesets[asked.params['zone'] ?? ''] !== undefined) {
    const message = `'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase ${phase}`;
    throw new Refusal(400, 20217, message);
  }
  const rules = newRules(world, body['rules'] ?? []);
  const description = textOf(body['description'] ?? '', 'description', 500);
  const last_updated = stamp(world.now());
  return store(world, asked, {
    id: newId(),
    name,
    description,
    kind: 'zone',
    phase,
    version: '1',
    last_updated,
    rules,
  });
}

/** PUT on the entry point or the ruleset replaces every rule there is: real, and why edgeban never does it. */
export function replaceRuleset(world: World, asked: Asked): Reply {
  if (asked.params['phase'] !== undefined) requirePhase(asked.params['phase']);
  const body = objectOf(asked.body, ['name', 'kind', 'phase', 'description', 'rules']);
  const stored = world.state.rulesets[asked.params['zone'] ?? ''];
  if (stored === undefined)
    return createRuleset(world, { ...asked, body: { name: 'default', kind: 'zone', phase, ...body } });
  return store(world, asked, changed(world, stored, newRules(world, body['rules'] ?? [])));
}

export function addRule(world: World, asked: Asked): Reply {
  const stored = byId(world, asked);
  const { position, ...fields } = objectOf(asked.body, [...ruleFields, 'position']);
  const rule = newRule(world, fields);
  const rules = placed(stored.rules, rule, position);
  requireRoom(world, rules);
  return store(world, asked, changed(world, stored, rules));
}

/** The fields that are given replace the rule's own. */
export function patchRule(world: World, asked: Asked): Reply {
  const stored = byId(world, asked);
  const rule = findRule(stored, asked);
  const { position, ...fields } = objectOf(asked.body, [...ruleFields, 'position']);
  const { last_updated: _, version, ...kept } = rule;
  const next = { ...newRule(world, { ...kept, ...fields }), id: rule.id, version: String(Number(version) + 1) };
  const others = stored.rules.filter((each) => each !== rule);
  const same = stored.rules.map((each) => (each === rule ? next : each));
  return store(world, asked, changed(world, stored, position === undefined ? same : placed(others, next, position)));
}

export function deleteRule(world: World, asked: Asked): Reply {
  const stored = byId(world, asked);
  const rule = findRule(stored, asked);
  const left = stored.rules.filter((each) => each !== rule);
  return store(world, asked, changed(world, stored, left));
}

/** A rule as Cloudflare would keep it, or its refusal. */
export function newRule(world: World, value: unknown): Rule {
  const body = objectOf(value, ruleFields);
  const action = textOf(body['action'], 'action', 50);
  if (!actions.includes(action)) throw new Refusal(400, 20016, `'${action}' is not a valid value for action`);
  const expression = textOf(body['expression'], 'expression', 4096);
  requireExpression(world, expression);
  const enabled = body['enabled'] ?? true;
  if (typeof enabled !== 'boolean') throw new Refusal(400, 20020, 'enabled must be a boolean');
  const id = newId();
  const ref = textOf(body['ref'] ?? id, 'ref', 100);
  const description = textOf(body['description'] ?? '', 'description', 500);
  const rule = { id, version: '1', last_updated: stamp(world.now()), ref, action, expression, enabled, description };
  const parameters = body['action_parameters'];
  return parameters === undefined ? rule : { ...rule, action_parameters: objectOf(parameters, parametersOf(action)) };
}

function parametersOf(action: string): readonly string[] {
  return action === 'skip' ? ['ruleset', 'phases', 'products'] : ['response'];
}

function newRules(world: World, value: unknown): Rule[] {
  if (!Array.isArray(value)) throw new Refusal(400, 20001, 'rules must be an array');
  const rules = value.map((each: unknown) => newRule(world, each));
  requireRoom(world, rules);
  return rules;
}

function requireRoom(world: World, rules: readonly Rule[]): void {
  const { rules_max } = world.options.limits;
  if (rules.length <= rules_max) return;
  const message = `exceeded maximum number of rules in the phase ${phase}: ${rules.length} out of ${rules_max}`;
  throw new Refusal(400, 20155, message);
}

function requireExpression(world: World, expression: string): void {
  const balanced = expression.split('(').length === expression.split(')').length;
  if (expression.trim() === '' || !balanced) throw new Refusal(400, 20127, 'the expression does not parse');
  for (const name of namesIn(expression)) {
    if (!world.state.lists.some((list) => list.name === name)) {
      throw new Refusal(400, 20118, `the list named "$${name}" does not exist`);
    }
  }
}

/** `index` counts from 1; `before` and `after` name a rule, and empty ones mean the start and the end. */
function placed(rules: readonly Rule[], rule: Rule, position: unknown): Rule[] {
  if (position === undefined) return [...rules, rule];
  const where = objectOf(position, ['index', 'before', 'after']);
  const index = indexOf(rules, where);
  if (index < 0 || index > rules.length) throw new Refusal(400, 20131, 'invalid rule position');
  return [...rules.slice(0, index), rule, ...rules.slice(index)];
}

function indexOf(rules: readonly Rule[], where: Readonly<Record<string, unknown>>): number {
  const { index, before, after } = where;
  if (Object.keys(where).length !== 1) return -1;
  if (typeof index === 'number' && Number.isInteger(index)) return index - 1;
  if (before === '') return 0;
  if (after === '') return rules.length;
  const named = rules.findIndex((rule) => rule.id === (before ?? after));
  if (named < 0) return -1;
  return before === undefined ? named + 1 : named;
}

function changed(world: World, stored: StoredRuleset, rules: readonly Rule[]): StoredRuleset {
  return { ...stored, rules, version: String(Number(stored.version) + 1), last_updated: stamp(world.now()) };
}

/** `dry_run=true` checks everything and keeps nothing. */
function store(world: World, asked: Asked, ruleset: StoredRuleset): Reply {
  if (asked.query.get('dry_run') === 'true') return granted(null);
  world.state.rulesets[asked.params['zone'] ?? ''] = ruleset;
  return granted(ruleset);
}

function ofZone(world: World, asked: Asked): StoredRuleset {
  const stored = world.state.rulesets[asked.params['zone'] ?? ''];
  if (stored === undefined) throw new Refusal(404, 10003, `could not find entrypoint ruleset in the ${phase} phase`);
  return stored;
}

function byId(world: World, asked: Asked): StoredRuleset {
  const stored = world.state.rulesets[asked.params['zone'] ?? ''];
  if (stored === undefined || stored.id !== asked.params['ruleset']) {
    throw new Refusal(404, 10001, 'could not find ruleset');
  }
  return stored;
}

function findRule(stored: StoredRuleset, asked: Asked): Rule {
  const rule = stored.rules.find((each) => each.id === asked.params['rule']);
  if (rule === undefined) throw new Refusal(404, 10002, 'could not find rule');
  return rule;
}

function requirePhase(value: unknown): void {
  if (value !== phase) throw new Refusal(400, 20002, `phase ${String(value)} is not available here`);
}
