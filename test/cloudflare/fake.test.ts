/** The fake Cloudflare API itself: that it refuses what the real one refuses, and remembers across kill -9. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../world/wait.ts';
import { account, openScene, type Scene, secret, wantMany, zoneIds } from './scene.ts';

const [zone] = zoneIds;
const lists = `/accounts/${account}/rules/lists`;
let scene: Scene;

interface Answer {
  readonly status: number;
  readonly code: number | undefined;
  readonly result: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
  readonly after: string | undefined;
}

beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

interface Said {
  readonly errors: readonly { readonly code: number }[];
  readonly result: Readonly<Record<string, unknown>>;
  readonly result_info?: { readonly cursors?: { readonly after?: string } };
}

async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const { errors, result, result_info }: Said = JSON.parse(await response.text());
  const { status, headers } = response;
  return { status, headers, code: errors[0]?.code, result, after: result_info?.cursors?.after };
}

function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const all = { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers };
  const init = { method, headers: all, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return send(`${scene.base}${path}`, init);
}

async function newList(): Promise<string> {
  const { result } = await ask('POST', lists, { name: 'edgeban', kind: 'ip' });
  return `${lists}/${String(result['id'])}`;
}

/** Lets the operation that is under way end. */
async function done(answer: Promise<Answer>): Promise<string> {
  const operation = String((await answer).result['operation_id']);
  scene.clock.now += 60;
  return String((await ask('GET', `${lists}/bulk_operations/${operation}`)).result['status']);
}

describe('the door', () => {
  it('asks for a good token with the right permission', async () => {
    const bare = await send(`${scene.base}${lists}`, {});
    const wrong = await ask('GET', lists, undefined, { authorization: 'Bearer nonsense' });
    const form = await ask('GET', lists, undefined, { authorization: 'Basic abc' });
    const verify = await ask('GET', '/user/tokens/verify');
    expect([bare, wrong, form, verify].map(({ status, code }) => [status, code])).toEqual([
      [400, 9106],
      [403, 9109],
      [400, 6003],
      [401, 1000],
    ]);
    expect((await ask('GET', `/accounts/${account}/tokens/verify`)).result['status']).toBe('active');
    expect((await send(`${scene.base}/ips`, {})).status).toBe(200);
  });

  it('refuses a token without the permission', async () => {
    await scene.close();
    const scopes = ['Account Rule Lists Read' as const];
    scene = await openScene({ tokens: [{ name: 'reader', secret, scopes }] });
    expect((await ask('GET', lists)).status).toBe(200);
    const write = await ask('POST', lists, { name: 'edgeban', kind: 'ip' });
    const rules = await ask('GET', `/zones/${zone}/rulesets`);
    expect([write, rules].map(({ status, code }) => [status, code])).toEqual([
      [403, 10000],
      [403, 10000],
    ]);
  });

  it('refuses other accounts, other paths, other methods, other content, and what is no JSON', async () => {
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    const answers = [
      await ask('GET', `/accounts/${'f'.repeat(32)}/rules/lists`),
      await ask('GET', '/accounts'),
      await ask('PATCH', lists, {}),
      await ask('POST', lists, {}, { 'content-type': 'text/plain' }),
      await send(`${scene.base}${lists}`, { method: 'POST', headers, body: '{"name":' }),
      await ask('POST', lists, { name: 'edgeban', kind: 'ip', colour: 'red' }),
    ];
    expect(answers.map(({ status, code }) => [status, code])).toEqual([
      [404, 7003],
      [404, 7003],
      [405, 7001],
      [400, 6003],
      [400, 6007],
      [400, 10026],
    ]);
  });

  it('shuts for five minutes after too many requests', async () => {
    await scene.close();
    scene = await openScene({ limits: { requests_per_window_max: 3 } });
    for (let count = 0; count < 3; count++) expect((await ask('GET', lists)).status).toBe(200);
    const shut = await ask('GET', lists);
    expect([shut.status, shut.code, shut.headers.get('retry-after')]).toEqual([429, 971, '300']);
    scene.clock.now += 299;
    expect((await ask('GET', lists)).headers.get('retry-after')).toBe('1');
    scene.clock.now += 2;
    expect((await ask('GET', lists)).status).toBe(200);
  });
});

