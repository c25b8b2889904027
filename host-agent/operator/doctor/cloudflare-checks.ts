/** Cloudflare as the doctor sees it, with the run-time token and not by the Worker's word: token, list, rules, caps, ranges. */
import { z } from 'zod';
import { cloudflareRanges } from '../../../shared/engine/guard.ts';
import { EdgebanError } from '../../../shared/errors.ts';
import type { CloudflareApi } from '../cloudflare-api.ts';
import type { OperatorFile } from '../operator-file.ts';
import type { Mode } from '../setup/record.ts';
import { missingPermissions, runtimeNeeds, surplusPermissions, verifyToken } from '../setup/token.ts';
import { customRules, isOurs, namesList, ourRules, type Rule, type Ruleset } from '../waf.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

export type Access = NonNullable<OperatorFile['cloudflare']>;

const items_max = 10_000;
const rules_free = 5;
const day = 86_400;

const List = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.string(),
  num_items: z.number(),
  num_referencing_filters: z.number().nullish(),
});
type List = z.infer<typeof List>;
const Ips = z.object({ ipv4_cidrs: z.array(z.string()), ipv6_cidrs: z.array(z.string()) });

export async function cloudflareFindings(api: CloudflareApi, access: Access, now: number): Promise<Finding[]> {
  const token = await tokenFindings(api, access, now);
  if (token.some(({ grade }) => grade === 'broken')) return token;
  const rules = access.list === '' ? [] : [...(await listFindings(api, access)), ...(await ruleFindings(api, access))];
  return [...token, ...rules, ...(await rangeFindings(api))];
}

async function tokenFindings(api: CloudflareApi, access: Access, now: number): Promise<Finding[]> {
  const again = 'run edgeban edge setup again: it makes a new one';
  const narrower = `${again}, with less; one that was pasted is yours to replace (--runtime-token-file)`;
  try {
    const { kind, expiresAt } = await verifyToken(api, access.account);
    const missing = await missingPermissions(api, runtimeNeeds({ ...access, mode: modeOf(access.mode) }));
    if (missing.length > 0) return [broken('token', `it lacks: ${missing.join('; ')}`, again)];
    const whose = `of ${kind === 'user' ? 'a user' : 'the account'}, with all that the mode ${access.mode} needs`;
    const surplus = await surplusPermissions(api, { ...access, mode: modeOf(access.mode) });
    if (surplus.length > 0)
      return [warning('token', `${whose}; it may more than that: ${surplus.join('; ')}`, narrower)];
    if (expiresAt === null) return [ok('token', `${whose}; it does not expire`)];
    return [endFinding(whose, expiresAt - now, again)];
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    // it may write, but not this: what stands in the way is found below
    if (error.code === 'ERR_CLOUDFLARE_REFUSED')
      return [warning('token', `a change that is tried is refused: ${error.message}`, 'see list and rules below')];
    return [
      broken('token', error.message, error.code === 'ERR_SETUP_TOKEN' ? again : (error.remedy ?? 'try again later')),
    ];
  }
}

function endFinding(whose: string, seconds: number, remedy: string): Finding {
  if (seconds <= 0) return broken('token', `${whose}; it has expired`, remedy);
  const days = Math.floor(seconds / day);
  if (days >= 30) return ok('token', `${whose}; good for ${days} days`);
  const left = days > 0 ? `${days} day(s)` : `${Math.ceil(seconds / 3600)} hour(s)`;
  return warning('token', `${whose}; it expires in ${left}`, remedy);
}

function modeOf(mode: string): Mode {
  return mode === 'access-rules' || mode === 'none' ? mode : 'list';
}

async function listFindings(api: CloudflareApi, { account, list, challenge_list }: Access): Promise<Finding[]> {
  const all = (await api.call({ path: `/accounts/${account}/rules/lists` }, z.array(List).nullable())) ?? [];
  const names = [list, challenge_list].filter((name) => name !== '');
  return names.flatMap((name) => oneListFindings(all, name));
}

function oneListFindings(all: readonly List[], name: string): Finding[] {
  const list = all.find((each) => each.name === name);
  if (list === undefined)
    return [
      broken(
        'list',
        `there is no list ${name}`,
        'the Worker makes it again within ten minutes; if not, see enforcement',
      ),
    ];
  if (list.kind !== 'ip')
    return [broken('list', `${name} is not a list of addresses`, 'delete it: the Worker makes a right one')];
  return [fullness(list, all), ...unreferenced(list)];
}

