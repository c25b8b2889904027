/** What open dashboards are told, what history costs in rows, and how the views bear 100,000 bans. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import { Overview } from '../../shared/overview.ts';
import { Holders } from '../../shared/store/holders.ts';
import { BanRows, BansQuery, LiveEvent, Series, Session } from '../../shared/view.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import { Tally, tallyLimits } from '../../worker/ledger/tally.ts';
import { durableSql } from '../../worker/sqlite.ts';
import {
  ban,
  base,
  call,
  codeOf,
  ledgerStub,
  newHost,
  operator,
  read,
  tell,
  unban,
  withSql,
  withState,
} from './hosts.ts';
import { until } from './poll.ts';

const open: WebSocket[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) socket.close();
  await reset();
});

async function browser(): Promise<Record<string, string>> {
  const headers = { 'content-type': 'application/json', origin: base };
  const body = JSON.stringify({ token: env.OPERATOR_TOKEN });
  const reply = await call('/v1/session', { method: 'POST', headers, body });
  const cookie = (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  return { cookie, origin: base, 'edgeban-csrf': Session.parse(await reply.json()).csrf };
}

async function listen(headers: Record<string, string>) {
  const { status, webSocket } = await call('/v1/view/live', { headers: { ...headers, upgrade: 'websocket' } });
  if (webSocket === null) throw new Error(`no socket: ${status}`);
  const heard: { events: LiveEvent[]; code: number | null } = { events: [], code: null };
  webSocket.addEventListener('message', ({ data }) => {
    heard.events.push(LiveEvent.parse(JSON.parse(String(data))));
  });
  webSocket.addEventListener('close', ({ code }) => {
    heard.code = code;
  });
  webSocket.accept();
  open.push(webSocket);
  return heard;
}

const told = ({ events }: { events: readonly LiveEvent[] }) =>
  events.flatMap((event) => ('address' in event ? [`${event.kind} ${event.address} ${event.host}/${event.jail}`] : []));

describe('an open dashboard', () => {
  it('hears of bans, unbans and acts by name, also after the ledger was evicted', async () => {
    const who = await browser();
    const heard = await listen(who);
    await until(async () => heard.events[0]?.kind === 'here');
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'));
    await until(async () => told(heard).length === 1);
    await evictDurableObject(ledgerStub());
    await tell(host, unban('203.0.113.7'), ban('203.0.113.8'));
    await until(async () => told(heard).length === 3);
    expect(told(heard)).toEqual([
      'ban 203.0.113.7 web1/sshd',
      'unban 203.0.113.7 web1/sshd',
      'ban 203.0.113.8 web1/sshd',
    ]);
    await operator('POST', '/v1/allow', { address: '198.51.100.7' });
    await until(async () => heard.events.some((event) => event.kind === 'act' && event.act.what === 'allow'));
  });

  it('hears of a burst as one number, and no host takes it for a listener', async () => {
    const heard = await listen(await browser());
    const host = await newHost('web1');
    await tell(host, ...Array.from({ length: 150 }, (_, n) => ban(`203.0.113.${n}`)));
    await until(async () => heard.events.some(({ kind }) => kind === 'more'));
    expect(heard.events.flatMap((event) => (event.kind === 'more' ? [event.changes] : []))).toEqual([150]);
    expect((await operator('GET', '/v1/status')).body).toMatchObject({ listeners: 0 });
  });

  it('is shut with its session, and opens for nobody else', async () => {
    const who = await browser();
    const [heard, other] = [await listen(who), await listen(await browser())];
    await call('/v1/session', { method: 'DELETE', headers: who });
    await until(async () => heard.code !== null);
    expect([heard.code, other.code]).toEqual([4005, null]);
    const upgrade = { upgrade: 'websocket' };
    const refused = async (headers: Record<string, string>) =>
      codeOf(await read(await call('/v1/view/live', { headers })));
    expect(await refused({ ...who, ...upgrade })).toBe('ERR_AUTH_SESSION');
    expect(await refused({ ...upgrade, origin: base })).toBe('ERR_AUTH_OPERATOR');
    expect(await refused({ ...(await browser()), ...upgrade, origin: 'https://evil.example' })).toBe('ERR_AUTH_CSRF');
  });
});

describe('history', () => {
  it('costs one row a minute at the most, and counts each ban once across evictions', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'), ban('203.0.113.8'));
    await withState(async (state) => {
      const sql = durableSql(state.storage);
      const holders = new Holders(sql);
      const now = Date.now() / 1000;
      const tally = new Tally(sql, holders);
      tally.run(now);
      expect(tally.due()).toBe(Number.POSITIVE_INFINITY);
      const later = new Tally(sql, holders);
      expect(later.due()).toBe(Number.POSITIVE_INFINITY);
      holders.hold({
        address: '203.0.113.9',
        host: host.id,
        jail: 'sshd',
        at: now,
        until: null,
        edge: 'block',
        hosts: true,
      });
      expect(later.due()).toBeCloseTo(now + tallyLimits.save_every, 3);
      const total = (of: Tally) =>
        of.hours(2, now).reduce((sum, hour) => sum + [...hour.values()].reduce((all, { bans }) => all + bans, 0), 0);
      expect([total(later), total(later)]).toEqual([3, 3]);
      later.run(now + 60);
      expect([total(later), total(new Tally(sql, holders))]).toEqual([3, 3]);
    });
    expect(await withSql((sql) => sql.exec('SELECT COUNT(*) AS n FROM tallies').one())).toMatchObject({
      n: expect.any(Number),
    });
  });

  it('tells at most twelve jails apart, and sums up the rest', async () => {
    const host = await newHost('web1');
    await tell(host, ...Array.from({ length: 20 }, (_, n) => ban(`203.0.113.${n}`, { jail: `jail-${n}` })));
    const { keys, counts } = Series.parse((await operator('GET', '/v1/view/series')).body);
    const others = counts.at(-1)?.reduce((sum, count) => sum + count, 0);
    expect([keys.length, keys.at(-1), others]).toEqual([13, 'other', 8]);
  });
});

const many = 100_000;

describe(`with ${many} bans`, () => {
  it('a page is found, filtered and sorted', async () => {
    await withState(async (state) => {
      const sql = durableSql(state.storage);
      const now = Math.floor(Date.now() / 1000);
      sql.all(
        `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO holders SELECT (20 + i / 65536) || '.' || (i / 256 % 256) || '.' || (i % 256) || '.7',
           'web' || (i % 7), 'jail' || (i % 5), ?, ?, 0, NULL, 0, i + 1, 0, 'block', 1, 1 FROM n`,
        ...[many - 1, now, now + 86_400],
      );
      const roll = new Roll(sql);
      roll.follow(now);
      const overview = new Overview(roll);
      const bans = (query: Partial<BansQuery>) =>
        BanRows.parse({ revision: '', ...overview.bans(BansQuery.parse(query), (host) => host) });
      expect(bans({ offset: 99_990, sort: 'address' })).toMatchObject({ total: many, rows: { length: 10 } });
      expect(bans({ q: '21.0.0.0/16' }).total).toBe(256);
      expect(bans({ q: '.99.7', jail: 'jail3', host: 'web2' }).total).toBeGreaterThan(0);
      expect(overview.shares((host) => host)).toMatchObject({
        banned: many,
        jails: { length: 5 },
        hosts: { length: 7 },
      });
      expect(overview.top().networks).toHaveLength(0);
    });
  });
});
