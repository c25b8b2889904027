/** Events: numbered, applied once, judged one by one; who holds an address; caps. */
import { reset } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import { EventReceipt } from '../../shared/wire.ts';
import { ledgerLimits } from '../../worker/ledger/limits.ts';
import { BanView } from '../../worker/shapes.ts';
import {
  ban,
  batch,
  codeOf,
  newHost,
  operator,
  type Reply,
  streamOf,
  type TestHost,
  tell,
  unban,
  withSql,
} from './hosts.ts';

afterEach(() => reset());

async function holders(address: string): Promise<string[]> {
  const reply = await operator('GET', `/v1/bans/${encodeURIComponent(address)}`);
  if (reply.status === 404) return [];
  return BanView.parse(reply.body).holders.map(({ name, jail }) => `${name}/${jail}`);
}

const receiptOf = (reply: Reply) => EventReceipt.parse(reply.body);

describe('numbers', () => {
  it('without a gap are acknowledged; a batch sent twice changes nothing', async () => {
    const host = await newHost('web1');
    const stream = crypto.randomUUID();
    const events = [ban('203.0.113.7'), ban('203.0.113.8'), unban('203.0.113.8')];
    const first = await batch(host, stream, 1, events);
    expect(receiptOf(first)).toEqual({ stream, acked: 3, refused: [] });
    const rows = () => withSql((sql) => JSON.stringify(sql.exec('SELECT * FROM holders, ledger').toArray()));
    const before = await rows();
    expect(receiptOf(await batch(host, stream, 1, events))).toEqual({ stream, acked: 3, refused: [] });
    expect(receiptOf(await batch(host, stream, 2, events.slice(1, 2)))).toEqual({ stream, acked: 3, refused: [] });
    expect(JSON.parse(await rows())).toMatchObject(
      JSON.parse(before).map(({ cursor, revision }: Record<string, number>) => ({ cursor, revision })),
    );
    expect(await holders('203.0.113.7')).toEqual(['web1/sshd']);
    expect(await holders('203.0.113.8')).toEqual([]);
  });

  it('take in the new part of a batch that overlaps', async () => {
    const host = await newHost('web1');
    const stream = crypto.randomUUID();
    await batch(host, stream, 1, [ban('203.0.113.7')]);
    const reply = await batch(host, stream, 1, [unban('203.0.113.7'), ban('203.0.113.9')]);
    expect(receiptOf(reply).acked).toBe(2);
    expect(await holders('203.0.113.7')).toEqual(['web1/sshd']);
    expect(await holders('203.0.113.9')).toEqual(['web1/sshd']);
  });

  it('with a gap are refused with the expected one', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'));
    const { stream } = streamOf(host);
    const reply = await batch(host, stream, 3, [ban('203.0.113.9')]);
    expect([reply.status, codeOf(reply)]).toEqual([409, 'ERR_EVENTS_GAP']);
    expect(reply.body).toMatchObject({ expected: 2 });
    expect((await batch(host, crypto.randomUUID(), 2, [ban('203.0.113.9')])).body).toMatchObject({ expected: 1 });
    expect(await holders('203.0.113.9')).toEqual([]);
  });

  it("are each host's own, and each stream's", async () => {
    const [a, b] = [await newHost('a'), await newHost('b')];
    const stream = crypto.randomUUID();
    await batch(a, stream, 1, [ban('203.0.113.7')]);
    expect((await batch(b, stream, 2, [ban('203.0.113.7')])).status).toBe(409);
    expect(receiptOf(await batch(b, stream, 1, [ban('203.0.113.7')])).acked).toBe(1);
  });

  it('are remembered of so many streams', async () => {
    const host = await newHost('web1');
    for (let n = 0; n < ledgerLimits.streams_per_host_max + 3; n++)
      await batch(host, crypto.randomUUID(), 1, [ban('203.0.113.7')]);
    const kept = await withSql((sql) => sql.exec('SELECT json_array_length(streams) AS n FROM hosts').one()['n']);
    expect(kept).toBe(ledgerLimits.streams_per_host_max);
  });
});

describe('refused events', () => {
  it.each([
    ['0.0.0.0/0', 'ERR_GUARD_WIDE'],
    ['::/0', 'ERR_GUARD_WIDE'],
    ['10.1.2.3', 'ERR_GUARD_RESERVED'],
    ['::ffff:127.0.0.1', 'ERR_GUARD_RESERVED'],
    ['172.67.1.1', 'ERR_GUARD_CLOUDFLARE'],
    ['2606:4700::1111', 'ERR_GUARD_CLOUDFLARE'],
    ['example.org', 'ERR_ADDRESS_INVALID'],
  ])('%s: %s, and the others go on', async (address, code) => {
    const host = await newHost('web1');
    const receipt = await tell(host, ban('203.0.113.7'), ban(address), ban('203.0.113.9'));
    expect(receipt).toMatchObject({ acked: 3, refused: [{ seq: 2, code }] });
    expect(await holders('203.0.113.9')).toEqual(['web1/sshd']);
  });

  it('are those in the wrong shape, too, and come again with a batch that is sent again', async () => {
    const host = await newHost('web1');
    const stream = crypto.randomUUID();
    const events = [null, { kind: 'bann' }, { ...ban('203.0.113.7'), until: 'never' }, ban('203.0.113.9')];
    const receipt = receiptOf(await batch(host, stream, 1, events));
    expect(receipt.refused.map(({ seq, code }) => [seq, code])).toEqual(
      [1, 2, 3].map((seq) => [seq, 'ERR_EVENT_INVALID']),
    );
    expect(receiptOf(await batch(host, stream, 1, events))).toEqual(receipt);
    expect(await holders('203.0.113.7')).toEqual([]);
    expect(await holders('203.0.113.9')).toEqual(['web1/sshd']);
  });
});