describe('lists', () => {
  it('has room for one list of a good name, and keeps it while a rule names it', async () => {
    expect((await ask('POST', lists, { name: 'Bad-Name', kind: 'ip' })).status).toBe(400);
    const list = await newList();
    expect((await ask('POST', lists, { name: 'second', kind: 'ip' })).status).toBe(400);
    const rule = { action: 'block', expression: '(ip.src in $edgeban)', enabled: false };
    const ruleset = { name: 'default', kind: 'zone', phase: 'http_request_firewall_custom', rules: [rule] };
    expect((await ask('POST', `/zones/${zone}/rulesets`, ruleset)).status).toBe(200);
    expect((await ask('GET', list)).result['num_referencing_filters']).toBe(1);
    expect((await ask('DELETE', list)).status).toBe(400);
  });

  it.each(['10.0.0.0/7', '10.0.0.1/8', '2000::/11', '1.2.3', 'example.com', '10.0.0.0/255.0.0.0', ''])(
    'does not take %j',
    async (ip) => {
      const list = await newList();
      expect((await ask('POST', `${list}/items`, [{ ip }])).status).toBe(400);
    },
  );

  it('does one operation at a time, later, and overwrites comments', async () => {
    const list = await newList();
    const items = [{ ip: '192.0.2.1', comment: 'one' }, { ip: '2001:DB8::1/128' }];
    const first = await ask('POST', `${list}/items`, items);
    expect((await ask('GET', `${list}/items`)).result).toEqual([]);
    expect((await ask('POST', `${list}/items`, items)).status).toBe(429);
    expect(await done(Promise.resolve(first))).toBe('completed');
    expect(await done(ask('POST', `${list}/items`, [{ ip: '192.0.2.1/32', comment: 'two' }]))).toBe('completed');
    const found = scene.fake.control.items('edgeban');
    expect(found.map(({ ip, comment }) => [ip, comment])).toEqual([
      ['192.0.2.1', 'two'],
      ['2001:db8::1/128', undefined],
    ]);
    expect(await done(ask('DELETE', `${list}/items`, { items: [{ id: found[0]?.id }] }))).toBe('completed');
    expect(scene.fake.control.items('edgeban')).toHaveLength(1);
    expect(await done(ask('PUT', `${list}/items`, []))).toBe('completed');
    expect(scene.fake.control.items('edgeban')).toEqual([]);
  });

  it('pages with cursors, and searches by the beginning of the text', async () => {
    const list = await newList();
    const items = wantMany(1_200).map(({ address: ip }) => ({ ip }));
    scene.fake.control.seedItems({ list: 'edgeban', items });
    expect((await ask('GET', `${list}/items?per_page=501`)).status).toBe(400);
    expect((await ask('GET', `${list}/items?cursor=abc`)).status).toBe(400);
    const seen: unknown[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; ) {
      const page: Answer = await ask('GET', `${list}/items?per_page=500${cursor && `&cursor=${cursor}`}`);
      seen.push(...Object.values(page.result));
      cursor = page.after;
    }
    expect(seen).toHaveLength(1_200);
    const found = await ask('GET', `${list}/items?search=45.0.4.17`);
    expect(Object.values(found.result)).toHaveLength(['17', '170', '171', '172', '173', '174', '175'].length);
  });

  it('fails an operation that would go over the cap, whole', async () => {
    const list = await newList();
    scene.fake.control.seedItems({ list: 'edgeban', items: wantMany(9_999).map(({ address: ip }) => ({ ip })) });
    expect(await done(ask('POST', `${list}/items`, [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }]))).toBe('failed');
    expect(scene.fake.control.items('edgeban')).toHaveLength(9_999);
  });
});