/** The cap is of all custom lists together. */
function fullness({ name, num_items }: List, all: readonly List[]): Finding {
  const total = all.reduce((sum, each) => sum + each.num_items, 0);
  const text = `${name} has ${num_items} item(s); ${total} of ${items_max} in all lists of the account`;
  if (total < items_max * 0.9) return ok('list', text);
  return warning(
    'list',
    text,
    'above the cap the oldest first-time bans are left out; shorten bantime, or delete items of other tools',
  );
}

function unreferenced({ name, num_referencing_filters }: List): Finding[] {
  if (num_referencing_filters !== 0) return [];
  return [
    broken(
      'list',
      `no rule refers to ${name}: it blocks nobody`,
      'the Worker makes its rules within ten minutes; if not, see the rules below',
    ),
  ];
}

async function ruleFindings(api: CloudflareApi, { zones, list, challenge_list }: Access): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const { id, name } of zones) {
    const ruleset = await customRules(api, id);
    found.push(...ruleFinding(`rule ${name}`, ruleset, list, 'block'));
    if (challenge_list !== '')
      found.push(
        ...ruleFinding(`challenge ${name}`, ruleset, challenge_list, 'challenge'),
        ...orderOfOurs(name, ruleset),
      );
  }
  return found;
}

/** A visitor who has passed a challenge goes on to the rules behind it: he would be blocked after his trouble. */
function orderOfOurs(zone: string, ruleset: Ruleset | null): Finding[] {
  const rules = ruleset?.rules ?? [];
  const at = (action: 'block' | 'challenge') => rules.findIndex(({ id }) => id === ourRules(ruleset, action)[0]?.id);
  if (at('challenge') < 0 || at('block') < at('challenge')) return [];
  return [
    warning(
      `rule ${zone}`,
      'the rule that challenges stands before the one that blocks',
      'the Worker puts it behind within ten minutes',
    ),
  ];
}

function ruleFinding(about: string, ruleset: Ruleset | null, list: string, action: 'block' | 'challenge'): Finding[] {
  const rules = ruleset?.rules ?? [];
  const [ours, ...more] = ourRules(ruleset, action);
  if (ours === undefined)
    return [
      broken(
        about,
        `the zone has no rule of edgeban's (${rules.length} of others)`,
        'the Worker makes it within ten minutes; the free plan has room for 5 rules',
      ),
    ];
  if (!ours.enabled)
    return [broken(about, 'the rule is switched off', 'edgeban edge resume, or switch it on in the dashboard')];
  if (!namesList(ours, list))
    return [
      broken(
        about,
        `the rule does not name the list ${list}: ${ours.expression}`,
        'the Worker puts it right within ten minutes',
      ),
    ];
  const count = `${rules.length} rule(s) in the zone${rules.length >= rules_free ? ', as many as the free plan has' : ''}`;
  if (more.length > 0)
    return [
      warning(about, `there are ${more.length + 1} of them`, 'the Worker takes the others away within ten minutes'),
    ];
  return [orderFinding(about, rules, ours, count)];
}

/** A rule before ours that skips lets those through that we ban. */
function orderFinding(about: string, rules: readonly Rule[], ours: Rule, count: string): Finding {
  const before = rules.slice(0, rules.indexOf(ours)).filter((rule) => rule.enabled && !isOurs(rule));
  const skips = before.filter(({ action }) => action === 'skip');
  if (skips.length > 0)
    return warning(
      about,
      `${skips.length} rule(s) that skip stand before it: ${skips.map(({ description, id }) => description || id).join(', ')}`,
      'whom they let through is not banned; move edgeban’s rule to the first place if that is not meant',
    );
  if (before.length > 0) return ok(about, `there, after ${before.length} other(s) that do not skip; ${count}`);
  return ok(about, `there, in first place; ${count}`);
}

async function rangeFindings(api: CloudflareApi): Promise<Finding[]> {
  const { ipv4_cidrs, ipv6_cidrs } = await api.call({ path: '/ips' }, Ips);
  const theirs = [...ipv4_cidrs, ...ipv6_cidrs];
  const unknown = theirs.filter((range) => !cloudflareRanges.includes(range));
  if (unknown.length === 0) return [ok("Cloudflare's ranges", `all ${theirs.length} are known here, and never banned`)];
  return [
    warning(
      "Cloudflare's ranges",
      `new ones that this edgeban does not know: ${unknown.join(', ')}`,
      'upgrade edgeban; until then: edgeban edge allow each of them, and [Guard] allow on the hosts',
    ),
  ];
}
