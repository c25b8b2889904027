/** The edge in the world: the Worker in workerd (through wrangler) and the fake Cloudflare API that it enforces on. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { edgeAddress } from './network.ts';
import { here, type Program } from './place.ts';
import { until } from './wait.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

const account = '0123456789abcdef0123456789abcdef';
const zone = 'fedcba9876543210fedcba9876543210';
const ports = { worker: 8787, fake: 8788 } as const;

export const listName = 'edgeban';

/** What another tool and another person have in the account before edgeban comes: an item of the one free list, a rule. */
export const foreign = {
  item: { ip: '198.51.100.77', comment: 'by hand' },
  rule: { ref: 'by_hand', action: 'block', expression: '(http.request.uri.path eq "/old")', enabled: true },
} as const;

export interface Edge {
  readonly folder: string;
  /** Where hosts and operators reach the Worker. */
  readonly url: string;
  readonly operatorToken: string;
  readonly cloudflareToken: string;
  fake: Program;
  worker: Program;
}

export async function makeEdge(root: string): Promise<Edge> {
  const folder = join(root, 'edge');
  mkdirSync(join(folder, 'home'), { recursive: true });
  const tokens = {
    operatorToken: randomBytes(24).toString('base64url'),
    cloudflareToken: randomBytes(24).toString('base64url'),
  };
  writeSecrets(folder, tokens);
  const unborn = here.start('nothing', ['true'], join(folder, 'nothing.log'));
  const edge: Edge = { folder, url: `http://${edgeAddress}:${ports.worker}`, ...tokens, fake: unborn, worker: unborn };
  await startFake(edge);
  await control('seedItems', { list: listName, items: [foreign.item] });
  await control('seedRules', { zone, rules: [foreign.rule] });
  await startWorker(edge);
  return edge;
}

/** Secrets reach the programs in files: a command line can be read by everyone on a machine. */
function writeSecrets(folder: string, tokens: { operatorToken: string; cloudflareToken: string }): void {
  const fake = {
    account,
    zones: [{ id: zone, name: 'example.test' }],
    tokens: [{ name: 'runtime', secret: tokens.cloudflareToken }],
  };
  writeFileSync(join(folder, 'fake.json'), JSON.stringify(fake), { mode: 0o600 });
  const worker = {
    CLOUDFLARE_API_BASE: `http://${edgeAddress}:${ports.fake}/client/v4`,
    CLOUDFLARE_ACCOUNT_ID: account,
    CLOUDFLARE_ZONE_IDS: zone,
    ENFORCEMENT: 'list',
    LIST_NAME: listName,
    CLOUDFLARE_API_TOKEN: tokens.cloudflareToken,
    OPERATOR_TOKEN: tokens.operatorToken,
  };
  const lines = Object.entries(worker).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, 'worker.env'), lines.join(''), { mode: 0o600 });
}

/** Starts the fake, with the state it had before if it ran before. */
export async function startFake(edge: Edge): Promise<void> {
  const { folder } = edge;
  const main = join(checkout, 'test/fakes/cloudflare/main.ts');
  const state = join(folder, 'fake-state.json');
  const command = [process.execPath, main, '--port', String(ports.fake), '--ip', edgeAddress, '--state', state];
  const env = { FAKE_CLOUDFLARE_OPTIONS_FILE: join(folder, 'fake.json') };
  edge.fake = here.start('fake Cloudflare', command, join(folder, 'fake.log'), env);
  await until('the fake Cloudflare API', async () => (await control('state')) !== undefined);
}

