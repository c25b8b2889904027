/** What the ledger and its enforcement at Cloudflare promise each other. */
import type { ErrorCode } from '../../shared/errors.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime, Until } from '../../shared/time.ts';
import type { Bucket, BudgetStatus } from './budget.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What every mode needs. */
export interface ApiSettings {
  /** `https://api.cloudflare.com/client/v4`, without a slash at the end. */
  readonly apiBase: string;
  readonly accountId: string;
  readonly token: string;
  /** Marks what is ours (`edgeban:<instance>:…`), so that two edgebans can share an account; `main` unless set. `^[a-z0-9-]{1,32}$` */
  readonly instance?: string;
  /** What settings of before have made and may have left. */
  readonly former?: FormerSettings;
}

/** Told by settings, for a ledger that was lost does not know it: what has been made has no end of its own, and would stay. */
export interface FormerSettings {
  /** Where its rules may stand: the zones of now, and those that settings name no more. */
  readonly zoneIds: readonly string[];
  readonly droppedZoneIds: readonly string[];
  readonly lists: readonly string[];
  readonly challengeLists: readonly string[];
  readonly accessRules: readonly ('account' | 'zones')[];
}

/** One list of the account, and one WAF rule in each zone that blocks what it holds; perhaps another pair that challenges. */
export interface ListSettings extends ApiSettings {
  readonly mode: 'list';
  readonly zoneIds: readonly string[];
  /** `^[a-z0-9_]{1,50}$` */
  readonly listName: string;
  /** Of the list whose addresses are challenged; null or none: challenges are not enforced. */
  readonly challengeListName?: string | null;
}

/** One IP access rule for each address, of the whole account or of each zone. */
export interface AccessRulesSettings extends ApiSettings {
  readonly mode: 'access-rules';
  /** Null: rules of the account, which hold for all its zones. */
  readonly zoneIds: readonly string[] | null;
  /** Zones that settings name though the rules are the account's: a lost ledger may have made some there before. */
  readonly unusedZoneIds?: readonly string[];
}

/** The modes that change something at Cloudflare; there is no enforcement at all in the mode `none`. */
export type EnforcementSettings = ListSettings | AccessRulesSettings;

/** What is done to an address. */
export type Action = 'block' | 'challenge';

export interface Wanted {
  /** Canonical address or CIDR (shared/address.ts). */
  readonly address: string;
  /** For people, at most 80 characters are kept; the owner's mark and `until` are put before it. */
  readonly comment: string;
  readonly action: Action;
  /** Of this action; a weaker one that lasts longer is wanted afterwards. */
  readonly until: Until;
}

/** What Cloudflare has of ours, as its comments tell it. */
export interface Survey {
  /** Null: not all of it could be read. */
  readonly found: readonly Wanted[] | null;
  /** When to come again. */
  readonly again: UnixTime;
}

/** What holds for all bans at once. */
export interface Stance {
  /** The operator has lifted all enforcement: our rules are switched off, and what was not off before comes on again afterwards. */
  readonly panic: boolean;
  /** Blocks are challenges. */
  readonly brake: boolean;
}

/** What all modes do; the ledger knows no more of them. */
export interface Enforcement {
  /**
   * Goes a bounded way (40 API calls at the most, no sleeping) towards `wanted`, the most important first: beyond
   * Cloudflare's cap the last are left out. Never throws for Cloudflare's failures: status() tells them. `again` is when
   * it wants to be called next (null: not before `wanted` changes). May be called at any time; a call during another
   * does nothing and asks to come again.
   */
  step(wanted: readonly Wanted[], now: UnixTime): Promise<{ again: UnixTime | null }>;
  /**
   * Reads what bears our mark and changes none of it, for a ledger that has lost its memory. Where not
   * all of it could be read, status() tells why. As bounded as a step.
   */
  survey(now: UnixTime): Promise<Survey>;
  /**
   * Carries out at once what has changed in the stance, whatever back-off, budget or step is under way: a call for each
   * zone that has a rule of ours, 40 at the most; the next steps do nothing else before the others have followed, too. The
   * zones' rules afterwards; none where there is no such switch, and steps do it.
   * `revive`: rules that are off come on, too, whoever has switched them off.
   */
  switch(now: UnixTime, revive?: boolean): Promise<readonly RuleStatus[]>;
  /** Before this time a step would do nothing (back-off or budget); null: it may try. */
  waitsUntil(): UnixTime | null;
  /** What is known without asking Cloudflare. */
  status(now: UnixTime): EnforcementStatus;
  /** What is still there of former settings. */
  former(now: UnixTime): readonly FormerStatus[];
}

