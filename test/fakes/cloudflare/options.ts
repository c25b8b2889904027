/** What a fake account is made of: ids, zones, tokens with their permissions, the limits of a plan. */
import { z } from 'zod';

/** Cloudflare's names of the permission groups that the fake knows. */
export const Scope = z.enum([
  'Account Rule Lists Read',
  'Account Rule Lists Write',
  'Zone WAF Read',
  'Zone WAF Write',
  'Zone Read',
  'Account Firewall Access Rules Read',
  'Account Firewall Access Rules Write',
  'Firewall Services Read',
  'Firewall Services Write',
  'Workers Scripts Read',
  'Workers Scripts Write',
  'Workers Routes Read',
  'Workers Routes Write',
  'Workers KV Storage Read',
  'Workers KV Storage Write',
  'Account API Tokens Read',
  'Account API Tokens Write',
  'API Tokens Read',
  'API Tokens Write',
]);
export type Scope = z.infer<typeof Scope>;

const id = z.string().regex(/^[0-9a-f]{32}$/);

export const FakeLimits = z.strictObject({
  lists_max: z.number().int().default(1),
  items_max: z.number().int().default(10_000),
  rules_max: z.number().int().default(5),
  access_rules_max: z.number().int().default(50_000),
  access_rules_page_max: z.number().int().default(1_000),
  requests_per_window_max: z.number().int().default(1_200),
  window_s: z.number().default(300),
  item_requests_per_12h_max: z.number().int().default(30_000),
  item_changes_per_12h_max: z.number().int().default(1_000_000),
  body_bytes_max: z
    .number()
    .int()
    .default(4 * 1024 * 1024),
  journal_max: z.number().int().default(5_000),
});
export type FakeLimits = z.infer<typeof FakeLimits>;

export const FakeOptions = z.strictObject({
  account: id,
  zones: z.array(z.strictObject({ id, name: z.string() })).max(50),
  tokens: z
    .array(
      z.strictObject({
        /** Known by this in control and state; the secret itself goes nowhere. */
        name: z.string(),
        secret: z.string().min(8),
        kind: z.enum(['user', 'account']).default('account'),
        scopes: z.array(Scope).default([...Scope.options]),
        expires_on: z.iso.datetime().optional(),
      }),
    )
    .max(50),
  /** Of workers.dev; null: the account has none yet. */
  subdomain: z.string().nullable().default('fake-account'),
  operation_ms: z.number().default(300),
  limits: FakeLimits.prefault({}),
});
export type FakeOptions = z.infer<typeof FakeOptions>;
export type FakeOptionsInput = z.input<typeof FakeOptions>;
/** `zones`: those that it is for; all, where it was not made through the API. */
export type Token = FakeOptions['tokens'][number] & { readonly zones?: readonly string[] };
