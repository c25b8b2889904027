/** The dashboard's side of the Worker: who may look and act with a cookie, and what the views say of bans that hosts have told. */
import { reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import { Acts, AddressStory, BanRows, Enforcement, Hosts, Series, Session, Summary, Top } from '../../shared/view.ts';
import { ban, base, call, codeOf, newHost, operator, type Reply, read, tell, unban } from './hosts.ts';

afterEach(() => reset());

interface Browser {
  readonly cookie: string;
  readonly csrf: string;
}

async function login(name = '', token = env.OPERATOR_TOKEN ?? '', place = '203.0.113.200'): Promise<Reply> {
  const headers = { 'content-type': 'application/json', origin: base, 'cf-connecting-ip': place };
  return read(await call('/v1/session', { method: 'POST', headers, body: JSON.stringify({ token, name }) }));
}

async function browser(name = ''): Promise<Browser> {
  const { body, headers } = await login(name);
  return { cookie: (headers.get('set-cookie') ?? '').split(';')[0] ?? '', csrf: Session.parse(body).csrf };
}

async function ask({ cookie, csrf }: Browser, method: string, path: string, body?: unknown, more = {}): Promise<Reply> {
  const headers = { cookie, origin: base, 'edgeban-csrf': csrf, 'content-type': 'application/json', ...more };
  return read(await call(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
}

const get = (who: Browser, path: string) => ask(who, 'GET', path);

describe('a session', () => {
  it('is a cookie that scripts and other sites cannot use', async () => {
    const { status, headers, body } = await login('anna');
    expect(status).toBe(200);
    expect(headers.get('set-cookie')).toMatch(
      /^__Host-edgeban=[\w.-]+; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect(Session.parse(body)).toMatchObject({ who: 'operator anna', serves: 'fleet', live: 'websocket' });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('is not given for a wrong token, and too many of those from one address are not looked at', async () => {
    for (let n = 0; n < 10; n++) expect(codeOf(await login('', 'wrong'))).toBe('ERR_AUTH_OPERATOR');
    const slowed = await login();
    expect([slowed.status, codeOf(slowed)]).toEqual([429, 'ERR_CAP_LOGINS']);
    expect(Number(slowed.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await login('', env.OPERATOR_TOKEN, '203.0.113.201')).status).toBe(200);
  });

  it('is refused if it was changed, or signed with another secret', async () => {
    const { cookie, csrf } = await browser();
    const [name = '', value = ''] = cookie.split('=');
    const [payload = '', signature = ''] = value.split('.');
    const claims = JSON.parse(atob(payload.replace(/[-_]/g, (char) => (char === '-' ? '+' : '/'))));
    const longer = btoa(JSON.stringify({ ...claims, until: claims.until + 1 })).replace(/=+$/, '');
    for (const forged of [`${longer}.${signature}`, `${payload}.${'A'.repeat(43)}`, payload, 'x.y', `${payload}.`])
      expect(codeOf(await get({ cookie: `${name}=${forged}`, csrf }, '/v1/view/summary'))).toBe('ERR_AUTH_SESSION');
    expect(codeOf(await read(await call('/v1/view/summary')))).toBe('ERR_AUTH_OPERATOR');
  });

  it('ends with its logout, for whoever has a copy of the cookie', async () => {
    const who = await browser('anna');
    expect((await get(who, '/v1/session')).status).toBe(200);
    const left = await ask(who, 'DELETE', '/v1/session');
    expect([left.status, left.headers.get('set-cookie')]).toEqual([204, expect.stringMatching(/Max-Age=0/)]);
    expect(codeOf(await get(who, '/v1/view/summary'))).toBe('ERR_AUTH_SESSION');
    expect((await get(await browser(), '/v1/view/summary')).status).toBe(200);
  });
});

describe('what a cookie may do', () => {
  const acts = [
    ['POST', '/v1/bans', { address: '203.0.113.7', bantime: 60 }],
    ['DELETE', '/v1/bans/203.0.113.7'],
    ['POST', '/v1/allow', { address: '203.0.113.7' }],
    ['DELETE', '/v1/allow/203.0.113.7'],
    ['POST', '/v1/panic', { reason: 'x' }],
    ['POST', '/v1/resume'],
    ['POST', '/v1/brake'],
    ['DELETE', '/v1/brake'],
    ['DELETE', '/v1/session'],
  ] as const;

  it('it may not without the session’s own secret, nor from another site', async () => {
    const who = await browser();
    for (const [method, path, body] of acts) {
      const tries = [{ 'edgeban-csrf': '' }, { 'edgeban-csrf': 'x' }, { origin: 'https://evil.example' }];
      for (const wrong of [
        ...tries,
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
      ])
        expect(codeOf(await ask(who, method, path, body, wrong)), `${method} ${path}`).toBe('ERR_AUTH_CSRF');
    }
    expect((await get(who, '/v1/view/summary')).body).toMatchObject({ banned: 0, panic: null });
  });

  it('it does as the token would, and is recorded by name', async () => {
    const who = await browser('anna');
    for (const [method, path, body] of acts.slice(0, -1))
      expect((await ask(who, method, path, body)).status, `${method} ${path}`).toBe(200);
    const { acts: told, next } = Acts.parse((await get(who, '/v1/view/acts?limit=3')).body);
    expect(told.map((act) => [act.who, act.what])).toEqual([
      ['operator anna', 'brake-released'],
      ['operator anna', 'brake'],
      ['operator anna', 'resume'],
    ]);
    const { acts: older } = Acts.parse((await get(who, `/v1/view/acts?before=${next}`)).body);
    expect(older.map(({ what }) => what)).toEqual(['panic', 'disallow', 'allow', 'lift', 'ban', 'login']);
  });

  it('the token alone may look, too', async () => {
    expect((await operator('GET', '/v1/view/summary')).status).toBe(200);
    expect(codeOf(await operator('GET', '/v1/session'))).toBe('ERR_AUTH_SESSION');
  });
});

describe('the views', () => {
  it('tell what is banned, by whom, and how it came about', async () => {
    const who = await browser('anna');
    const [one, two] = [await newHost('web1'), await newHost('web2')];
    const at = Math.floor(Date.now() / 1000) - 5;
    await tell(
      one,
      ban('203.0.113.7', { at }),
      ban('203.0.113.8', { at: at - 7_200, jail: 'nginx' }),
      ban('2001:db9::1', { at }),
    );
    await tell(
      two,
      ban('203.0.113.7', { at: at + 1, until: null }),
      ban('198.51.100.1', { at }),
      unban('198.51.100.1'),
    );
    const summary = Summary.parse((await get(who, '/v1/view/summary')).body);
    expect(summary).toMatchObject({ banned: 3, families: { v4: 2, v6: 1 }, last_day: 5, troubles: [] });
    expect(summary.jails).toEqual([
      { key: 'sshd', name: 'sshd', bans: 2 },
      { key: 'nginx', name: 'nginx', bans: 1 },
    ]);
    expect(summary.hosts?.map(({ name, bans }) => [name, bans])).toEqual([
      ['web1', 3],
      ['web2', 1],
    ]);
    const top = Top.parse((await get(who, '/v1/view/top')).body);
    expect(top.networks).toEqual([{ network: '203.0.113.0/24', bans: 2 }]);
    expect(top.addresses).toEqual([{ address: '203.0.113.7', holders: 2, jails: ['sshd'] }]);
    const series = Series.parse((await get(who, '/v1/view/series?hours=24&by=jail')).body);
    expect([series.keys, series.step, series.counts.map((counts) => counts.length)]).toEqual([
      ['sshd', 'nginx'],
      3600,
      [24, 24],
    ]);
    expect(series.counts.map((counts) => counts.reduce((sum, each) => sum + each))).toEqual([4, 1]);
    const byHost = Series.parse((await get(who, '/v1/view/series?hours=168&by=host')).body);
    expect([byHost.keys, byHost.counts.map((counts) => counts.at(-1))]).toEqual([['web1', 'web2'], expect.anything()]);
  });

  it('find bans by address, network, jail, host and family, in order and page by page', async () => {
    const who = await browser();
    const [one, two] = [await newHost('web1'), await newHost('web2')];
    const at = Math.floor(Date.now() / 1000) - 100;
    await tell(one, ...Array.from({ length: 20 }, (_, n) => ban(`203.0.113.${n + 1}`, { at: at + n })));
    await tell(
      two,
      ban('203.0.113.0/28', { jail: 'nginx' }),
      ban('2001:db9::/48'),
      ban('203.0.113.2', { until: null }),
    );
    const rows = async (query: string) => BanRows.parse((await get(who, `/v1/view/bans?${query}`)).body);
    const names = async (query: string) => (await rows(query)).rows.map(({ address }) => address);
    expect((await rows('')).total).toBe(22);
    expect(await names('sort=oldest&limit=2')).toEqual(['203.0.113.1', '203.0.113.3']);
    expect(await names('sort=oldest&limit=2&offset=2')).toEqual(['203.0.113.4', '203.0.113.5']);
    expect((await names('sort=ending')).at(-1)).toBe('203.0.113.2');
    expect((await names('sort=address')).slice(0, 3)).toEqual(['203.0.113.0/28', '203.0.113.1', '203.0.113.2']);
    expect(await names('q=203.0.113.17')).toEqual(['203.0.113.17']);
    expect((await names('q=203.0.113.3')).toSorted()).toEqual(['203.0.113.0/28', '203.0.113.3']);
    expect((await rows('q=203.0.113.16/28')).total).toBe(5);
    expect((await rows('q=113.1')).total).toBe(11);
    expect(await names('family=6')).toEqual(['2001:db9::/48']);
    expect(await names('jail=nginx')).toEqual(['203.0.113.0/28']);
    expect((await rows(`host=${two.id}`)).total).toBe(3);
    expect((await rows(`host=${two.id}&jail=sshd&family=4`)).rows).toMatchObject([
      { address: '203.0.113.2', holders: 2, jails: ['sshd'], hosts: ['web1', 'web2'], action: 'block' },
    ]);
    expect(codeOf(await get(who, '/v1/view/bans?limit=201'))).toBe('ERR_REQUEST_INVALID');
  });

  it('tell the story of an address: holders past and present, the network around it, guards, acts', async () => {
    const who = await browser('anna');
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'), ban('203.0.113.0/28', { jail: 'nginx' }));
    await ask(who, 'POST', '/v1/bans', { address: '203.0.113.7', bantime: 60 });
    await tell(host, unban('203.0.113.7'));
    const story = AddressStory.parse((await get(who, '/v1/view/story/203.0.113.7')).body);
    expect(story.held.map(({ address, host: by, jail, state }) => [address, by, jail, state]).toSorted()).toEqual([
      ['203.0.113.0/28', 'web1', 'nginx', 'held'],
      ['203.0.113.7', 'operator', 'operator', 'held'],
      ['203.0.113.7', 'web1', 'sshd', 'lifted'],
    ]);
    expect(story).toMatchObject({ guard: null, host: null, edge: { ledger: { action: 'block' } } });
    expect(story.acts).toMatchObject([{ what: 'ban', who: 'operator anna', about: '203.0.113.7 for 60 s' }]);
    const spared = AddressStory.parse((await get(who, '/v1/view/story/10.0.0.1')).body);
    expect(spared).toMatchObject({ guard: { code: 'ERR_GUARD_RESERVED' }, held: [] });
    expect(codeOf(await get(who, '/v1/view/story/nobody'))).toBe('ERR_ADDRESS_INVALID');
  });

  it('tell of hosts, enforcement and the allow list', async () => {
    const who = await browser();
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'));
    const { hosts } = Hosts.parse((await get(who, '/v1/view/hosts')).body);
    expect(hosts).toMatchObject([{ name: 'web1', bans: 1, live: false, behind: null, version: null }]);
    const enforcement = Enforcement.parse((await get(who, '/v1/view/enforcement')).body);
    expect(enforcement).toMatchObject({ mode: 'none', lists: [], budgets: [{ name: 'KV writes' }] });
    await ask(who, 'POST', '/v1/allow', { address: '198.51.100.0/24', note: 'the office' });
    expect((await get(who, '/v1/view/allowed')).body).toMatchObject({
      allowed: [{ address: '198.51.100.0/24', note: 'the office', source: 'ledger' }],
    });
  });
});