export type EnforcementStatus = ListStatus | AccessRulesStatus | NoneStatus;

/** Nothing is wanted at Cloudflare; at the most there is something left of a former mode. */
export interface NoneStatus extends CommonStatus {
  readonly mode: 'none';
}

/** What is left of a mode, a list or zones that settings no longer name; it goes once the present mode is in force. */
export interface FormerStatus {
  readonly mode: 'list' | 'access-rules';
  /** The list's name. */
  readonly name: string | null;
  /** Items or rules of ours; null: not read yet. */
  readonly left: number | null;
  /** Zones (or the account) where something may be left. */
  readonly zones: number;
  readonly error: StatusError | null;
  readonly waitUntil: UnixTime | null;
}

/** A count, and the first 100 by name. */
interface Named {
  readonly count: number;
  readonly addresses: readonly string[];
}

interface CommonStatus {
  /** As of the last step and reading, Cloudflare has exactly what was wanted then, but for what `leftOut`, `foreign`, `refused` and `unfit` say. */
  readonly inStep: boolean;
  readonly wanted: number;
  /** Wanted, but not at Cloudflare as far as we know. */
  readonly missing: number;
  /** At Cloudflare as ours, but no longer wanted. */
  readonly surplus: number;
  /** Wanted, but there is no room: recidivists first, then the newest were taken. */
  readonly leftOut: Named;
  /** Wanted, but somebody else has an item or rule for it, which is left alone. */
  readonly foreign: Named;
  /** Wanted, but Cloudflare refused it (ERR_CLOUDFLARE_REFUSED); tried again after 15 minutes. */
  readonly refused: Named;
  /** Wanted, but a network of a width that the mode can neither take nor split (ERR_CLOUDFLARE_WIDTH). */
  readonly unfit: Named;
  /** The newest failure that has not cleared. */
  readonly error: StatusError | null;
  /** Nothing is asked of Cloudflare before this time (back-off or budget). */
  readonly waitUntil: UnixTime | null;
  readonly reconciledAt: UnixTime | null;
}

/** In step, each zone has its rule, too. */
export interface ListStatus extends CommonStatus {
  readonly mode: 'list';
  readonly list: ListFacts;
  /** Null: settings name none. */
  readonly challengeList: (ListFacts & { readonly error: StatusError | null }) | null;
  readonly operation: { readonly kind: 'append' | 'remove'; readonly items: number; readonly since: UnixTime } | null;
  readonly rules: readonly RuleStatus[];
  /** Not enforced: these are to be challenged, and there is no list for that. */
  readonly challenged: Named;
  readonly budgets: readonly BudgetStatus[];
}

interface ListFacts {
  readonly name: string;
  readonly id: string | null;
  readonly ours: number;
  readonly foreign: number;
}

export interface AccessRulesStatus extends CommonStatus {
  readonly mode: 'access-rules';
  readonly scopes: readonly ScopeStatus[];
  readonly budgets: readonly BudgetStatus[];
}

/** The account, or a zone: each has access rules of its own. */
export interface ScopeStatus {
  readonly scope: 'account' | 'zone';
  readonly id: string;
  readonly ours: number;
  readonly missing: number;
  readonly surplus: number;
  /** Why nothing could be done there; the other zones go on. */
  readonly error: StatusError | null;
}

export interface RuleStatus {
  readonly zone: string;
  /** What it does when the brake is not pulled. */
  readonly action: Action;
  readonly rule: string | null;
  /** False where somebody switched it off by hand: that is respected, and said here. */
  readonly enabled: boolean;
  /** False where a rule of others stands before it. */
  readonly first: boolean;
  /** A switch for all bans has not come to it yet: one invocation may make so many calls, and the next ones go on. */
  readonly waiting: boolean;
  /** Why the zone's rule could not be seen to; the other zones and the list go on. */
  readonly error: StatusError | null;
}

export interface StatusError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly since: UnixTime;
}

export interface EnforcementParts<S extends EnforcementSettings = EnforcementSettings> {
  readonly sql: Sql;
  readonly settings: S;
  readonly fetch: Fetch;
  /** Asked before every change of a rule; nothing is lifted or softened unless set. */
  readonly stance?: () => Stance;
  /** One line for the operator, without secrets. */
  readonly log: (line: string) => void;
  /** What is left of the calls in the mode of before; null: nothing is known of one. */
  readonly calls?: Bucket | null;
  /** Is this a former mode, which leaves most of the calls to the present one? */
  readonly spares?: boolean;
  /** How long one request may take; 15,000 unless set. */
  readonly timeout_ms?: number;
}
