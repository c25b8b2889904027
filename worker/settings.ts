/** What the operator set for the Worker: bindings, vars and secrets, checked once and refused by name where wrong. */
import { z } from 'zod';
import { type Prefix, parsePrefix } from '../shared/address.ts';
import { parseSeconds } from '../shared/config/arithmetic.ts';
import { EdgebanError } from '../shared/errors.ts';
import type { Seconds } from '../shared/time.ts';
import { type AlertSettings, type AlertVars, readAlerts } from './alerts/settings.ts';
import type { ApiSettings, EnforcementSettings, FormerSettings } from './cloudflare/enforcement.ts';
import type { Ledger } from './ledger.ts';

/** The Worker's environment as wrangler.toml and `wrangler secret` give it; the vars are unchecked until readSettings. */
export interface Env extends AlertVars {
  readonly LEDGER: DurableObjectNamespace<Ledger>;
  readonly BANS: KVNamespace;
  readonly CLOUDFLARE_API_BASE?: string;
  readonly CLOUDFLARE_ACCOUNT_ID?: string;
  readonly CLOUDFLARE_ZONE_IDS?: string;
  readonly ENFORCEMENT?: string;
  readonly LIST_NAME?: string;
  readonly CHALLENGE_LIST_NAME?: string;
  readonly INSTANCE?: string;
  readonly ACCESS_RULES_SCOPE?: string;
  readonly FORMER_LISTS?: string;
  readonly FORMER_CHALLENGE_LISTS?: string;
  readonly FORMER_ACCESS_RULES?: string;
  readonly FORMER_ZONE_IDS?: string;
  readonly ALLOW?: string;
  readonly CLOUDFLARE_API_TOKEN?: string;
  readonly OPERATOR_TOKEN?: string;
  readonly METRICS_TOKEN?: string;
  readonly MAX_BANTIME?: string;
  readonly ROWS_PER_DAY?: string;
  readonly FLEET_MAXRETRY?: string;
  readonly FLEET_FINDTIME?: string;
  readonly FLEET_BANTIME?: string;
  readonly API_HOSTNAME?: string;
  readonly TURNSTILE_SITE_KEY?: string;
  readonly TURNSTILE_SECRET?: string;
}

export interface Settings {
  readonly operatorToken: string;
  /** Opens /metrics and nothing else; null: only the operator's does. */
  readonly metricsToken: string | null;
  /** Addresses and networks that are never banned. */
  readonly allow: readonly Prefix[];
  /** The longest ban that a host may make, in seconds; null: as long as it likes. */
  readonly maxBantime: Seconds | null;
  /** How failures are counted over all hosts; null: they are not. */
  readonly fleet: { readonly maxretry: number; readonly findtime: Seconds; readonly bantime: Seconds } | null;
  /** Null in the modes `none` and `gate`: the ledger is kept and fed to hosts and KV, but nothing is changed at Cloudflare. */
  readonly enforcement: EnforcementSettings | null;
  /** How to reach Cloudflare; null in a mode that need not, if it is not set. */
  readonly api: ApiSettings | null;
  readonly gate: GateSettings | null;
  readonly alerts: AlertSettings;
}

interface GateSettings {
  /** What is done where a challenge is asked for. */
  readonly challenge: 'turnstile' | 'block';
}

const allow_entries_max = 1_000;

const word = z.string().trim();
const words = word.default('').transform((text) => text.split(/[\s,]+/).filter((part) => part !== ''));

/** 0: the fleet bans nobody. It takes two hosts at the least, so 1 is none. */
const fleetMaxretry = z
  .number()
  .int()
  .min(0)
  .max(1_000)
  .refine((count) => count !== 1, 'must be 0 (off) or 2 and more');
/** In `gate` the Worker itself stands before the origin, with what KV holds: nothing is changed at Cloudflare. */
const modes = ['list', 'access-rules', 'gate', 'none'] as const;

/** What a free plan has; 0: a paid one, without an end. */
const rowsPerDay = z
  .number()
  .int()
  .refine((rows) => rows === 0 || rows >= 10_000, 'must be 0 (no end) or 10000 and more')
  .transform((rows) => (rows === 0 ? Number.POSITIVE_INFINITY : rows));

const RowsVars = z.object({ ROWS_PER_DAY: word.default('100000').transform(Number).pipe(rowsPerDay) });

