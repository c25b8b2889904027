/** Which request goes where in the fake, and which permission it takes. */
import { accessRules, createAccessRule, deleteAccessRule, oneAccessRule, patchAccessRule } from './access-rules.ts';
import { ips, oneZone, verifyToken, zones } from './account.ts';
import { allLists, createList, deleteList, listItems, oneList } from './lists.ts';
import { allNamespaces, createNamespace, deleteNamespace } from './namespaces.ts';
import { appendItems, deleteItems, pollOperation, replaceItems } from './operations.ts';
import type { FakeOptions, Scope } from './options.ts';
import { Refusal, type Reply } from './reply.ts';
import {
  addRule,
  createRuleset,
  deleteRule,
  entrypoint,
  oneRuleset,
  patchRule,
  replaceRuleset,
  zoneRulesets,
} from './rulesets.ts';
import { createToken, deleteToken, listTokens, permissionGroups } from './tokens.ts';
import { addRoute, deleteRoute, putRoutes, zoneRoutes } from './worker-routes.ts';
import {
  accountSubdomain,
  allScripts,
  deleteScript,
  deployVersion,
  scriptDeployments,
  scriptSecrets,
  scriptSettings,
  service,
  setScriptSubdomain,
  uploadScript,
  uploadVersion,
  worker,
} from './workers.ts';
import type { Asked, World } from './world.ts';

export interface Route {
  readonly method: string;
  readonly path: string;
  /** One of these is needed; empty: any token; null: none at all. */
  readonly scopes: readonly Scope[] | null;
  readonly run: (world: World, asked: Asked) => Reply;
}

const readLists: readonly Scope[] = ['Account Rule Lists Read', 'Account Rule Lists Write'];
const writeLists: readonly Scope[] = ['Account Rule Lists Write'];
const readWaf: readonly Scope[] = ['Zone WAF Read', 'Zone WAF Write'];
const writeWaf: readonly Scope[] = ['Zone WAF Write'];
const readAccess: readonly Scope[] = ['Account Firewall Access Rules Read', 'Account Firewall Access Rules Write'];
const writeAccess: readonly Scope[] = ['Account Firewall Access Rules Write'];
const readZoneAccess: readonly Scope[] = ['Firewall Services Read', 'Firewall Services Write'];
const writeZoneAccess: readonly Scope[] = ['Firewall Services Write'];
const readScripts: readonly Scope[] = ['Workers Scripts Read', 'Workers Scripts Write'];
const writeScripts: readonly Scope[] = ['Workers Scripts Write'];
const readRoutes: readonly Scope[] = ['Workers Routes Read', 'Workers Routes Write'];
const writeRoutes: readonly Scope[] = ['Workers Routes Write'];
const readKv: readonly Scope[] = ['Workers KV Storage Read', 'Workers KV Storage Write'];
const writeKv: readonly Scope[] = ['Workers KV Storage Write'];
const accountTokens: readonly Scope[] = ['Account API Tokens Write'];
const userTokens: readonly Scope[] = ['API Tokens Write'];
const workers = '/accounts/:account/workers';
const script = `${workers}/scripts/:script`;
const namespaces = '/accounts/:account/storage/kv/namespaces';
const access = '/accounts/:account/firewall/access_rules/rules';
const zoneAccess = '/zones/:zone/firewall/access_rules/rules';
const lists = '/accounts/:account/rules/lists';
const rulesets = '/zones/:zone/rulesets';

