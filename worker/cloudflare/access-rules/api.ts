/** Cloudflare's IP Access Rules API as enforcement needs it: reading those with our mark, one look-up, one change at a time. */
import { z } from 'zod';
import { canonical, isSingle, type Prefix } from '../../../shared/address.ts';
import type { Client } from '../client.ts';
import type { Wanted } from '../contract.ts';

/** Rules of the account hold for all its zones; a zone has some of its own beside those. */
export interface Scope {
  readonly kind: 'account' | 'zone';
  readonly id: string;
}

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const Rule = z.object({
  id,
  mode: z.string(),
  notes: z.string().nullish(),
  configuration: z.object({ target: z.string(), value: z.string() }),
  scope: z.object({ type: z.string().optional(), id: z.string().nullish() }).nullish(),
});

export interface FoundRule {
  readonly id: string;
  /** Canonical; null for a country or an AS. */
  readonly address: string | null;
  readonly mode: string;
  readonly notes: string;
  /** False for a rule of the account or the user that a zone's list shows, too. */
  readonly own: boolean;
}

export interface RulePage {
  readonly rules: readonly FoundRule[];
  readonly last: boolean;
}

export interface AccessRules {
  /** Pages count from 1. `notes` is searched for anywhere and without regard to case, so look at what comes. */
  page(scope: Scope, notes: string, page: number, per_page: number): Promise<RulePage>;
  /** The rules for exactly this address or network, whoever made them. */
  lookUp(scope: Scope, address: string): Promise<readonly FoundRule[]>;
  /** Gives the new rule's id. */
  create(
    scope: Scope,
    rule: {
      readonly address: Prefix;
      readonly value: string;
      readonly action: Wanted['action'];
      readonly notes: string;
    },
  ): Promise<string>;
  note(scope: Scope, rule: string, notes: string): Promise<void>;
  change(scope: Scope, rule: string, action: Wanted['action'], notes: string): Promise<void>;
  remove(scope: Scope, rule: string): Promise<void>;
}

/** The modes of our rules; a rule of another mode is not ours, whatever its notes say. */
const ourModes = { block: 'block', challenge: 'managed_challenge' } as const;

/** What a rule of ours in this mode does; null: the mode is none of ours. */
export function actionOf(mode: string): Wanted['action'] | null {
  if (mode === ourModes.block) return 'block';
  return mode === ourModes.challenge ? 'challenge' : null;
}

export function createAccessRules(client: Client): AccessRules {
  async function find(scope: Scope, query: string) {
    const answer = await client.call({ method: 'GET', path: `${rootOf(scope)}?${query}` }, z.array(Rule).nullable());
    // the description allows null for none; should it be wrong, a rule that is made anew is refused as a duplicate
    return { rules: (answer.result ?? []).map((rule) => foundRule(scope, rule)), info: answer.page };
  }

  return {
    page: async (scope, notes, page, per_page) => {
      const query = `notes=${encodeURIComponent(notes)}&page=${page}&per_page=${per_page}`;
      const { rules, info } = await find(scope, query);
      // pages may be smaller than was asked for, without a word
      const seen = page * (info.per_page ?? Math.min(per_page, rules.length));
      return { rules, last: rules.length === 0 || (info.total_count !== null && seen >= info.total_count) };
    },
    // without `configuration.target`: the description has no `ip6` there
    lookUp: async (scope, address) => {
      const { rules } = await find(scope, `configuration.value=${encodeURIComponent(address)}&match=all`);
      return rules.filter((rule) => rule.own && rule.address === address);
    },
    create: async (scope, { address, value, action, notes }) => {
      const body = { mode: ourModes[action], configuration: { target: targetOf(address), value }, notes };
      return (await client.call({ method: 'POST', path: rootOf(scope), body }, z.object({ id }))).result.id;
    },
    // only the notes: a mode that somebody has changed meanwhile stays
    note: async (scope, rule, notes) => {
      await client.call({ method: 'PATCH', path: `${rootOf(scope)}/${rule}`, body: { notes } }, z.unknown());
    },
    change: async (scope, rule, action, notes) => {
      const body = { mode: ourModes[action], notes };
      await client.call({ method: 'PATCH', path: `${rootOf(scope)}/${rule}`, body }, z.unknown());
    },
    remove: async (scope, rule) => {
      const call = { method: 'DELETE', path: `${rootOf(scope)}/${rule}` } as const;
      // `none`: not the same rule of other zones
      await client.call(scope.kind === 'zone' ? { ...call, body: { cascade: 'none' } } : call, z.unknown());
    },
  };
}

function rootOf(scope: Scope): string {
  return `/${scope.kind}s/${scope.id}/firewall/access_rules/rules`;
}

function targetOf(address: Prefix): 'ip' | 'ip6' | 'ip_range' {
  if (!isSingle(address)) return 'ip_range';
  return address.family === 4 ? 'ip' : 'ip6';
}

function foundRule(scope: Scope, rule: z.infer<typeof Rule>): FoundRule {
  const { target, value } = rule.configuration;
  const address = target.startsWith('ip') ? canonical(value) : null;
  return { id: rule.id, address, mode: rule.mode, notes: rule.notes ?? '', own: isOwn(scope, rule.scope) };
}

const types = { account: ['organization', 'account'], zone: ['zone'] } as const;

function isOwn(scope: Scope, told: z.infer<typeof Rule>['scope']): boolean {
  const { type, id: place } = told ?? {};
  const kinds: readonly string[] = types[scope.kind];
  return (type === undefined || kinds.includes(type)) && (place ?? scope.id) === scope.id;
}
