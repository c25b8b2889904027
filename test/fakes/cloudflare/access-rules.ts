/** The fake's IP Access Rules of the account and of each zone: one by one, unique in their scope, in numbered pages. */
import { isIP } from 'node:net';
import type { AccessRuleListResponse } from 'cloudflare/resources/firewall/access-rules';
import { canonical, isSingle, type Prefix, parsePrefix } from '../../../shared/address.ts';
import { spelling } from './operations.ts';
import { granted, Refusal, type Reply } from './reply.ts';
import type { AccessRule } from './state.ts';
import { type Asked, newId, objectOf, orNull, stamp, textOf, type World } from './world.ts';

const modes = ['block', 'challenge', 'whitelist', 'js_challenge', 'managed_challenge'] as const;
const notes_length_max = 1000;
const page_usual = 20;
const ranges = { 4: [16, 24], 6: [32, 48, 64] } as const;

type Configuration = AccessRule['configuration'];

/** A zone's list shows the account's rules, too. Filters of other names are ignored, as the real ones are. */
export function accessRules(world: World, asked: Asked): Reply {
  const size = positive(asked, 'per_page', page_usual, world.options.limits.access_rules_page_max);
  const page = positive(asked, 'page', 1, Number.MAX_SAFE_INTEGER);
  const found = visible(world, asked).filter((rule) => fits(rule, asked.query));
  const shown = found.slice((page - 1) * size, page * size);
  const total = { total_count: found.length, total_pages: Math.ceil(found.length / size) };
  return granted(orNull(world, shown.map(answered)), { page, per_page: size, count: shown.length, ...total });
}

export function oneAccessRule(world: World, asked: Asked): Reply {
  return granted(answered(find(world, asked)));
}

export function createAccessRule(world: World, asked: Asked): Reply {
  const body = objectOf(asked.body, ['mode', 'configuration', 'notes']);
  if (asked.params['zone'] !== undefined && body['notes'] === undefined) throw wrong('notes is required');
  const notes = textOf(body['notes'] ?? '', 'notes', notes_length_max);
  return granted(answered(addAccessRule(world, scopeOf(asked), modeOf(body['mode']), body['configuration'], notes)));
}

/** Throws Cloudflare's refusal of a duplicate, of a width that rules do not take, of one rule too many. */
export function addAccessRule(
  world: World,
  scope: AccessRule['scope'],
  mode: AccessRule['mode'],
  given: unknown,
  notes: string,
): AccessRule {
  const configuration = configurationOf(world, given);
  const rules = world.state.accessRules;
  const same = identity(configuration);
  if (rules.some((rule) => rule.scope.id === scope.id && identity(rule.configuration) === same)) {
    throw new Refusal(400, 10009, 'firewallaccessrules.api.duplicate_of_existing');
  }
  if (rules.length >= world.options.limits.access_rules_max) {
    throw new Refusal(400, 10011, 'firewallaccessrules.api.rule_limit_exceeded');
  }
  const at = stamp(world.now());
  const rule: AccessRule = { id: newId(), mode, notes, configuration, scope, created_on: at, modified_on: at };
  rules.push(rule);
  return rule;
}

/** The configuration of a rule never changes. */
export function patchAccessRule(world: World, asked: Asked): Reply {
  const rule = find(world, asked);
  const body = objectOf(asked.body, ['mode', 'notes']);
  const mode = body['mode'] === undefined ? rule.mode : modeOf(body['mode']);
  const notes = body['notes'] === undefined ? rule.notes : textOf(body['notes'], 'notes', notes_length_max);
  const changed = { ...rule, mode, notes, modified_on: stamp(world.now()) };
  world.state.accessRules = world.state.accessRules.map((each) => (each.id === rule.id ? changed : each));
  return granted(answered(changed));
}

export function deleteAccessRule(world: World, asked: Asked): Reply {
  const { id } = find(world, asked);
  const { cascade = 'none' } = asked.body === undefined ? {} : objectOf(asked.body, ['cascade']);
  if (cascade !== 'none') throw wrong('this fake deletes no rules of other zones');
  world.state.accessRules = world.state.accessRules.filter((rule) => rule.id !== id);
  return granted({ id });
}

