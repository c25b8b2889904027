/** Everything the fake remembers, kept in one JSON file so that it outlives kill -9 as the real one's memory would. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { AccessRuleListResponse } from 'cloudflare/resources/firewall/access-rules';
import type { Namespace } from 'cloudflare/resources/kv/namespaces/namespaces';
import type { ItemListResponse } from 'cloudflare/resources/rules/lists/items';
import type { ListsList } from 'cloudflare/resources/rules/lists/lists';
import type { BlockRule } from 'cloudflare/resources/rulesets/rules';
import type { Ruleset } from 'cloudflare/resources/rulesets/rulesets';
import type { Token } from './options.ts';

export type Item = ItemListResponse.ListsListItemIPFull;
/** Without the two counts, which are counted when asked for. */
export type StoredList = Omit<ListsList, 'num_items' | 'num_referencing_filters'>;

/** As Cloudflare answers it, without what is the same for all; `scope` is the account (organization) or a zone. */
export type AccessRule = Readonly<Required<Pick<AccessRuleListResponse, 'id' | 'mode' | 'notes' | 'configuration'>>> & {
  readonly scope: { readonly id: string; readonly type: 'organization' | 'zone' };
  readonly created_on: string;
  readonly modified_on: string;
};

export interface Operation {
  readonly id: string;
  readonly list: string;
  readonly kind: 'append' | 'replace' | 'delete';
  /** For append and replace. */
  readonly items: readonly { readonly ip: string; readonly comment?: string }[];
  /** For delete. */
  readonly ids: readonly string[];
  readonly began_ms: number;
  due_ms: number;
  /** `stuck` never ends by itself; `forgotten` and `dropped` answer 404 (the latter without having been done). */
  fate: OperationFate;
  completed_ms: number | null;
  error: string | null;
}

export type OperationFate = 'done' | 'failed' | 'stuck' | 'forgotten' | 'dropped';

/** As Cloudflare answers it, with what it always gives; actions other than block have the same fields. */
export type Rule = Readonly<
  Required<Pick<BlockRule, 'id' | 'version' | 'last_updated' | 'ref' | 'expression' | 'enabled' | 'description'>>
> & { readonly action: string; readonly action_parameters?: Readonly<Record<string, unknown>> };

export type StoredRuleset = Ruleset & {
  readonly kind: 'zone';
  readonly phase: string;
  readonly rules: readonly Rule[];
};

/** How the next requests are ill-treated. */
export type FaultKind =
  | '302'
  | '400'
  | '429'
  | '500'
  | '503'
  | 'html-429'
  | 'false-200'
  | 'null-200'
  | 'hang'
  | 'cut-before'
  | 'cut-after'
  | 'hang-after';

export interface Fault {
  readonly kind: FaultKind;
  left: number;
  /** Only requests of these methods (all, if empty). */
  readonly methods: readonly string[];
  /** Seconds for `retry-after`; none is sent if null. */
  readonly retry_after: number | null;
}

export interface Script {
  readonly name: string;
  /** Of the last migration. */
  readonly tag: string | null;
  readonly classes: readonly string[];
  readonly bindings: readonly { readonly name: string; readonly type: string; readonly [key: string]: unknown }[];
  readonly compatibility_date: string;
  readonly etag: string;
  readonly created_on: string;
  readonly modified_on: string;
  /** How often it was uploaded. */
  readonly uploads: number;
  readonly subdomain: boolean;
}

export interface WorkerRoute {
  readonly id: string;
  readonly zone: string;
  readonly pattern: string;
  readonly script: string;
}

export interface State {
  readonly version: 1;
  lists: StoredList[];
  items: Record<string, Item[]>;
  operations: Operation[];
  accessRules: AccessRule[];
  /** By zone id: the entry point of http_request_firewall_custom. */
  rulesets: Record<string, StoredRuleset>;
  /** Names (never the secrets) of tokens that no longer work. */
  revoked: string[];
  scripts: Record<string, Script>;
  /** Uploaded, by id. */
  versions: Record<string, Script>;
  namespaces: Namespace[];
  /** Of the zones' Workers. */
  workerRoutes: WorkerRoute[];
  /** Made through the API, with their secrets. */
  tokens: (Token & { readonly id: string })[];
  faults: Fault[];
  fates: OperationFate[];
  frozen: boolean;
  latency_ms: number;
  operation_ms: number;
  /** `long` writes IPv6 addresses out in full, as one may not be surprised by. */
  v6: 'kept' | 'long';
  /** How no lists, items or rules are told: the API's description allows null. */
  none: 'empty' | 'null';
  /** What `/ips` tells; null: Cloudflare's own ranges as they are published. */
  ranges: { readonly ipv4_cidrs: readonly string[]; readonly ipv6_cidrs: readonly string[] } | null;
}

export function emptyState(operation_ms: number): State {
  return {
    version: 1,
    lists: [],
    items: {},
    operations: [],
    accessRules: [],
    rulesets: {},
    revoked: [],
    scripts: {},
    versions: {},
    namespaces: [],
    workerRoutes: [],
    tokens: [],
    faults: [],
    fates: [],
    frozen: false,
    latency_ms: 0,
    operation_ms,
    v6: 'kept',
    none: 'empty',
    ranges: null,
  };
}

/** The state in `file`; the fake wrote it, so a file that is not JSON is an error of ours and is thrown. */
export function loadState(file: string | null, operation_ms: number): State {
  if (file === null || !existsSync(file)) return emptyState(operation_ms);
  const stored: State = JSON.parse(readFileSync(file, 'utf8'));
  return { ...emptyState(operation_ms), ...stored };
}

/** Written beside and renamed over, so that no reader and no crash sees half of it. */
export function saveState(file: string | null, state: State): void {
  if (file === null) return;
  const beside = `${file}.${process.pid}.new`;
  writeFileSync(beside, JSON.stringify(state), { mode: 0o600 });
  renameSync(beside, file);
}
