/** `edgeban dashboard` beside a real agent: what it shows is what the agent has, and nobody else gets in. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCommand } from '../../host-agent/control/commands.ts';
import { openControlServer } from '../../host-agent/control/server.ts';
import {
  Acts,
  AddressStory,
  AllowedRows,
  BanRows,
  LiveEvent,
  Series,
  Session,
  Summary,
  Top,
} from '../../shared/view.ts';
import { type AgentBench, startAgent, webJail } from '../agent/bench.ts';

const policy = "default-src 'none'; script-src 'sha256-x'";
const jails = `${webJail('action =\nbantime = 1h')}\n[mail]\nenabled = true\nlogpath = DIR/mail.log\nmaxretry = 1\nfailregex = ^mail <HOST>$\naction =\n`;
const within = { timeout: 60_000 };

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Scene {
  readonly bench: AgentBench;
  /** As it stands in the link. */
  readonly host: string;
  readonly port: number;
  /** All that the terminal has shown. */
  readonly shown: () => string;
  ask(method: string, path: string, headers?: Record<string, string>, body?: unknown): Promise<Reply>;
}

async function scene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-dashboard-'));
  const socket = join(folder, 's');
  const database = join(folder, 'db');
  const bench = await startAgent(jails, { database });
  const server = await openControlServer({ path: socket, answer: (words) => runCommand(bench.agent, words) });
  writeFileSync(join(folder, 'edgeban.conf'), `[Definition]\ndbfile = ${database}\nsocket = ${socket}\n`);
  const page = join(folder, 'page.json');
  writeFileSync(page, JSON.stringify({ html: '<!doctype html><title>edgeban</title>', policy }));
  const driver = join(import.meta.dirname, 'serve.ts');
  const child = spawn(process.execPath, [driver, page, '-c', folder, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.on('data', (part: Buffer) => {
    shown += part.toString('utf8');
  });
  onTestFinished(async () => {
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('exit', resolve));
    await server.close();
    rmSync(folder, { recursive: true });
  });
  await expect.poll(() => shown, within).toMatch(/login\?token=\S+\n/);
  const [, host = '', port = ''] = /http:\/\/([^/]+?:(\d+))\//.exec(shown) ?? [];
  const ask: Scene['ask'] = (method, path, headers = {}, body) =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method, path, headers: { host, ...headers } }, (reply) => {
        let text = '';
        reply.on('data', (part: Buffer) => {
          text += part.toString('utf8');
        });
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: text }));
      });
      sent.once('error', reject);
      sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
    });
  return { bench, host, port: Number(port), shown: () => shown, ask };
}

const tokens = (shown: string) => [...shown.matchAll(/token=(\S+)/g)].map(([, token]) => token ?? '');

