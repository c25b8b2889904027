/** What the operator does by hand: the allow list, panic and brake, the record of it all; and hosts that change their key. */
import { reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import { Allowed, SnapshotView, StatusView, Switched } from '../../worker/shapes.ts';
import { ban, call, codeOf, enroll, feed, newHost, newKey, newToken, operator, read, signed, tell } from './hosts.ts';
import { until } from './poll.ts';

afterEach(() => reset());

const status = async () => StatusView.parse((await operator('GET', '/v1/status')).body);

async function snapshotCount(): Promise<number | null> {
  return SnapshotView.nullable().parse((await operator('GET', '/v1/snapshot')).body)?.count ?? null;
}

async function acts(after = 0): Promise<{ what: string; about: string; who: string }[]> {
  const { body } = await operator('GET', `/v1/log?after=${after}`);
  if (typeof body !== 'object' || body === null || !('acts' in body) || !Array.isArray(body.acts))
    throw new Error('no log');
  return body.acts;
}

describe('the allow list', () => {
  it('lifts what it spares, tells hosts, and refuses such bans until it is taken back', async () => {
    const host = await newHost('web1');
    const other = await newHost('web2');
    await tell(host, ban('203.0.113.7'), ban('203.0.113.0/28'), ban('198.51.100.1'));
    const { cursor } = await feed(other, `?ledger=${other.ledger}&cursor=0`);
    const allowed = await operator('POST', '/v1/allow', { address: '203.0.113.4/30', note: 'the office' });
    expect(Allowed.parse(allowed.body)).toEqual({ address: '203.0.113.4/30', note: 'the office', lifted: 2 });
    const page = await feed(other, `?ledger=${other.ledger}&cursor=${cursor}`);
    expect(page.changes.map(({ address, lifted }) => [address, lifted]).toSorted()).toEqual([
      ['203.0.113.0/28', true],
      ['203.0.113.7', true],
    ]);
    expect((await tell(host, ban('203.0.113.5'))).refused).toMatchObject([{ code: 'ERR_GUARD_ALLOWED' }]);
    expect((await operator('POST', '/v1/bans', { address: '203.0.113.6', bantime: 60 })).status).toBe(422);
    expect((await operator('GET', '/v1/allow')).body).toMatchObject({
      allowed: [{ address: '203.0.113.4/30', note: 'the office', source: 'ledger' }],
    });
    expect((await operator('DELETE', `/v1/allow/${encodeURIComponent('203.0.113.4/30')}`)).status).toBe(200);
    expect((await tell(host, ban('203.0.113.5'))).refused).toEqual([]);
  });

  it('knows what it does not have', async () => {
    expect(codeOf(await operator('DELETE', '/v1/allow/203.0.113.7'))).toBe('ERR_ALLOWED_UNKNOWN');
    expect(codeOf(await operator('POST', '/v1/allow', { address: 'office' }))).toBe('ERR_ADDRESS_INVALID');
    expect(codeOf(await operator('POST', '/v1/allow', { address: '203.0.113.7', more: 1 }))).toBe(
      'ERR_REQUEST_INVALID',
    );
  });
});

describe('panic', () => {
  it('empties the snapshot, keeps the ledger, and is over with resume', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'));
    await until(async () => (await snapshotCount()) === 1);
    const reply = await operator('POST', '/v1/panic', { reason: 'shop is down' });
    expect(Switched.parse(reply.body)).toMatchObject({ panic: { by: 'operator', reason: 'shop is down' }, done: true });
    await until(async () => (await snapshotCount()) === 0);
    const { since } = (await status()).panic ?? {};
    await operator('POST', '/v1/panic');
    expect((await status()).panic).toEqual({ since, by: 'operator', reason: 'shop is down' });
    expect((await status()).bans).toBe(1);
    expect((await feed(await newHost('web2'), '')).changes).toMatchObject([{ address: '203.0.113.7', lifted: false }]);
    await operator('POST', '/v1/resume');
    expect((await status()).panic).toBeNull();
    await until(async () => (await snapshotCount()) === 1);
    expect((await acts()).filter(({ what }) => /panic|resume/.test(what))).toMatchObject([
      { what: 'panic', about: 'shop is down', who: 'operator' },
      { what: 'panic', about: '' },
      { what: 'resume' },
    ]);
  });

  it('is the operator’s alone, as are the others', async () => {
    const paths = ['POST /v1/panic', 'POST /v1/resume', 'POST /v1/brake', 'DELETE /v1/brake', 'GET /v1/allow'];
    for (const route of [...paths, 'POST /v1/allow', 'DELETE /v1/allow/203.0.113.7', 'GET /v1/log', 'GET /metrics']) {
      const [method = '', path = ''] = route.split(' ');
      expect(codeOf(await read(await call(path, { method }))), route).toBe('ERR_AUTH_OPERATOR');
    }
  });
});

