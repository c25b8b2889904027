/** Second thoughts of somebody who has a host's key: odd names and times, others' bans, the feed asked for again and again. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ledgerLimits } from '../../worker/ledger/limits.ts';
import {
  atNoon,
  ban,
  batch,
  call,
  codeOf,
  enroll,
  feed,
  ledgerStub,
  newHost,
  newKey,
  newToken,
  operator,
  read,
  sign,
  signed,
  streamOf,
  type TestHost,
  tell,
  unban,
  withSql,
} from './hosts.ts';

afterEach(() => reset());

const isBanned = async (address: string) => (await operator('GET', `/v1/bans/${address}`)).status === 200;

describe('names of jails', () => {
  it.each(['a\u0000b', '\u001b[2J', 'a\nb', '\u202eabc', '\ud800', '\u2028', '', 'j'.repeat(65)])(
    '%j is none that people could be shown',
    async (jail) => {
      const host = await newHost('web1');
      const receipt = await tell(host, ban('203.0.113.7', { jail }), ban('203.0.113.8', { jail: 'dépôt 2' }));
      expect(receipt.refused).toMatchObject([{ seq: 1, code: 'ERR_EVENT_INVALID' }]);
      expect([await isBanned('203.0.113.7'), await isBanned('203.0.113.8')]).toEqual([false, true]);
    },
  );

  it.each(['__proto__', 'constructor', 'fleet', 'operator', 'recovered'])('%s is one like any other', async (jail) => {
    const host = await newHost('web1');
    expect((await tell(host, ban('203.0.113.7', { jail }))).refused).toEqual([]);
    expect((await operator('GET', '/v1/bans/203.0.113.7')).body).toMatchObject({ holders: [{ name: 'web1', jail }] });
  });
});

describe('times', () => {
  it('of long ago or far ahead neither make a ban endless nor keep it from being lifted', async () => {
    const host = await newHost('web1');
    const far = 1e11;
    await tell(host, ban('203.0.113.7', { at: 0, until: far }), ban('203.0.113.8', { at: far, until: far }));
    expect(await isBanned('203.0.113.7')).toBe(false);
    const body = JSON.stringify((await operator('GET', '/v1/bans')).body);
    const until = Number(/"until":([\d.]+)/.exec(body)?.[1]);
    expect(until).toBeLessThan(Date.now() / 1000 + 366.25 * 86_400);
    await operator('DELETE', '/v1/bans/203.0.113.8');
    expect(await isBanned('203.0.113.8')).toBe(false);
    // the same event in a new batch does not bring it back
    await tell(host, ban('203.0.113.8', { at: 1 }));
    expect(await isBanned('203.0.113.8')).toBe(false);
  });

  it.each([-1, Number.MAX_VALUE, 1e12])('%d is none', async (at) => {
    const host = await newHost('web1');
    expect((await tell(host, ban('203.0.113.7', { at }))).refused).toMatchObject([{ code: 'ERR_EVENT_INVALID' }]);
  });
});

it('an unban is that of its own host, whatever jail it names', async () => {
  const [honest, thief] = [await newHost('web1'), await newHost('web2')];
  await operator('POST', '/v1/bans', { address: '203.0.113.9', bantime: 600 });
  await tell(honest, ban('203.0.113.7'));
  await tell(thief, unban('203.0.113.7'), unban('203.0.113.9', 'operator'), unban('203.0.113.9', 'fleet'));
  expect([await isBanned('203.0.113.7'), await isBanned('203.0.113.9')]).toEqual([true, true]);
});

it('of two who use one enrolment token at once, one gets in', async () => {
  const token = await newToken();
  const keys = await Promise.all(Array.from({ length: 6 }, newKey));
  const replies = await Promise.all(keys.map(({ key }, n) => enroll(token, `web${n}`, key)));
  expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 403, 403, 403, 403, 403]);
});

describe('the feed', () => {
  it.each(['-1', '1e3', '999999999999999', '99999999999999999999', 'NaN', '%00', '1&cursor=2'])(
    'takes the cursor %s for what it is',
    async (cursor) => {
      const host = await newHost('web1');
      await tell(await newHost('web2'), ban('203.0.113.7'));
      const page = await feed(host, `?ledger=${host.ledger}&resetting=1&cursor=${cursor}`);
      expect(page.changes.length).toBeLessThanOrEqual(1);
      expect(page).toMatchObject({ cursor: 1, more: false });
    },
  );

  it('is told from its beginning only so often: each change is a row that is read', async () => {
    const [thief, honest] = [await newHost('web1'), await newHost('web2')];
    const changes = 60_000;
    await withSql((sql) => sql.exec("INSERT INTO meta (key, value) VALUES ('holders.last', ?)", String(changes)));
    const connect = async () => {
      const path = `/v1/feed?ledger=${thief.ledger}&cursor=1`;
      const headers = await sign(thief, 'GET', path, '');
      headers.set('upgrade', 'websocket');
      const reply = await call(path, { headers });
      reply.webSocket?.accept();
      return reply;
    };
    let opened = 0;
    let last = await connect();
    for (; last.status === 101 && opened < 50; opened++) last = await connect();
    expect(opened).toBe(ledgerLimits.feed_changes_burst / 20_000);
    const refusal = await read(last);
    expect([refusal.status, codeOf(refusal)]).toEqual([429, 'ERR_CAP_EVENTS']);
    expect(refusal.headers.get('retry-after')).toBe('1200');
    // what is new goes on, and so do others
    expect((await signed(thief, 'GET', `/v1/feed?ledger=${thief.ledger}&cursor=${changes}`)).status).toBe(200);
    expect((await signed(honest, 'GET', '/v1/feed')).status).toBe(200);
  });
});

describe('what one key can cost a day', () => {
  atNoon();
  const spendAll = (host: TestHost, rows: number) =>
    withSql((sql) =>
      sql.exec(
        'UPDATE hosts SET spent = ?, spent_day = ? WHERE id = ?',
        rows,
        Math.floor(Date.now() / 86_400_000),
        host.id,
      ),
    );
  const plan = 100_000;

  it('is its own part and most of what is for all, also over a waking; others and the operator go on, and it is told', async () => {
    const [thief, honest] = [await newHost('web1'), await newHost('web2')];
    // of two hosts: half of what is divided, and three quarters of what is for all
    await spendAll(thief, plan * 0.6 - 1);
    expect((await tell(thief, ban('203.0.113.7'))).refused).toEqual([]);
    await evictDurableObject(ledgerStub());
    vi.setSystemTime(Date.now() + 10_000);
    const more = [ban('203.0.113.8'), ban('203.0.113.11'), unban('203.0.113.7')];
    const reply = await batch(thief, streamOf(thief).stream, 2, more);
    expect([reply.status, codeOf(reply)]).toEqual([429, 'ERR_CAP_ROWS']);
    const wait = Number(reply.headers.get('retry-after'));
    expect(wait).toBe(43_200 - 10);
    await tell(honest, ban('203.0.113.9'));
    await operator('POST', '/v1/bans', { address: '203.0.113.10', bantime: 600 });
    expect([await isBanned('203.0.113.8'), await isBanned('203.0.113.9'), await isBanned('203.0.113.10')]).toEqual([
      ...[false, true, true],
    ]);
    expect((await operator('GET', '/v1/status')).body).toMatchObject({
      over_share: [{ name: 'web1', code: 'ERR_CAP_ROWS', refused: 2 }],
    });
    // the feed goes on, and tomorrow is another day
    expect((await signed(thief, 'GET', '/v1/feed')).status).toBe(200);
    vi.setSystemTime(Date.now() + 86_400_000);
    expect((await tell(thief, ban('203.0.113.8'))).refused).toEqual([]);
  });

  it('is so much less the more others have taken: five keys together leave the sixth host its own part', async () => {
    const hosts = await Promise.all(Array.from({ length: 6 }, (_, n) => newHost(`web${n}`)));
    const step = 500;
    const isLetIn = async (host: TestHost) => (await batch(host, crypto.randomUUID(), 1, [{}])).status === 200;
    const spent: number[] = [];
    for (const thief of hosts.slice(0, 5)) {
      let rows = 0;
      for (; await isLetIn(thief); rows += step) await spendAll(thief, rows + step);
      spent.push(rows);
    }
    // 5,000 are each one's own, 60,000 for all
    expect(spent).toEqual([50_000, 16_500, 8_000, 5_500, 5_000]);
    expect(spent.reduce((sum, rows) => sum + rows, 0)).toBeLessThan(plan * 0.9);
    const [last] = hosts.slice(5);
    if (last === undefined) throw new Error('no sixth host');
    await spendAll(last, 4_999);
    expect((await tell(last, ban('203.0.113.8'))).refused).toEqual([]);
  });
});