async function loggedIn(made: Scene): Promise<Record<string, string>> {
  const entered = await made.ask('GET', `/login?token=${tokens(made.shown()).at(-1)}`);
  expect(entered).toMatchObject({ status: 303, headers: { location: '/' } });
  const set = String(entered.headers['set-cookie']);
  expect(set).toMatch(/^edgeban=\S{32}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
  const cookie = set.split(';')[0] ?? '';
  const { csrf } = Session.parse(JSON.parse((await made.ask('GET', '/v1/session', { cookie })).body));
  return { cookie, 'edgeban-csrf': csrf };
}

test('who has the link sees what the agent has', async () => {
  const made = await scene();
  const { bench, ask } = made;
  for (let i = 1; i <= 3; i++) await bench.feed(`fail 198.51.100.${i}`);
  await bench.feed('mail 198.51.100.3', 'mail 2001:db8::7');
  const headers = await loggedIn(made);
  const get = async (path: string) => JSON.parse((await ask('GET', path, headers)).body);
  expect(Session.parse(await get('/v1/session'))).toMatchObject({
    serves: 'host',
    live: 'events',
    jails: ['web', 'mail'],
  });
  const summary = Summary.parse(await get('/v1/view/summary'));
  expect(summary).toMatchObject({ banned: 4, families: { v4: 3, v6: 1 }, hosts: null, last_day: 5, troubles: [] });
  expect(summary.jails.map(({ key, bans }) => [key, bans]).sort()).toEqual([
    ['mail', 2],
    ['web', 3],
  ]);
  const series = Series.parse(await get('/v1/view/series?hours=24&by=jail'));
  expect(Object.fromEntries(series.keys.map((key, at) => [key, series.counts[at]?.reduce((a, b) => a + b)]))).toEqual({
    web: 3,
    mail: 2,
  });
  const top = Top.parse(await get('/v1/view/top'));
  expect(top).toEqual({
    networks: [{ network: '198.51.100.0/24', bans: 3 }],
    addresses: [{ address: '198.51.100.3', holders: 2, jails: ['mail', 'web'] }],
  });
  const bans = BanRows.parse(await get('/v1/view/bans?jail=mail&sort=address'));
  expect(bans.rows.map(({ address, action, hosts, jails: its }) => [address, action, hosts, its])).toEqual([
    ['198.51.100.3', 'off', null, ['mail', 'web']],
    ['2001:db8::7', 'off', null, ['mail']],
  ]);
  const story = AddressStory.parse(await get('/v1/view/story/198.51.100.3'));
  expect(story.held.map(({ jail, state }) => [jail, state]).sort()).toEqual([
    ['mail', 'held'],
    ['web', 'held'],
  ]);
  expect(story.host?.jails.map(({ jail }) => jail).sort()).toEqual(['mail', 'web']);
  expect((await ask('GET', '/v1/view/hosts', headers)).status).toBe(404);
  const home = await ask('GET', '/');
  expect(home.headers).toMatchObject({ 'content-security-policy': policy, 'x-frame-options': 'DENY' });
});

test('acts reach the agent, its log says whose they were, and the pages that listen hear of them', async () => {
  const made = await scene();
  const { bench, ask, host, port } = made;
  const headers = await loggedIn(made);
  const events: LiveEvent[] = [];
  const line = request({ host: '127.0.0.1', port, path: '/v1/view/live', headers: { host, ...headers } }, (reply) =>
    reply.on('data', (part: Buffer) => {
      for (const [, data = ''] of part.toString('utf8').matchAll(/^data: (.*)$/gm))
        events.push(LiveEvent.parse(JSON.parse(data)));
    }),
  );
  line.on('error', () => undefined).end();
  onTestFinished(() => void line.destroy());
  await expect.poll(() => events.some(({ kind }) => kind === 'here'), within).toBe(true);
  const act = (method: string, path: string, body?: unknown) => ask(method, path, headers, body);
  expect((await act('POST', '/v1/bans', { address: '203.0.113.9', bantime: 120, jail: 'web' })).status).toBe(200);
  const [ban] = bench.agent.jail('web')?.bans() ?? [];
  expect(ban).toMatchObject({ id: '203.0.113.9', bantime: 120 });
  await expect
    .poll(() => events, within)
    .toContainEqual(expect.objectContaining({ kind: 'ban', address: '203.0.113.9', jail: 'web', until: ban?.until }));
  await bench.feed('fail 203.0.113.11');
  const failed = bench.agent
    .jail('web')
    ?.bans()
    .find(({ id }) => id === '203.0.113.11');
  await expect
    .poll(() => events, within)
    .toContainEqual(expect.objectContaining({ kind: 'ban', address: '203.0.113.11', at: failed?.at }));
  await bench.say('set', 'web', 'unbanip', '203.0.113.11');
  expect((await act('POST', '/v1/bans', { address: '127.0.0.1', bantime: 60, jail: 'web' })).status).toBe(422);
  expect((await act('POST', '/v1/bans', { address: '203.0.113.9', bantime: 60, jail: 'no' })).status).toBe(404);
  expect((await act('DELETE', '/v1/bans/203.0.113.9')).status).toBe(200);
  expect(bench.agent.jail('web')?.bans()).toEqual([]);
  await bench.feed('fail 203.0.113.10');
  expect((await act('POST', '/v1/allow', { address: '203.0.113.10', note: 'the office' })).status).toBe(200);
  expect(bench.agent.jail('web')?.bans()).toEqual([]);
  await bench.feed('fail 203.0.113.10');
  expect(bench.agent.jail('web')?.bans()).toEqual([]);
  const allowed = AllowedRows.parse(JSON.parse((await ask('GET', '/v1/view/allowed', headers)).body));
  expect(allowed.allowed).toContainEqual(
    expect.objectContaining({ address: '203.0.113.10', note: 'the office', source: 'ledger' }),
  );
  expect((await act('DELETE', '/v1/allow/203.0.113.10')).status).toBe(200);
  await bench.feed('fail 203.0.113.10');
  expect(bench.agent.jail('web')?.bans()).toHaveLength(1);
  const acts = Acts.parse(JSON.parse((await ask('GET', '/v1/view/acts', headers)).body));
  expect(acts.acts.map(({ what }) => what)).toEqual(['disallow', 'allow', 'unban', 'ban']);
  expect(events.filter(({ kind }) => kind === 'act')).toHaveLength(4);
  expect(bench.log()).toMatch(/NOTICE +\S+ has done: set web banip --bantime 120 203\.0\.113\.9$/m);
  expect(bench.log()).toMatch(/NOTICE +\S+ has done: unban 203\.0\.113\.9$/m);
});

test('nobody else gets in: no link twice, no guess, no other name, no other site, no act without the secret', async () => {
  const made = await scene();
  const { ask, host, port, shown } = made;
  const status = async (...args: Parameters<Scene['ask']>) => (await ask(...args)).status;
  const [first = ''] = tokens(shown());
  expect(await status('GET', '/v1/view/summary')).toBe(401);
  expect(await status('GET', '/login?token=guess')).toBe(401);
  expect(await status('POST', '/v1/session', {}, { token: 'guess', name: '' })).toBe(401);
  // DNS rebinding: another name that leads here
  for (const other of ['evil.example', `127.0.0.1:${port}`, `localhost:${port}`, host.replace(/:\d+/, ''), `x${host}`])
    expect(await status('GET', `/login?token=${first}`, { host: other })).toBe(403);
  const { cookie = '', 'edgeban-csrf': csrf = '' } = await loggedIn(made);
  expect(await status('GET', `/login?token=${first}`)).toBe(401);
  await expect.poll(() => tokens(shown()), within).toHaveLength(2);
  const ban = { address: '203.0.113.9', bantime: 60, jail: 'web' };
  expect(await status('POST', '/v1/bans', { cookie }, ban)).toBe(403);
  expect(await status('POST', '/v1/bans', { cookie, 'edgeban-csrf': 'x' }, ban)).toBe(403);
  expect(await status('POST', '/v1/bans', { 'edgeban-csrf': csrf }, ban)).toBe(401);
  const own = { cookie, 'edgeban-csrf': csrf };
  for (const foreign of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://localhost:${port}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])
    expect(await status('POST', '/v1/bans', { ...own, ...foreign }, ban)).toBe(403);
  expect(await status('GET', '/v1/view/live', { ...own, origin: 'https://evil.example' })).toBe(403);
  expect(made.bench.agent.jail('web')?.bans()).toEqual([]);
  expect(await status('POST', '/v1/bans', own, 'x'.repeat(20_000))).toBe(413);
  expect(await status('POST', '/v1/bans', own, '{')).toBe(400);
  expect(await status('GET', '/v1/view/bans?limit=100000', own)).toBe(400);
  expect(await status('DELETE', '/v1/session', own)).toBe(204);
  expect(await status('GET', '/v1/view/summary', own)).toBe(401);
});