describe('the record of acts', () => {
  it('tells who did what, page by page', async () => {
    const host = await newHost('web1');
    await operator('POST', '/v1/bans', { address: '203.0.113.7', bantime: 60 });
    await operator('DELETE', '/v1/bans/203.0.113.7');
    await operator('DELETE', `/v1/hosts/${host.id}`);
    const all = await acts();
    expect(all).toMatchObject([
      { who: 'operator', what: 'enroll-token' },
      { who: host.id, what: 'enrolled', about: 'web1' },
      { who: 'operator', what: 'ban', about: '203.0.113.7 for 60 s' },
      { who: 'operator', what: 'lift', about: '203.0.113.7' },
      { who: 'operator', what: 'revoked', about: `${host.id} web1` },
    ]);
    const { body } = await operator('GET', '/v1/log?limit=2');
    expect(body).toMatchObject({ acts: [{ n: 1 }, { n: 2 }], next: 2 });
    expect((await acts(2)).length).toBe(all.length - 2);
  });
});

describe('metrics', () => {
  it('are text for Prometheus', async () => {
    await tell(await newHost('web1'), ban('203.0.113.7'));
    const response = await call('/metrics', { headers: { authorization: `Bearer ${env.OPERATOR_TOKEN}` } });
    const text = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(text).toContain('# TYPE edgeban_bans gauge\nedgeban_bans 1\n');
    expect(text).toContain('edgeban_panic 0\n');
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [\d.e+]+)$/);
  });
});

describe('a host that replaces its key', () => {
  const rotate = (host: Parameters<typeof signed>[0], key: string) =>
    signed(host, 'POST', '/v1/rotate', JSON.stringify({ key }));

  it('speaks by the new one from then on; a lost answer is asked for again by the new one', async () => {
    const old = await newHost('web1');
    const { pair, key } = await newKey();
    const renewed = { ...old, pair };
    expect(codeOf(await rotate(renewed, key))).toBe('ERR_AUTH_SIGNATURE');
    expect((await rotate(old, key)).body).toEqual({ host: old.id, key });
    expect(codeOf(await rotate(old, key))).toBe('ERR_AUTH_SIGNATURE');
    expect((await rotate(renewed, key)).body).toEqual({ host: old.id, key });
    expect((await tell(renewed, ban('203.0.113.7'))).refused).toEqual([]);
    expect((await acts()).filter(({ what }) => what === 'rotated')).toMatchObject([{ who: old.id, about: 'web1' }]);
  });

  it('gets no key that was ever used', async () => {
    const host = await newHost('web1');
    const other = await newKey();
    await enroll(await newToken(), 'web2', other.key);
    expect(codeOf(await rotate(host, other.key))).toBe('ERR_AUTH_KEY_TAKEN');
    const second = await newKey();
    const third = await newKey();
    await rotate(host, second.key);
    await rotate({ ...host, pair: second.pair }, third.key);
    expect(codeOf(await rotate({ ...host, pair: third.pair }, second.key))).toBe('ERR_AUTH_KEY_TAKEN');
    expect(codeOf(await read(await enroll(await newToken(), 'web3', second.key)))).toBe('ERR_ENROLL_TAKEN');
    expect(codeOf(await rotate({ ...host, pair: third.pair }, 'short'))).toBe('ERR_REQUEST_INVALID');
  });
});