describe('rules', () => {
  const phase = 'http_request_firewall_custom';
  const rule = (n: number) => ({ action: 'block', expression: `(ip.src eq 192.0.2.${n})`, ref: `r${n}` });
  const refs = () => scene.fake.control.rules(zone).map(({ ref }) => ref);

  it('has no entry point before there is one', async () => {
    const { status, code } = await ask('GET', `/zones/${zone}/rulesets/phases/${phase}/entrypoint`);
    expect([status, code]).toEqual([404, 10003]);
  });

  it('places a rule, refuses unknown lists and the sixth rule, keeps nothing of a dry run, and lets PUT destroy', async () => {
    const made = await ask('POST', `/zones/${zone}/rulesets`, {
      name: 'd',
      kind: 'zone',
      phase,
      rules: [rule(1), rule(2)],
    });
    const rules = `/zones/${zone}/rulesets/${String(made.result['id'])}/rules`;
    expect((await ask('POST', rules, { action: 'block', expression: '(ip.src in $nothing)' })).status).toBe(400);
    await ask('POST', rules, { ...rule(3), position: { index: 1 } });
    const before = scene.fake.control.rules(zone)[2]?.id;
    await ask('POST', rules, { ...rule(4), position: { before } });
    await ask('POST', `${rules}?dry_run=true`, rule(5));
    expect(refs()).toEqual(['r3', 'r1', 'r4', 'r2']);
    await ask('POST', rules, rule(5));
    expect((await ask('POST', rules, rule(6))).status).toBe(400);
    expect(refs()).toHaveLength(5);
    await ask('PUT', `/zones/${zone}/rulesets/phases/${phase}/entrypoint`, { rules: [rule(9)] });
    expect(refs()).toEqual(['r9']);
  });
});

describe('as a process', () => {
  let folder: string;
  let child: ChildProcess | null = null;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'edgeban-fake-'));
  });
  afterEach(() => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  async function start(): Promise<string> {
    const main = new URL('../fakes/cloudflare/main.ts', import.meta.url).pathname;
    const options = { account, zones: [{ id: zone, name: 'example.com' }], tokens: [{ name: 'worker', secret }] };
    const env = { ...process.env, FAKE_CLOUDFLARE_OPTIONS: JSON.stringify({ ...options, operation_ms: 20 }) };
    child = spawn(process.execPath, [main, '--port', '0', '--state', join(folder, 'state.json')], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('no standard output');
    const [line]: string[] = await once(createInterface(child.stdout), 'line');
    const ready: { base: string } = JSON.parse(line ?? '');
    return ready.base;
  }

  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const post = (url: string, body: unknown) => send(url, { method: 'POST', headers, body: JSON.stringify(body) });

  it('says when it is ready, obeys, and has forgotten nothing after kill -9', async () => {
    let base = await start();
    const { result } = await post(`${base}${lists}`, { name: 'edgeban', kind: 'ip' });
    const items = `${lists}/${String(result['id'])}/items`;
    await post(`${base}${items}`, [{ ip: '192.0.2.1' }]);
    await post(`${new URL(base).origin}/__fake/revokeToken`, { name: 'other' });
    const gone = child === null ? null : once(child, 'exit');
    child?.kill('SIGKILL');
    await gone;
    base = await start();
    let seen: unknown = [];
    await until('the item', async () => {
      seen = (await send(`${base}${items}`, { headers })).result;
      return JSON.stringify(seen) !== '[]';
    });
    expect(seen).toMatchObject([{ ip: '192.0.2.1' }]);
    const control = await send(`${new URL(base).origin}/__fake/state`, {});
    expect(control.result['revoked']).toEqual(['other']);
    expect(JSON.stringify(control.result)).not.toContain(secret);
    expect((await post(`${new URL(base).origin}/__fake/nonsense`, {})).status).toBe(400);
  });
});