/** Of what the ledger may write in a day each host has its part. Where that is set wrongly nothing is taken in anyway. */
export function rowsPerDayOf(env: Pick<Env, 'ROWS_PER_DAY'>): number {
  return RowsVars.safeParse(env).data?.ROWS_PER_DAY ?? Number.POSITIVE_INFINITY;
}

const Vars = z.object({
  OPERATOR_TOKEN: word.min(16, 'missing or shorter than 16 characters: wrangler secret put OPERATOR_TOKEN'),
  METRICS_TOKEN: word.min(16, 'shorter than 16 characters: wrangler secret put METRICS_TOKEN').optional(),
  FLEET_MAXRETRY: word.default('10').transform(Number).pipe(fleetMaxretry),
  FLEET_FINDTIME: word.default('10m').transform(toSeconds).pipe(z.number().min(60).max(86_400)),
  FLEET_BANTIME: word.default('1h').transform(toSeconds).pipe(z.number().min(60)),
  MAX_BANTIME: word.default('1y').transform(toSeconds),
  ...RowsVars.shape,
  ALLOW: words.pipe(z.array(z.string().transform(toPrefix)).max(allow_entries_max)),
  ENFORCEMENT: z.enum(modes, `must be one of ${modes.join(', ')}`).default('none'),
});

const zonesOrNone = words.pipe(
  z.array(z.string().regex(/^[0-9a-f]{32}$/, 'not a zone id (32 hexadecimal digits)')).max(50),
);
const zoneIds = zonesOrNone.refine((ids) => ids.length > 0, 'names no zone');

const ApiVars = z.object({
  CLOUDFLARE_API_BASE: z
    .url({ protocol: /^https?$/ })
    .default('https://api.cloudflare.com/client/v4')
    .transform((url) => url.replace(/\/+$/, '')),
  CLOUDFLARE_ACCOUNT_ID: word.regex(/^[0-9a-f]{32}$/, 'not an account id (32 hexadecimal digits)'),
  CLOUDFLARE_API_TOKEN: word.min(1, 'missing: wrangler secret put CLOUDFLARE_API_TOKEN'),
  INSTANCE: word.regex(/^[a-z0-9-]{1,32}$/, 'not a name (1 to 32 of a-z, 0-9, -)').default('main'),
});
const listName = word.regex(/^[a-z0-9_]{1,50}$/, 'not a list name (1 to 50 of a-z, 0-9, _)');
const ListVars = ApiVars.extend({
  CLOUDFLARE_ZONE_IDS: zoneIds,
  LIST_NAME: listName.default('edgeban'),
  CHALLENGE_LIST_NAME: z.union([z.literal(''), listName]).default(''),
}).refine((vars) => vars.LIST_NAME !== vars.CHALLENGE_LIST_NAME, {
  path: ['CHALLENGE_LIST_NAME'],
  message: 'is the list that blocks: name another one',
});
const ScopeVars = z.object({
  ACCESS_RULES_SCOPE: z.enum(['account', 'zones'], 'must be "account" or "zones"').default('account'),
});
const ZoneVars = ApiVars.extend({ CLOUDFLARE_ZONE_IDS: zoneIds });
const formerLists = words.pipe(z.array(listName).max(4));
const FormerVars = z.object({
  FORMER_LISTS: formerLists,
  FORMER_CHALLENGE_LISTS: formerLists,
  FORMER_ACCESS_RULES: words.pipe(z.array(z.enum(['account', 'zones'], 'must be "account", "zones" or both'))),
  FORMER_ZONE_IDS: zonesOrNone,
});

/** Throws ERR_SETTINGS that names each var that is wrong, never its value (it may be a secret). */
export function readSettings(env: Env): Settings {
  const vars = check(Vars, env);
  return {
    operatorToken: vars.OPERATOR_TOKEN,
    metricsToken: vars.METRICS_TOKEN ?? null,
    allow: vars.ALLOW,
    maxBantime: vars.MAX_BANTIME < 0 ? null : vars.MAX_BANTIME,
    fleet:
      vars.FLEET_MAXRETRY === 0
        ? null
        : { maxretry: vars.FLEET_MAXRETRY, findtime: vars.FLEET_FINDTIME, bantime: vars.FLEET_BANTIME },
    enforcement: enforcementOf(vars.ENFORCEMENT, env),
    api: vars.ENFORCEMENT === 'none' || vars.ENFORCEMENT === 'gate' ? apiIfSet(env) : apiOf(check(ApiVars, env), env),
    gate: vars.ENFORCEMENT === 'gate' ? gateOf(env) : null,
    alerts: readAlerts(env),
  };
}

