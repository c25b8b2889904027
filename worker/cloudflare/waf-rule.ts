/** The WAF custom rule of a zone that blocks (or challenges) what a list holds: found by `ref`, never touching another rule. */
import { z } from 'zod';
import type { Client } from './client.ts';
import type { Action, Stance } from './contract.ts';
import { CloudflareFailure } from './failure.ts';

/** The `ref` of an instance's rule; two edgebans in one zone have a rule each. */
export function ruleRefOf(instance = 'main'): string {
  return instance === 'main' ? 'edgeban' : `edgeban-${instance}`;
}

/** Of the rule for the second list. No instance has an underscore in its name, so that it is nobody else's. */
export function challengeRefOf(instance?: string): string {
  return `${ruleRefOf(instance)}_challenge`;
}

const phase = 'http_request_firewall_custom';

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const Rule = z.object({
  id,
  ref: z.string().optional(),
  action: z.string().optional(),
  expression: z.string().optional(),
  enabled: z.boolean().default(true),
});
type Rule = z.infer<typeof Rule>;
const Ruleset = z.object({ id, rules: z.array(Rule).default([]) });
type Ruleset = z.infer<typeof Ruleset>;

/** What the rule is to be like: the stance, and whether a panic has switched it off. */
export interface RuleAim extends Stance {
  readonly ref: string;
  /** The `ref` of the rule that it stands behind; null: it is put into the first place. */
  readonly after: string | null;
  readonly action: Action;
  readonly list: string;
  readonly lifted: boolean;
}

export interface RuleState {
  readonly ruleset: string;
  readonly rule: string;
  readonly enabled: boolean;
  readonly first: boolean;
  /** A panic has switched it off. */
  readonly lifted: boolean;
  /** False if there is more to do: a second rule of ours is taken away one call at a time. */
  readonly settled: boolean;
}

/** At most this many calls for one zone. */
export const rule_calls_max = 4;

/**
 * Makes the zone have exactly one rule of ours, whole and right, and says how it stands. One that is missing is POSTed
 * to the first place (a PUT would replace everybody's rules); a wrong one is PATCHed, but one that somebody disabled
 * stays disabled: it may be how all bans were lifted in an emergency. One that a panic has switched off comes on again
 * when that is over.
 */
export async function ensureRule(client: Client, zone: string, aimNow: () => RuleAim): Promise<RuleState> {
  const ruleset = await entrypoint(client, zone);
  const aim = aimNow();
  if (ruleset === null) return stateOf(await createRuleset(client, zone, aim), aim, true);
  const [ours, extra] = ruleset.rules.filter((rule) => rule.ref === aim.ref);
  if (ours === undefined) return stateOf(await addRule(client, zone, ruleset, aim), aim, true);
  const { enabled } = ours;
  if (extra !== undefined)
    return stateOf(await write(client, 'DELETE', rulePath(zone, ruleset.id, extra.id)), aim, enabled);
  const before = blockerOf(ruleset, aim);
  const isBehind = before === undefined || ruleset.rules.indexOf(before) < ruleset.rules.indexOf(ours);
  if (isRight(ours, aim) && isBehind) return stateOf(ruleset, aim, enabled);
  const position = isBehind ? undefined : { after: before.id };
  return switchRule(client, zone, { ruleset: ruleset.id, rule: ours.id, enabled }, aim, position);
}

/** The rule that it has to stand behind. */
function blockerOf({ rules }: Ruleset, { after }: RuleAim): Rule | undefined {
  return after === null ? undefined : rules.find(({ ref }) => ref === after);
}

/** Makes a rule that is known to be there right, in one call. */
export async function switchRule(
  client: Client,
  zone: string,
  { ruleset, rule, enabled }: Pick<RuleState, 'ruleset' | 'rule' | 'enabled'>,
  aim: RuleAim,
  position?: { readonly after: string },
): Promise<RuleState> {
  const body = { ...ruleFor(aim, enabled), ...(position && { position }) };
  return stateOf(await write(client, 'PATCH', rulePath(zone, ruleset, rule), body), aim, enabled);
}