/** Starts wrangler with workerd, with the Durable Object and KV that it had before if it ran before. */
export async function startWorker(edge: Edge): Promise<void> {
  const { folder } = edge;
  const wrangler = join(checkout, 'node_modules/wrangler/bin/wrangler.js');
  const where = ['--ip', edgeAddress, '--port', String(ports.worker), '--inspector-port', '0'];
  const state = ['--persist-to', join(folder, 'state'), '--env-file', join(folder, 'worker.env')];
  const config = ['--config', writeConfig(folder)];
  const quiet = ['--local', '--log-level', 'info', '--show-interactive-dev-session=false'];
  // wrangler writes logs and caches into its home; CI keeps it from asking questions
  const env = { HOME: join(folder, 'home'), CI: 'true', WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' };
  const command = [process.execPath, wrangler, 'dev', ...config, ...where, ...state, ...quiet];
  edge.worker = here.start('wrangler', command, join(folder, 'worker.log'), env);
  const answers = async () => {
    if (!edge.worker.isRunning) throw new Error(`wrangler ended: ${edge.worker.log().slice(-2000)}`);
    return (await fetch(`${edge.url}/v1/health`, { signal: AbortSignal.timeout(10_000) })).ok;
  };
  await until('the Worker', answers, { within_ms: 120_000 });
}

/** wrangler works in the folder of its configuration: it gets a copy, and the checkout is left alone. */
function writeConfig(folder: string): string {
  const text = readFileSync(join(checkout, 'wrangler.toml'), 'utf8');
  const file = join(folder, 'wrangler.toml');
  writeFileSync(
    file,
    text.replace(/^main = "(.*)"$/m, (_, main: string) => `main = ${JSON.stringify(join(checkout, main))}`),
  );
  return file;
}

/** The fake's control: what is in Cloudflare, and what is to go wrong there. */
export async function control(word: string, argument?: unknown): Promise<unknown> {
  const url = `http://${edgeAddress}:${ports.fake}/__fake/${word}`;
  const body = argument === undefined ? '' : JSON.stringify(argument);
  const reply = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  const { success, result, errors } = (await reply.json()) as { success: boolean; result: unknown; errors: unknown };
  if (!success) throw new Error(`fake ${word}: ${JSON.stringify(errors)}`);
  return result ?? null;
}

/** A request to Cloudflare's API with the Worker's own token: what the real dashboard would show. */
export async function cloudflare(edge: Edge, path: string): Promise<unknown> {
  const url = `http://${edgeAddress}:${ports.fake}/client/v4${path}`;
  const reply = await fetch(url, { headers: { authorization: `Bearer ${edge.cloudflareToken}` } });
  const { success, result, errors } = (await reply.json()) as { success: boolean; result: unknown; errors: unknown };
  if (!success) throw new Error(`GET ${path}: ${JSON.stringify(errors)}`);
  return result;
}

interface ListItem {
  readonly id: string;
  readonly ip: string;
  readonly comment?: string;
}

/** The items of edgeban's list, read through Cloudflare's API; none if there is no list. */
export async function listItems(edge: Edge): Promise<readonly ListItem[]> {
  const lists = (await cloudflare(edge, `/accounts/${account}/rules/lists`)) as { id: string; name: string }[];
  const list = lists.find(({ name }) => name === listName);
  if (list === undefined) return [];
  return (await cloudflare(edge, `/accounts/${account}/rules/lists/${list.id}/items?per_page=500`)) as ListItem[];
}

interface WafRule {
  readonly id: string;
  readonly ref?: string;
  readonly expression: string;
  readonly action: string;
  readonly enabled: boolean;
}

/** The zone's custom rules, read through Cloudflare's API. */
export async function wafRules(edge: Edge): Promise<readonly WafRule[]> {
  const path = `/zones/${zone}/rulesets/phases/http_request_firewall_custom/entrypoint`;
  return ((await cloudflare(edge, path)) as { rules?: WafRule[] }).rules ?? [];
}

/** As the operator's file has it: for the doctor, with the Worker's own token. */
export function cloudflareAccess(edge: Edge) {
  const base = `http://${edgeAddress}:${ports.fake}/client/v4`;
  const zones = [{ id: zone, name: 'example.test' }];
  return { base, account, zones, mode: 'list', list: listName, token: edge.cloudflareToken };
}

/** A request of the operator to the Worker; undefined for a 404. */
export async function operator(edge: Edge, method: string, path: string, body?: unknown): Promise<unknown> {
  const headers = { authorization: `Bearer ${edge.operatorToken}`, 'content-type': 'application/json' };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const reply = await fetch(`${edge.url}${path}`, init);
  if (reply.status === 404) return undefined;
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}
