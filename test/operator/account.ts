/** A Cloudflare account for the operator's verbs: the fake API, tokens of all kinds, and two who stand in for wrangler and the Worker. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeOptionsInput, Scope } from '../fakes/cloudflare/options.ts';
import { createFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/server.ts';
import { edge, type Play, type Played } from './fake-world.ts';

export const accountId = '0123456789abcdef0123456789abcdef';
export const zone = { id: 'fedcba9876543210fedcba9876543210', name: 'example.test' } as const;
export const other = { id: 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', name: 'example.org' } as const;

/** No setup is made without these. */
const needed: Scope[] = ['Zone Read', 'Workers Scripts Write', 'Workers KV Storage Write', 'Account Rule Lists Write'];

export const secrets = {
  user: 'cfut_set-up-token-of-a-user-0123456789',
  account: 'cfat_set-up-token-of-the-account-0123456789',
  /** May do all but make tokens. */
  plain: 'cfut_may-not-make-tokens-0123456789',
  narrow: 'cfut_lacks-two-permissions-0123456789',
  old: 'cfut_expired-long-ago-0123456789',
  runtime: 'cfat_made-by-hand-in-the-dashboard-0123456789',
} as const;

function options(changes: Partial<FakeOptionsInput>): FakeOptionsInput {
  const whole: Scope[] = [...needed, 'Zone WAF Write', 'Account Firewall Access Rules Write', 'Workers Routes Write'];
  return {
    account: accountId,
    zones: [zone, other],
    tokens: [
      { name: 'user', secret: secrets.user, kind: 'user', scopes: [...whole, 'API Tokens Write'] },
      { name: 'account', secret: secrets.account, kind: 'account', scopes: [...whole, 'Account API Tokens Write'] },
      { name: 'plain', secret: secrets.plain, kind: 'user', scopes: whole },
      {
        name: 'narrow',
        secret: secrets.narrow,
        kind: 'user',
        scopes: ['Zone Read', 'Workers Scripts Write', 'Account Rule Lists Read'],
      },
      { name: 'old', secret: secrets.old, kind: 'user', expires_on: '2020-01-01T00:00:00Z' },
      {
        name: 'by-hand',
        secret: secrets.runtime,
        kind: 'account',
        scopes: ['Account Rule Lists Write', 'Zone WAF Write'],
      },
    ],
    operation_ms: 20,
    ...changes,
  };
}

export interface Account {
  readonly dir: string;
  readonly file: string;
  readonly base: string;
  readonly fake: FakeCloudflare;
  /** Where the Worker answers, as the stand-in plays it. */
  readonly url: string;
  /** What the stand-in says of itself; to be changed by tests. */
  readonly said: { recoveryDue: boolean; former: readonly object[] };
  /** The words that bring in the stand-ins. */
  readonly deployed: readonly string[];
  run(words: readonly string[], play?: Play & { readonly token?: string }): Promise<Played>;
  /** Setup with what every test says. */
  setup(words?: readonly string[], play?: Play & { readonly token?: string }): Promise<Played>;
  /** What was asked of Cloudflare and may have changed something, since the last look. */
  writes(): string[];
  close(): Promise<void>;
}

