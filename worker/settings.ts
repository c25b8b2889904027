/** What the operator set for the Worker: bindings, vars and secrets, checked once and refused by name where wrong. */
import { z } from 'zod';
import { type Prefix, parsePrefix } from '../shared/address.ts';
import { EdgebanError } from '../shared/errors.ts';
import type { EnforcementSettings } from './cloudflare/enforcement.ts';
import type { Ledger } from './ledger.ts';

/** The Worker's environment as wrangler.toml and `wrangler secret` give it; the vars are unchecked until readSettings. */
export interface Env {
  readonly LEDGER: DurableObjectNamespace<Ledger>;
  readonly BANS: KVNamespace;
  readonly CLOUDFLARE_API_BASE?: string;
  readonly CLOUDFLARE_ACCOUNT_ID?: string;
  readonly CLOUDFLARE_ZONE_IDS?: string;
  readonly ENFORCEMENT?: string;
  readonly LIST_NAME?: string;
  readonly ALLOW?: string;
  readonly CLOUDFLARE_API_TOKEN?: string;
  readonly OPERATOR_TOKEN?: string;
}

export interface Settings {
  readonly operatorToken: string;
  /** Addresses and networks that are never banned. */
  readonly allow: readonly Prefix[];
  /** Null: the ledger is kept and fed to hosts and KV, but nothing is changed at Cloudflare (`ENFORCEMENT = "none"`). */
  readonly enforcement: EnforcementSettings | null;
}

const allow_entries_max = 1_000;

const word = z.string().trim();
const words = word.default('').transform((text) => text.split(/[\s,]+/).filter((part) => part !== ''));

const Vars = z.object({
  OPERATOR_TOKEN: word.min(16, 'missing or shorter than 16 characters: wrangler secret put OPERATOR_TOKEN'),
  ALLOW: words.pipe(z.array(z.string().transform(toPrefix)).max(allow_entries_max)),
  ENFORCEMENT: z.enum(['list', 'none'], { error: refuseMode }).default('none'),
});

const ListVars = z.object({
  CLOUDFLARE_API_BASE: z
    .url({ protocol: /^https?$/ })
    .default('https://api.cloudflare.com/client/v4')
    .transform((url) => url.replace(/\/+$/, '')),
  CLOUDFLARE_ACCOUNT_ID: word.regex(/^[0-9a-f]{32}$/, 'not an account id (32 hexadecimal digits)'),
  CLOUDFLARE_ZONE_IDS: words.pipe(
    z
      .array(z.string().regex(/^[0-9a-f]{32}$/, 'not a zone id (32 hexadecimal digits)'))
      .min(1, 'names no zone')
      .max(100),
  ),
  LIST_NAME: word.regex(/^[a-z0-9_]{1,50}$/, 'not a list name (1 to 50 of a-z, 0-9, _)').default('edgeban'),
  CLOUDFLARE_API_TOKEN: word.min(1, 'missing: wrangler secret put CLOUDFLARE_API_TOKEN'),
});

/** Throws ERR_SETTINGS that names each var that is wrong, never its value (it may be a secret). */
export function readSettings(env: Env): Settings {
  const vars = check(Vars, env);
  return {
    operatorToken: vars.OPERATOR_TOKEN,
    allow: vars.ALLOW,
    enforcement: vars.ENFORCEMENT === 'none' ? null : listSettings(env),
  };
}

function listSettings(env: Env): EnforcementSettings {
  const vars = check(ListVars, env);
  return {
    apiBase: vars.CLOUDFLARE_API_BASE,
    accountId: vars.CLOUDFLARE_ACCOUNT_ID,
    zoneIds: vars.CLOUDFLARE_ZONE_IDS,
    listName: vars.LIST_NAME,
    token: vars.CLOUDFLARE_API_TOKEN,
  };
}

function check<T>(schema: z.ZodType<T>, env: Env): T {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  const findings = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new EdgebanError('ERR_SETTINGS', findings.join('; '), { file: 'wrangler.toml' });
}

function refuseMode(issue: { readonly input?: unknown }): string {
  if (issue.input !== 'access-rules') return 'must be "list" or "none"';
  return 'the mode "access-rules" is not supported; use "list"';
}

function toPrefix(text: string, context: z.RefinementCtx): Prefix {
  const prefix = parsePrefix(text);
  if (prefix !== null) return prefix;
  context.addIssue({ code: 'custom', message: 'not an IP address or network' });
  return z.NEVER;
}