function apiIfSet(env: Env): ApiSettings | null {
  const vars = ApiVars.safeParse(env);
  return vars.success ? apiOf(vars.data, env) : null;
}

const GateVars = z
  .object({
    API_HOSTNAME: word.regex(/^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+)?$/i, 'not a host name').default(''),
    TURNSTILE_SITE_KEY: word.default(''),
    TURNSTILE_SECRET: word.default(''),
  })
  .refine(({ TURNSTILE_SITE_KEY: key, TURNSTILE_SECRET: secret }) => (key === '') === (secret === ''), {
    path: ['TURNSTILE_SITE_KEY, TURNSTILE_SECRET'],
    message: 'one of them is missing: set both, or neither',
  });

function gateOf(env: Env): GateSettings {
  return { challenge: check(GateVars, env).TURNSTILE_SECRET === '' ? 'block' : 'turnstile' };
}

function enforcementOf(mode: (typeof modes)[number], env: Env): EnforcementSettings | null {
  switch (mode) {
    case 'none':
    case 'gate':
      return null;
    case 'list': {
      const vars = check(ListVars, env);
      const { CLOUDFLARE_ZONE_IDS: zoneIds, LIST_NAME: listName, CHALLENGE_LIST_NAME: second } = vars;
      return { mode, ...apiOf(vars, env), zoneIds, listName, challengeListName: second === '' ? null : second };
    }
    case 'access-rules': {
      const scope = check(ScopeVars, env).ACCESS_RULES_SCOPE;
      if (scope === 'account') {
        const unusedZoneIds = ZoneVars.safeParse(env).data?.CLOUDFLARE_ZONE_IDS ?? [];
        return { mode, ...apiOf(check(ApiVars, env), env), zoneIds: null, unusedZoneIds };
      }
      const vars = check(ZoneVars, env);
      return { mode, ...apiOf(vars, env), zoneIds: vars.CLOUDFLARE_ZONE_IDS };
    }
  }
}

function apiOf(vars: z.infer<typeof ApiVars>, env: Env): ApiSettings {
  const { CLOUDFLARE_API_BASE: apiBase, CLOUDFLARE_ACCOUNT_ID: accountId, CLOUDFLARE_API_TOKEN: token } = vars;
  const former = formerOf(env);
  return { apiBase, accountId, token, instance: vars.INSTANCE, ...(former === null ? {} : { former }) };
}

/** Null: nothing is told of settings of before. */
function formerOf(env: Env): FormerSettings | null {
  const vars = check(FormerVars, env);
  const { FORMER_LISTS: lists, FORMER_CHALLENGE_LISTS: challengeLists, FORMER_ACCESS_RULES: accessRules } = vars;
  if (Object.values(vars).every((each) => each.length === 0)) return null;
  const zones = ZoneVars.safeParse(env).data?.CLOUDFLARE_ZONE_IDS ?? [];
  const droppedZoneIds = vars.FORMER_ZONE_IDS.filter((zone) => !zones.includes(zone));
  return { zoneIds: [...zones, ...droppedZoneIds], droppedZoneIds, lists, challengeLists, accessRules };
}

function check<T>(schema: z.ZodType<T>, env: Env): T {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  const findings = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new EdgebanError('ERR_SETTINGS', findings.join('; '), { file: 'wrangler.toml' });
}

function toPrefix(text: string, context: z.RefinementCtx): Prefix {
  const prefix = parsePrefix(text);
  if (prefix !== null) return prefix;
  context.addIssue({ code: 'custom', message: 'not an IP address or network' });
  return z.NEVER;
}

/** As fail2ban writes lengths of time: `600`, `4w`, `1y`; negative: without end. */
function toSeconds(text: string, context: z.RefinementCtx): Seconds {
  try {
    return parseSeconds(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not a length of time such as 600, 4w or 1y' });
    return z.NEVER;
  }
}
