/** What the ledger and its enforcement at Cloudflare promise each other. */
import type { ErrorCode } from '../../shared/errors.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime, Until } from '../../shared/time.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface EnforcementSettings {
  /** `https://api.cloudflare.com/client/v4`, without a slash at the end. */
  readonly apiBase: string;
  readonly accountId: string;
  readonly zoneIds: readonly string[];
  /** `^[a-z0-9_]{1,50}$` */
  readonly listName: string;
  readonly token: string;
  /** Marks our items (`edgeban:<instance>:…`), so that two edgebans can share a list; `main` unless set. `^[a-z0-9-]{1,32}$` */
  readonly instance?: string;
}

export interface Wanted {
  /** Canonical address or CIDR (shared/address.ts). */
  readonly address: string;
  /** For people, at most 80 characters are kept; the owner's mark and `until` are put before it. */
  readonly comment: string;
  readonly until: Until;
}

export interface Enforcement {
  /**
   * Goes a bounded way (40 API calls at the most, no sleeping) towards `wanted`, the most important first: beyond
   * Cloudflare's cap the last are left out. Never throws for Cloudflare's failures: status() tells them. `again` is when
   * it wants to be called next (null: not before `wanted` changes). May be called at any time; a call during another
   * does nothing and asks to come again.
   */
  step(wanted: readonly Wanted[], now: UnixTime): Promise<{ again: UnixTime | null }>;
  /** What is known without asking Cloudflare. */
  status(now: UnixTime): EnforcementStatus;
}

export interface EnforcementStatus {
  /** As of the last step and reading, the list holds exactly what was wanted then (but for what `leftOut` and `refused` say) and each zone has its rule. */
  readonly inStep: boolean;
  readonly list: { readonly name: string; readonly id: string | null; readonly ours: number; readonly foreign: number };
  readonly wanted: number;
  /** Wanted, but not in the list as far as we know. */
  readonly missing: number;
  /** In the list as ours, but no longer wanted. */
  readonly surplus: number;
  readonly operation: { readonly kind: 'append' | 'remove'; readonly items: number; readonly since: UnixTime } | null;
  /** Wanted, but there is no room (10,000 items an account); the first 100 by name. */
  readonly leftOut: { readonly count: number; readonly addresses: readonly string[] };
  /** Wanted, but already listed by somebody else, whose item is left alone; the first 100 by name. */
  readonly foreign: { readonly count: number; readonly addresses: readonly string[] };
  /** Wanted, but Cloudflare's lists do not take it; tried again after 15 minutes; the first 100. */
  readonly refused: { readonly count: number; readonly addresses: readonly string[] };
  readonly rules: readonly RuleStatus[];
  /** The newest failure that has not cleared. */
  readonly error: StatusError | null;
  /** Nothing is asked of Cloudflare before this time (back-off or budget). */
  readonly waitUntil: UnixTime | null;
  readonly reconciledAt: UnixTime | null;
}

export interface RuleStatus {
  readonly zone: string;
  readonly rule: string | null;
  /** False where somebody switched it off by hand: that is respected, and said here. */
  readonly enabled: boolean;
  /** False where another rule stands before ours. */
  readonly first: boolean;
  /** Why the zone's rule could not be seen to; the other zones and the list go on. */
  readonly error: StatusError | null;
}

export interface StatusError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly since: UnixTime;
}

export interface EnforcementParts {
  readonly sql: Sql;
  readonly settings: EnforcementSettings;
  readonly fetch: Fetch;
  /** One line for the operator, without secrets. */
  readonly log: (line: string) => void;
  /** How long one request may take; 15,000 unless set. */
  readonly timeout_ms?: number;
}