export async function openAccount(changes: Partial<FakeOptionsInput> = {}, url?: string): Promise<Account> {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-account-'));
  const fake = createFakeCloudflare({ options: options(changes), file: null, now: Date.now });
  const base = await fake.listen(0, '127.0.0.1');
  const said: Account['said'] = { recoveryDue: false, former: [] };
  const worker = url === undefined ? await standIn(fake, said) : null;
  const at = url ?? worker?.url ?? '';
  const file = join(dir, 'etc/operator.json');
  const wrangler = join(dir, 'wrangler.mjs');
  writeFileSync(wrangler, uploader);
  let seen = 0;
  const run: Account['run'] = (words, { token = secrets.user, env = {}, ...play } = {}) =>
    edge(words.includes('--operator-file') ? words : [...words, '--operator-file', file], {
      dir,
      env: { PATH: process.env['PATH'] ?? '', CLOUDFLARE_API_BASE_URL: base, CLOUDFLARE_API_TOKEN: token, ...env },
      ...play,
    });
  const own = url === undefined ? ['--wrangler', wrangler] : [];
  return {
    dir,
    file,
    base,
    fake,
    url: at,
    said,
    run,
    deployed: ['--url', at, ...own],
    setup: (words = [], play = {}) => {
      const zones = words.includes('--zone') ? [] : ['--zone', zone.name];
      const sure = play.answers === undefined ? ['--yes'] : [];
      return run(['setup', ...zones, '--url', at, ...own, ...sure, ...words], play);
    },
    writes: () => {
      const journal = fake.control.journal().slice(seen);
      seen += journal.length;
      return journal
        .filter(({ method, path }) => method !== 'GET' && !path.includes('dry_run=true'))
        .map(
          ({ method, path, status }) =>
            `${method} ${path.replace(/\?.*/, '').replaceAll(/[0-9a-f]{32}/g, 'ID')} ${status}`,
        );
    },
    close: async () => {
      await fake.close();
      await worker?.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Does of wrangler what counts here: reads its configuration and the secrets from a pipe, and uploads. */
const uploader = `
import { readFileSync, writeFileSync } from 'node:fs';
const [, , verb, , config, , secrets] = process.argv;
writeFileSync(new URL('argv.json', import.meta.url), JSON.stringify(process.argv));
const { name, account_id, main, compatibility_date, vars, kv_namespaces, migrations, routes } = JSON.parse(readFileSync(config, 'utf8'));
const text = Object.entries(vars).map(([name, text]) => ({ type: 'plain_text', name, text }));
const secret = Object.entries(JSON.parse(readFileSync(secrets, 'utf8'))).map(([name, text]) => ({ type: 'secret_text', name, text }));
const kv = kv_namespaces.map(({ binding, id }) => ({ type: 'kv_namespace', name: binding, namespace_id: id }));
const form = new FormData();
const url = process.env.CLOUDFLARE_API_BASE_URL + '/accounts/' + account_id + '/workers/scripts/' + name;
const headers = { authorization: 'Bearer ' + process.env.CLOUDFLARE_API_TOKEN };
const before = await (await fetch(url + '/settings', { headers })).json();
const moved = before.result?.migration_tag === undefined ? { migrations: { new_tag: 'v1', steps: migrations.map(({ tag, ...step }) => step) } } : {};
const metadata = { main_module: 'index.js', bindings: [...text, ...secret, ...kv], compatibility_date, ...moved };
form.set('metadata', new Blob([JSON.stringify(metadata)], { type: 'application/json' }));
form.set('index.js', new Blob([readFileSync(main)], { type: 'application/javascript+module' }), 'index.js');
const answer = await fetch(url, { method: 'PUT', headers, body: form });
if (routes) await fetch(url + '/routes', { method: 'PUT', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(routes) });
if (!answer.ok) { console.error('upload failed', headers.authorization, await answer.text()); process.exit(1); }
`;

/** Answers as a Worker that is whole, once one is uploaded, and only to the operator whose token was uploaded with it. */
async function standIn(fake: FakeCloudflare, said: Account['said']): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const bindings = fake.control.state().scripts['edgeban']?.bindings ?? [];
    const value = (name: string) => bindings.find((each) => each.name === name)?.['text'];
    const isOperator = request.headers.authorization === `Bearer ${String(value('OPERATOR_TOKEN'))}`;
    const isOpen = bindings.length > 0 && (request.url === '/v1/health' || isOperator);
    response.writeHead(isOpen ? 200 : 404, { 'content-type': 'application/json' });
    if (isOpen && request.url === '/v1/alert-targets') return void response.end(JSON.stringify(targetsOf(value)));
    const whole = status(String(value('ENFORCEMENT')), String(value('CLOUDFLARE_ZONE_IDS')), said);
    response.end(JSON.stringify(isOpen ? whole : {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function targetsOf(value: (name: string) => unknown) {
  return { targets: (['webhook', 'ntfy'] as const).filter((name) => value(`ALERT_${name.toUpperCase()}`)) };
}

function status(mode: string, zones: string, { recoveryDue, former }: Account['said']) {
  const named = { count: 0, addresses: [] };
  const rules = zones.split(',').map((each) => ({ zone: each, rule: 'r', enabled: true, first: true, error: null }));
  const counts = { wanted: 0, missing: 0, surplus: 0, leftOut: named, foreign: named, refused: named, unfit: named };
  const detail = {
    inStep: true,
    ...counts,
    error: null,
    waitUntil: null,
    rules,
    list: { name: 'x', id: 'x', ours: 0, foreign: 0 },
  };
  return {
    ledger: 'l',
    revision: 0,
    bans: 0,
    hosts: 0,
    over_share: [],
    listeners: 0,
    panic: null,
    brake: null,
    recovery: { due: recoveryDue, at: null, bans: 0, refused: 0 },
    ranges: { known: 22, at: null, error: null },
    snapshot: { current: true, written_at: null, error: null },
    enforcement: { mode, current: true, detail: mode === 'none' || mode === 'gate' ? null : detail, former },
  };
}