function find(world: World, asked: Asked): AccessRule {
  const { id } = scopeOf(asked);
  const rule = world.state.accessRules.find((each) => each.id === asked.params['rule'] && each.scope.id === id);
  if (rule === undefined) throw new Refusal(404, 10001, 'firewallaccessrules.api.not_found');
  return rule;
}

function visible(world: World, asked: Asked): AccessRule[] {
  const { id } = scopeOf(asked);
  return world.state.accessRules.filter(({ scope }) => scope.id === id || scope.type === 'organization');
}

function scopeOf({ params }: Asked): AccessRule['scope'] {
  const { zone, account = '' } = params;
  return zone === undefined ? { type: 'organization', id: account } : { type: 'zone', id: zone };
}

function fits(rule: AccessRule, query: URLSearchParams): boolean {
  const { target, value } = rule.configuration;
  const asked = {
    mode: (text: string) => rule.mode === text,
    notes: (text: string) => rule.notes.toLowerCase().includes(text.toLowerCase()),
    'configuration.target': (text: string) => target === text,
    'configuration.value': (text: string) => spelt(value ?? '') === spelt(text),
  };
  const answers = Object.entries(asked).flatMap(([name, test]) => {
    const text = query.get(name);
    return text === null ? [] : [test(text)];
  });
  return query.get('match') === 'any' && answers.length > 0 ? answers.includes(true) : !answers.includes(false);
}

function positive(asked: Asked, name: string, usual: number, max: number): number {
  const text = asked.query.get(name);
  if (text === null) return usual;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw wrong(`${name} must be between 1 and ${max}`);
}

/** However an address is written, it is the same. */
function spelt(value: string): string {
  return canonical(value) ?? value;
}

function answered(
  rule: AccessRule,
): Omit<AccessRuleListResponse, 'scope'> & Pick<AccessRule, 'scope'> & { readonly paused: boolean } {
  return { ...rule, paused: false, allowed_modes: [...modes] };
}

function modeOf(value: unknown): AccessRule['mode'] {
  const mode = modes.find((each) => each === value);
  if (mode === undefined) throw wrong('mode is not one of the allowed modes');
  return mode;
}

function configurationOf(world: World, given: unknown): Configuration {
  const fields = objectOf(given, ['target', 'value']);
  const target = textOf(fields['target'], 'target', 20);
  const value = textOf(fields['value'], 'value', 50);
  if (target === 'country' && /^[A-Z]{2}$/.test(value)) return { target, value };
  if (target === 'asn' && /^AS\d{1,10}$/.test(value)) return { target, value };
  const prefix = strictPrefix(value);
  if (prefix === null || targetOf(prefix) !== target) throw wrong(`invalid ${target} provided: ${value}`);
  return { target: targetOf(prefix) ?? 'ip', value: spelling(world, value) };
}

function strictPrefix(value: string): Prefix | null {
  const [address = '', bits] = value.split('/');
  const prefix = parsePrefix(value);
  if (isIP(address) === 0 || prefix === null || (bits !== undefined && !/^\d+$/.test(bits))) return null;
  return parsePrefix(address)?.first === prefix.first ? prefix : null;
}

/** Null for a width that access rules do not take. */
function targetOf(prefix: Prefix): 'ip' | 'ip6' | 'ip_range' | null {
  if (isSingle(prefix)) return prefix.family === 4 ? 'ip' : 'ip6';
  const taken: readonly number[] = ranges[prefix.family];
  return taken.includes(prefix.bits) ? 'ip_range' : null;
}

const identities = new WeakMap<Configuration, string>();

/** Kept, because each new rule is compared with all. */
function identity(configuration: Configuration): string {
  const { target, value = '' } = configuration;
  const known = identities.get(configuration) ?? canonical(value) ?? `${target} ${value}`;
  identities.set(configuration, known);
  return known;
}

function wrong(message: string): Refusal {
  return new Refusal(400, 10014, `firewallaccessrules.api.validation_error: ${message}`);
}