export const routes: readonly Route[] = [
  { method: 'GET', path: '/ips', scopes: null, run: ips },
  { method: 'GET', path: '/user/tokens/verify', scopes: [], run: verifyToken('user') },
  { method: 'GET', path: '/accounts/:account/tokens/verify', scopes: [], run: verifyToken('account') },
  { method: 'GET', path: '/zones', scopes: ['Zone Read'], run: zones },
  { method: 'GET', path: '/zones/:zone', scopes: ['Zone Read'], run: oneZone },
  { method: 'GET', path: '/user/tokens/permission_groups', scopes: userTokens, run: permissionGroups },
  { method: 'GET', path: '/user/tokens', scopes: userTokens, run: listTokens('user') },
  { method: 'POST', path: '/user/tokens', scopes: userTokens, run: createToken('user') },
  { method: 'DELETE', path: '/user/tokens/:token', scopes: userTokens, run: deleteToken },
  { method: 'GET', path: '/accounts/:account/tokens/permission_groups', scopes: accountTokens, run: permissionGroups },
  { method: 'GET', path: '/accounts/:account/tokens', scopes: accountTokens, run: listTokens('account') },
  { method: 'POST', path: '/accounts/:account/tokens', scopes: accountTokens, run: createToken('account') },
  { method: 'DELETE', path: '/accounts/:account/tokens/:token', scopes: accountTokens, run: deleteToken },
  { method: 'GET', path: namespaces, scopes: readKv, run: allNamespaces },
  { method: 'POST', path: namespaces, scopes: writeKv, run: createNamespace },
  { method: 'DELETE', path: `${namespaces}/:namespace`, scopes: writeKv, run: deleteNamespace },
  { method: 'GET', path: `${workers}/scripts`, scopes: readScripts, run: allScripts },
  { method: 'PUT', path: script, scopes: writeScripts, run: uploadScript },
  { method: 'DELETE', path: script, scopes: writeScripts, run: deleteScript },
  { method: 'GET', path: `${script}/settings`, scopes: readScripts, run: scriptSettings },
  { method: 'GET', path: `${script}/secrets`, scopes: readScripts, run: scriptSecrets },
  { method: 'POST', path: `${script}/versions`, scopes: writeScripts, run: uploadVersion },
  { method: 'POST', path: `${script}/deployments`, scopes: writeScripts, run: deployVersion },
  { method: 'PATCH', path: `${script}/script-settings`, scopes: writeScripts, run: scriptSettings },
  { method: 'GET', path: `${script}/deployments`, scopes: readScripts, run: scriptDeployments },
  { method: 'POST', path: `${script}/subdomain`, scopes: writeScripts, run: setScriptSubdomain },
  { method: 'PUT', path: `${script}/routes`, scopes: writeRoutes, run: putRoutes },
  { method: 'GET', path: '/zones/:zone/workers/routes', scopes: readRoutes, run: zoneRoutes },
  { method: 'POST', path: '/zones/:zone/workers/routes', scopes: writeRoutes, run: addRoute },
  { method: 'DELETE', path: '/zones/:zone/workers/routes/:route', scopes: writeRoutes, run: deleteRoute },
  { method: 'GET', path: `${workers}/services/:script`, scopes: readScripts, run: service },
  { method: 'GET', path: `${workers}/workers/:script`, scopes: readScripts, run: worker },
  { method: 'GET', path: `${workers}/subdomain`, scopes: readScripts, run: accountSubdomain },
  { method: 'GET', path: lists, scopes: readLists, run: allLists },
  { method: 'POST', path: lists, scopes: writeLists, run: createList },
  { method: 'GET', path: `${lists}/bulk_operations/:operation`, scopes: readLists, run: pollOperation },
  { method: 'GET', path: `${lists}/:list`, scopes: readLists, run: oneList },
  { method: 'DELETE', path: `${lists}/:list`, scopes: writeLists, run: deleteList },
  { method: 'GET', path: `${lists}/:list/items`, scopes: readLists, run: listItems },
  { method: 'POST', path: `${lists}/:list/items`, scopes: writeLists, run: appendItems },
  { method: 'PUT', path: `${lists}/:list/items`, scopes: writeLists, run: replaceItems },
  { method: 'DELETE', path: `${lists}/:list/items`, scopes: writeLists, run: deleteItems },
  { method: 'GET', path: access, scopes: readAccess, run: accessRules },
  { method: 'POST', path: access, scopes: writeAccess, run: createAccessRule },
  { method: 'GET', path: `${access}/:rule`, scopes: readAccess, run: oneAccessRule },
  { method: 'PATCH', path: `${access}/:rule`, scopes: writeAccess, run: patchAccessRule },
  { method: 'DELETE', path: `${access}/:rule`, scopes: writeAccess, run: deleteAccessRule },
  { method: 'GET', path: zoneAccess, scopes: readZoneAccess, run: accessRules },
  { method: 'POST', path: zoneAccess, scopes: writeZoneAccess, run: createAccessRule },
  { method: 'PATCH', path: `${zoneAccess}/:rule`, scopes: writeZoneAccess, run: patchAccessRule },
  { method: 'DELETE', path: `${zoneAccess}/:rule`, scopes: writeZoneAccess, run: deleteAccessRule },
  { method: 'GET', path: rulesets, scopes: readWaf, run: zoneRulesets },
  { method: 'POST', path: rulesets, scopes: writeWaf, run: createRuleset },
  { method: 'GET', path: `${rulesets}/phases/:phase/entrypoint`, scopes: readWaf, run: entrypoint },
  { method: 'PUT', path: `${rulesets}/phases/:phase/entrypoint`, scopes: writeWaf, run: replaceRuleset },
  { method: 'GET', path: `${rulesets}/:ruleset`, scopes: readWaf, run: oneRuleset },
  { method: 'PUT', path: `${rulesets}/:ruleset`, scopes: writeWaf, run: replaceRuleset },
  { method: 'POST', path: `${rulesets}/:ruleset/rules`, scopes: writeWaf, run: addRule },
  { method: 'PATCH', path: `${rulesets}/:ruleset/rules/:rule`, scopes: writeWaf, run: patchRule },
  { method: 'DELETE', path: `${rulesets}/:ruleset/rules/:rule`, scopes: writeWaf, run: deleteRule },
];

export interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

export function findRoute(options: FakeOptions, method: string, path: string): Found {
  let known = false;
  for (const route of routes) {
    const params = match(route.path, path);
    if (params === null || !ownIds(options, params)) continue;
    if (route.method === method) return { route, params };
    known = true;
  }
  if (known) throw new Refusal(405, 7001, `Method ${method} not available for that URI.`);
  throw new Refusal(404, 7003, `Could not route to ${path}, perhaps your object identifier is invalid?`);
}

function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = value;
    else if (part !== value) return null;
  }
  return params;
}

/** Of an account or zone that is not ours nothing can be said. */
function ownIds(options: FakeOptions, params: Readonly<Record<string, string>>): boolean {
  const { account, zone } = params;
  const ownZone = zone === undefined || options.zones.some(({ id }) => id === zone);
  return ownZone && (account === undefined || account === options.account);
}