it('an event that names another host is that of the host which has signed it', async () => {
  const [host, other] = [await newHost('web1'), await newHost('web2')];
  expect((await tell(host, { ...ban('203.0.113.7'), host: other.id, name: 'web2' })).refused).toEqual([]);
  expect(await holders('203.0.113.7')).toEqual(['web1/sshd']);
});

it('a host that sends too fast is told to wait, and loses nothing', async () => {
  const host = await newHost('web1');
  const { stream } = streamOf(host);
  const many = Array.from({ length: 200 }, () => unban('203.0.113.7'));
  let first = 1;
  let reply = await batch(host, stream, first, many);
  for (; reply.status === 200 && first < 2 * ledgerLimits.events_burst; reply = await batch(host, stream, first, many))
    first = receiptOf(reply).acked + 1;
  expect([reply.status, codeOf(reply)]).toEqual([429, 'ERR_CAP_EVENTS']);
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  const last = await withSql((sql) => sql.exec("SELECT streams ->> '$[0][1]' AS last FROM hosts").one()['last']);
  expect(last).toBe(first - 1);
});

describe('holders', () => {
  async function two(): Promise<[TestHost, TestHost]> {
    const [a, b] = [await newHost('a'), await newHost('b')];
    await tell(a, ban('203.0.113.7'), ban('203.0.113.7', { jail: 'recidive', until: null }));
    await tell(b, ban('203.0.113.7'));
    return [a, b];
  }

  it('of one address are counted: the last one out lifts it', async () => {
    const [a, b] = await two();
    const jails = ['a/recidive', 'a/sshd', 'b/sshd'];
    expect((await holders('203.0.113.7')).toSorted()).toEqual(jails);
    await tell(a, unban('203.0.113.7'));
    expect((await holders('203.0.113.7')).toSorted()).toEqual(['a/recidive', 'b/sshd']);
    await tell(a, unban('203.0.113.7', 'recidive'));
    expect(await holders('203.0.113.7')).toEqual(['b/sshd']);
    await tell(b, unban('203.0.113.7'));
    expect(await holders('203.0.113.7')).toEqual([]);
  });

  it('are all lifted by the operator, and do not come back with an old event', async () => {
    const [a] = await two();
    const old = ban('203.0.113.7', { at: Date.now() / 1000 - 60 });
    expect((await operator('DELETE', '/v1/bans/203.0.113.7')).body).toEqual({ address: '203.0.113.7', lifted: 3 });
    expect((await operator('DELETE', '/v1/bans/203.0.113.7')).body).toMatchObject({ lifted: 0 });
    await tell(a, old);
    expect(await holders('203.0.113.7')).toEqual([]);
    await tell(a, ban('203.0.113.7', { at: Date.now() / 1000 + 60 }));
    expect(await holders('203.0.113.7')).toEqual(['a/sshd']);
    expect((await operator('DELETE', '/v1/bans/203.0.113.7')).body).toMatchObject({ lifted: 1 });
  });

  it('cannot be lifted by another host', async () => {
    const [, b] = await two();
    await tell(b, unban('203.0.113.7', 'recidive'), unban('203.0.113.7'));
    expect((await holders('203.0.113.7')).toSorted()).toEqual(['a/recidive', 'a/sshd']);
  });
});

describe("the operator's own ban", () => {
  it('is held by the operator, and guarded like the others', async () => {
    const reply = await operator('POST', '/v1/bans', { address: '203.0.113.0/24', bantime: -1 });
    expect(reply.body).toMatchObject({ address: '203.0.113.0/24', until: null, holders: [{ host: 'operator' }] });
    const within = await operator('GET', '/v1/bans/203.0.113.77');
    expect(within.body).toMatchObject({ address: '203.0.113.0/24', action: 'block' });
    expect((await operator('GET', '/v1/bans/203.0.112.77')).status).toBe(404);
    expect(await holders('203.0.113.0/24')).toEqual(['operator/operator']);
    for (const [address, code] of [
      ['104.16.0.1', 'ERR_GUARD_CLOUDFLARE'],
      ['0.0.0.0/0', 'ERR_GUARD_WIDE'],
      ['nonsense', 'ERR_ADDRESS_INVALID'],
    ])
      expect(codeOf(await operator('POST', '/v1/bans', { address, bantime: 60 }))).toBe(code);
    expect(codeOf(await operator('POST', '/v1/bans', { address: '203.0.113.7' }))).toBe('ERR_REQUEST_INVALID');
  });

  it('is listed page by page', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'), ban('203.0.113.8'));
    await operator('POST', '/v1/bans', { address: '203.0.113.9', bantime: -1 });
    const first = await operator('GET', '/v1/bans?limit=2');
    expect(first.body).toMatchObject({
      bans: [{ address: '203.0.113.7' }, { address: '203.0.113.8' }],
      next: '203.0.113.8',
    });
    const second = await operator('GET', '/v1/bans?limit=2&after=203.0.113.8');
    expect(second.body).toEqual({ bans: [{ address: '203.0.113.9', action: 'block', until: null }], next: null });
  });
});