/** Takes away the zone's rule of this `ref` if it names this list; true if there is none left. */
export async function dropRule(client: Client, zone: string, ref: string, list: string): Promise<boolean> {
  const ruleset = await entrypoint(client, zone);
  const [ours, ...others] = (ruleset?.rules ?? []).filter(
    (rule) => rule.ref === ref && namesList(rule.expression ?? '', list),
  );
  if (ruleset === null || ours === undefined) return true;
  await write(client, 'DELETE', rulePath(zone, ruleset.id, ours.id));
  return others.length === 0;
}

function namesList(expression: string, list: string): boolean {
  return [...expression.matchAll(/\$([a-z0-9_]+)/g)].some((match) => match[1] === list);
}

function ruleFor(aim: RuleAim, enabled: boolean) {
  return {
    ref: aim.ref,
    action: aim.brake || aim.action === 'challenge' ? 'managed_challenge' : 'block',
    expression: `(ip.src in $${aim.list})`,
    description: `edgeban: ${aim.action} what the list holds`,
    enabled: !aim.panic && (enabled || aim.lifted),
  };
}

function isRight(rule: Rule, aim: RuleAim): boolean {
  const wanted = ruleFor(aim, rule.enabled);
  const same = rule.action === wanted.action && rule.enabled === wanted.enabled;
  return same && bare(rule.expression ?? '') === bare(wanted.expression);
}

/** Cloudflare and its dashboard put or drop outer brackets and spaces. */
function bare(expression: string): string {
  return expression.replace(/[()\s]+/g, ' ').trim();
}

/** `enabled`: was it so before? */
function stateOf(ruleset: Ruleset, aim: RuleAim, enabled: boolean): RuleState {
  const index = ruleset.rules.findIndex((rule) => rule.ref === aim.ref);
  const ours = ruleset.rules[index];
  if (ours === undefined) {
    const message = 'the rule is not in the ruleset that Cloudflare answered with';
    throw new CloudflareFailure('ERR_CLOUDFLARE_ANSWER', message, { outcome: 'unknown', retryAfter: null });
  }
  const settled = ruleset.rules.filter((rule) => rule.ref === aim.ref).length === 1;
  const lifted = aim.panic && (enabled || aim.lifted);
  const first = ruleset.rules.slice(0, index).every(({ ref }) => ref === aim.after);
  return { ruleset: ruleset.id, rule: ours.id, enabled: ours.enabled, first, lifted, settled };
}

/** The zone's custom rules at this moment, whosoever they are. */
export async function rulesIn(client: Client, zone: string): Promise<readonly Rule[]> {
  return (await entrypoint(client, zone))?.rules ?? [];
}

async function entrypoint(client: Client, zone: string): Promise<Ruleset | null> {
  const path = `/zones/${zone}/rulesets/phases/${phase}/entrypoint`;
  try {
    return (await client.call({ method: 'GET', path }, Ruleset)).result;
  } catch (error) {
    // 404, code 10003: a zone that never had a custom rule has no entry point
    if (error instanceof CloudflareFailure && error.code === 'ERR_CLOUDFLARE_GONE') return null;
    throw error;
  }
}

function createRuleset(client: Client, zone: string, aim: RuleAim): Promise<Ruleset> {
  const body = { name: 'default', kind: 'zone', phase, rules: [ruleFor(aim, true)] };
  return write(client, 'POST', `/zones/${zone}/rulesets`, body);
}

function addRule(client: Client, zone: string, ruleset: Ruleset, aim: RuleAim): Promise<Ruleset> {
  const before = blockerOf(ruleset, aim);
  const position = before === undefined ? { index: 1 } : { after: before.id };
  return write(client, 'POST', `/zones/${zone}/rulesets/${ruleset.id}/rules`, { ...ruleFor(aim, true), position });
}

function rulePath(zone: string, ruleset: string, rule: string): string {
  return `/zones/${zone}/rulesets/${ruleset}/rules/${rule}`;
}

async function write(
  client: Client,
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Ruleset> {
  const call = body === undefined ? { method, path } : { method, path, body };
  return (await client.call(call, Ruleset)).result;
}
