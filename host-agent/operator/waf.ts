/** The zones' WAF rules that block what the list holds: the Worker makes them, here they are found, tried and switched. */
import { z } from 'zod';
import type { CloudflareApi } from './cloudflare-api.ts';
import { isGone } from './cloudflare-refusal.ts';

/** Of the instance `main`, which is what setup deploys; another instance's rules are another's. */
const refs = { block: 'edgeban', challenge: 'edgeban_challenge' } as const;
const phase = 'http_request_firewall_custom';

const Rule = z.object({
  id: z.string(),
  ref: z.string().optional(),
  action: z.string().optional(),
  expression: z.string().default(''),
  description: z.string().optional(),
  enabled: z.boolean().default(true),
  action_parameters: z.unknown().optional(),
});
export type Rule = z.infer<typeof Rule>;
const Ruleset = z.object({ id: z.string(), rules: z.array(Rule).default([]) });
export type Ruleset = z.infer<typeof Ruleset>;

/** The zone's custom rules; null: it never had one. */
export async function customRules(api: CloudflareApi, zone: string): Promise<Ruleset | null> {
  try {
    return await api.call({ path: `/zones/${zone}/rulesets/phases/${phase}/entrypoint` }, Ruleset);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

export function ourRules(ruleset: Ruleset | null, action?: keyof typeof refs): Rule[] {
  return ruleset?.rules.filter((rule) => (action === undefined ? isOurs(rule) : rule.ref === refs[action])) ?? [];
}

export function isOurs({ ref }: Rule): boolean {
  return ref === refs.block || ref === refs.challenge;
}

/** Does the expression name the list? */
export function namesList(rule: Rule, list: string): boolean {
  return new RegExp(`\\$${list}(?![a-z0-9_])`).test(rule.expression);
}

/** Tries to write a rule, without keeping it: throws what Cloudflare would say to the Worker. */
export async function tryToWrite(api: CloudflareApi, zone: string): Promise<void> {
  const ruleset = await customRules(api, zone);
  const rule = {
    action: 'block',
    expression: '(ip.src eq 192.0.2.1)',
    description: 'edgeban: a try that is not kept',
    enabled: false,
  };
  await api.call(trialOf(zone, ruleset, rule), z.unknown());
}

/** The change that the Worker would make: a rule of ours is written again, a missing one is added. */
function trialOf(zone: string, ruleset: Ruleset | null, rule: Readonly<Record<string, unknown>>) {
  const root = `/zones/${zone}/rulesets`;
  if (ruleset === null) {
    const body = { name: 'default', kind: 'zone', phase, rules: [rule] };
    return { method: 'POST', path: `${root}?dry_run=true`, body } as const;
  }
  const [ours] = ourRules(ruleset, 'block');
  if (ours === undefined)
    return { method: 'POST', path: `${root}/${ruleset.id}/rules?dry_run=true`, body: rule } as const;
  const path = `${root}/${ruleset.id}/rules/${ours.id}?dry_run=true`;
  return { method: 'PATCH', path, body: definitionOf(ours) } as const;
}

/** All of a rule that can be written: a change has to name what is to stay, too. */
function definitionOf({ id: _, ...definition }: Rule): Omit<Rule, 'id'> {
  return definition;
}

/** Switches our rules of a zone on or off; returns how many were changed. */
export async function switchRules(api: CloudflareApi, zone: string, enabled: boolean): Promise<number> {
  const ruleset = await customRules(api, zone);
  let changed = 0;
  for (const rule of ourRules(ruleset)) {
    if (ruleset === null || rule.enabled === enabled) continue;
    const path = `/zones/${zone}/rulesets/${ruleset.id}/rules/${rule.id}`;
    await api.call({ method: 'PATCH', path, body: { ...definitionOf(rule), enabled } }, z.unknown());
    changed += 1;
  }
  return changed;
}

/** Takes our rules out of a zone; returns how many there were. */
export async function removeRules(api: CloudflareApi, zone: string): Promise<number> {
  const ruleset = await customRules(api, zone);
  const ours = ourRules(ruleset);
  for (const { id } of ruleset === null ? [] : ours)
    await api.call({ method: 'DELETE', path: `/zones/${zone}/rulesets/${ruleset?.id}/rules/${id}` }, z.unknown());
  return ours.length;
}
