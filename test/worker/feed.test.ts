/** The feed: pages after a cursor, live over a WebSocket, and both after the ledger was evicted. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import { FeedPage } from '../../shared/wire.ts';
import {
  ban,
  call,
  codeOf,
  feed,
  ledgerStub,
  newHost,
  operator,
  read,
  sign,
  type TestHost,
  tell,
  unban,
  withSql,
} from './hosts.ts';
import { until } from './poll.ts';

const open: WebSocket[] = [];
afterEach(async () => {
  for (const socket of open.splice(0)) socket.close();
  await reset();
});

interface Live {
  readonly pages: FeedPage[];
  readonly closed: { code: number | null };
}

async function live(host: TestHost, query: string): Promise<Live> {
  const path = `/v1/feed${query}`;
  const headers = await sign(host, 'GET', path, '');
  headers.set('upgrade', 'websocket');
  const { status, webSocket } = await call(path, { headers });
  if (webSocket === null) throw new Error(`no socket: ${status}`);
  const pages: FeedPage[] = [];
  const closed: Live['closed'] = { code: null };
  webSocket.addEventListener('message', ({ data }) => {
    pages.push(FeedPage.parse(JSON.parse(String(data))));
  });
  webSocket.addEventListener('close', ({ code }) => {
    closed.code = code;
  });
  webSocket.accept();
  open.push(webSocket);
  return { pages, closed };
}

const news = ({ pages }: Live) =>
  pages.flatMap((page) => page.changes.map((c) => `${c.lifted ? '-' : '+'}${c.address}`));

describe('pages', () => {
  it('start from nothing for a host without a ledger or with another one', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'), ban('203.0.113.8'), unban('203.0.113.8'));
    for (const query of ['', `?ledger=${crypto.randomUUID()}&cursor=1`, `?ledger=${host.ledger}&cursor=999`]) {
      const page = await feed(host, query);
      expect(page).toMatchObject({ ledger: host.ledger, reset: true, more: false });
      expect(page.changes.filter(({ lifted }) => !lifted)).toMatchObject([
        { address: '203.0.113.7', host: host.id, jail: 'sshd' },
      ]);
    }
  });

  it('go on after a cursor, with what was lifted', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'));
    const first = await feed(host, '');
    await tell(host, ban('203.0.113.8'), unban('203.0.113.7'));
    const next = await feed(host, `?ledger=${host.ledger}&cursor=${first.cursor}`);
    expect(next.reset).toBe(false);
    expect(next.changes).toMatchObject([
      { address: '203.0.113.8', lifted: false },
      { address: '203.0.113.7', lifted: true },
    ]);
    expect((await feed(host, `?ledger=${host.ledger}&cursor=${next.cursor}`)).changes).toEqual([]);
  });

  it('of a reset say so to the last', async () => {
    const host = await newHost('web1');
    for (let part = 0; part < 3; part++)
      await tell(host, ...Array.from({ length: 200 }, (_, n) => ban(`203.0.${part}.${n + 1}`)));
    const first = await feed(host, '');
    expect([first.reset, first.more, first.changes.length]).toEqual([true, true, 500]);
    const last = await feed(host, `?ledger=${host.ledger}&cursor=${first.cursor}&resetting=1`);
    expect([last.reset, last.more, last.changes.length]).toEqual([true, false, 100]);
  });
});

describe('live', () => {
  it("catches up first, then hears of other hosts' bans and lifts, and of its own lifted by the operator", async () => {
    const [a, b] = [await newHost('a'), await newHost('b')];
    await tell(a, ban('203.0.113.7'));
    const page = await feed(b, '');
    await tell(a, ban('203.0.113.8'));
    const socket = await live(b, `?ledger=${b.ledger}&cursor=${page.cursor}`);
    await until(async () => socket.pages.length === 1);
    expect(news(socket)).toEqual(['+203.0.113.8']);
    await tell(a, unban('203.0.113.7'));
    await tell(b, ban('203.0.113.9'));
    await operator('DELETE', '/v1/bans/203.0.113.9');
    await until(async () => news(socket).includes('-203.0.113.9'));
    expect(news(socket)).toEqual(['+203.0.113.8', '-203.0.113.7', '+203.0.113.9', '-203.0.113.9']);
    expect(socket.pages.at(-1)?.changes).toMatchObject([{ host: b.id }]);
  });

  it('says at once that there is nothing new', async () => {
    const host = await newHost('web1');
    const socket = await live(host, '');
    await until(async () => socket.pages.length > 0);
    expect(socket.pages).toEqual([{ ledger: host.ledger, cursor: 0, reset: true, more: false, changes: [] }]);
  });

  it('comes in pages, all of them, to a host that starts from nothing', async () => {
    const host = await newHost('web1');
    for (let part = 0; part < 3; part++)
      await tell(host, ...Array.from({ length: 200 }, (_, n) => ban(`203.0.${part}.${n + 1}`)));
    const socket = await live(host, '');
    await until(async () => socket.pages.at(-1)?.more === false);
    expect(socket.pages.map(({ reset, more, changes }) => [reset, more, changes.length])).toEqual([
      [true, true, 500],
      [true, false, 100],
    ]);
  });

  it('goes on after the ledger was evicted, with state and socket', async () => {
    const [a, b] = [await newHost('a'), await newHost('b')];
    await tell(a, ban('203.0.113.7'));
    const socket = await live(b, '');
    await until(async () => socket.pages.length === 1);
    await evictDurableObject(ledgerStub());
    await tell(a, ban('203.0.113.8'));
    await until(async () => news(socket).includes('+203.0.113.8'));
    expect(news(socket)).toEqual(['+203.0.113.7', '+203.0.113.8']);
    expect((await feed(a, '')).changes).toHaveLength(2);
  });

  it('has one socket a host, and none for a revoked one', async () => {
    const host = await newHost('web1');
    const old = await live(host, '');
    const young = await live(host, '');
    await until(async () => old.closed.code === 4000);
    await operator('DELETE', `/v1/hosts/${host.id}`);
    await until(async () => young.closed.code === 4003);
  });

  it('is refused without a signature', async () => {
    const reply = await read(await call('/v1/feed', { headers: { upgrade: 'websocket' } }));
    expect([reply.status, codeOf(reply)]).toEqual([401, 'ERR_AUTH_MISSING']);
  });
});

it('a ledger that was purged sends those who are too far behind to the start', async () => {
  const host = await newHost('web1');
  await tell(host, ban('203.0.113.7'), ban('203.0.113.8'), unban('203.0.113.7'));
  await withSql((sql) => sql.exec("INSERT OR REPLACE INTO meta VALUES ('holders.floor', '3')"));
  expect((await feed(host, `?ledger=${host.ledger}&cursor=2`)).reset).toBe(true);
  expect((await feed(host, `?ledger=${host.ledger}&cursor=3`)).reset).toBe(false);
});
