/** Enrolment once only, and every way in which a signed or an operator's request is refused. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { randomText } from '../../worker/auth.ts';
import { ledgerLimits } from '../../worker/ledger/limits.ts';
import {
  ban,
  call,
  codeOf,
  enroll,
  ledgerStub,
  newHost,
  newKey,
  newToken,
  operator,
  read,
  sign,
  signed,
  withSql,
} from './hosts.ts';

afterEach(() => reset());

const batchOf = (...events: unknown[]) => JSON.stringify({ stream: crypto.randomUUID(), first: 1, events });

describe('enrolment', () => {
  it('takes a token once, and tells the same host the same again', async () => {
    const token = await newToken();
    const { key } = await newKey();
    const first = await read(await enroll(token, 'web1', key));
    expect(first.status).toBe(200);
    expect((await read(await enroll(token, 'web1', key))).body).toEqual(first.body);
    const other = await read(await enroll(token, 'web2', (await newKey()).key));
    expect([other.status, codeOf(other)]).toEqual([403, 'ERR_ENROLL_TOKEN']);
  });

  it('has only so many tokens out, of which those that were used are none', async () => {
    await withSql((sql) =>
      sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO enroll_tokens (hash, expires_at) SELECT 'hash' || i, 1e11 FROM n`,
        ledgerLimits.enroll_tokens_max,
      ),
    );
    expect(codeOf(await operator('POST', '/v1/enroll-tokens'))).toBe('ERR_CAP_HOSTS');
    await withSql((sql) => sql.exec("UPDATE enroll_tokens SET host = 'h' WHERE hash <> 'hash1'"));
    expect((await operator('POST', '/v1/enroll-tokens')).status).toBe(200);
  });

  it('keeps only the hash of a token', async () => {
    const token = await newToken();
    const kept = await withSql((sql) => JSON.stringify(sql.exec('SELECT * FROM enroll_tokens').toArray()));
    expect(kept).toMatch(/[0-9a-f]{64}/);
    expect(kept).not.toContain(token);
  });

  it('refuses an unknown token, one that is too old, and a name or key that is taken', async () => {
    const { key } = await newKey();
    expect(codeOf(await read(await enroll(randomText(24), 'web1', key)))).toBe('ERR_ENROLL_TOKEN');
    const old = await newToken();
    await withSql((sql) => sql.exec('UPDATE enroll_tokens SET expires_at = 1'));
    expect(codeOf(await read(await enroll(old, 'web1', key)))).toBe('ERR_ENROLL_TOKEN');
    await newHost('web1');
    const taken = await read(await enroll(await newToken(), 'web1', key));
    expect([taken.status, codeOf(taken)]).toEqual([409, 'ERR_ENROLL_TAKEN']);
  });

  it('wants a name, a key and a token in shape', async () => {
    const { key } = await newKey();
    const token = await newToken();
    for (const [name, given] of [
      ['../x', key],
      ['web1', 'short'],
    ] as const) {
      const reply = await read(await enroll(token, name, given));
      expect([reply.status, codeOf(reply)]).toEqual([400, 'ERR_REQUEST_INVALID']);
    }
  });
});

describe('a signed request', () => {
  it('is refused without its headers', async () => {
    const reply = await read(await call('/v1/events', { method: 'POST', body: batchOf(ban('203.0.113.7')) }));
    expect([reply.status, codeOf(reply)]).toEqual([401, 'ERR_AUTH_MISSING']);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
  });

  it('is refused from a host that is not known', async () => {
    const host = await newHost('web1');
    const reply = await signed(host, 'POST', '/v1/events', batchOf(ban('203.0.113.7')), { host: crypto.randomUUID() });
    expect([reply.status, codeOf(reply)]).toEqual([401, 'ERR_AUTH_HOST']);
  });

  it.each([
    ['another body', { signedBody: 'x' }],
    ['another path', { signedPath: '/v1/feed' }],
  ])('is refused with a signature of %s', async (_what, wrong) => {
    const host = await newHost('web1');
    const reply = await signed(host, 'POST', '/v1/events', batchOf(ban('203.0.113.7')), wrong);
    expect([reply.status, codeOf(reply)]).toEqual([401, 'ERR_AUTH_SIGNATURE']);
  });

  it("is refused with another host's key", async () => {
    const [a, b] = [await newHost('a'), await newHost('b')];
    expect(codeOf(await signed(a, 'GET', '/v1/feed', '', { host: b.id }))).toBe('ERR_AUTH_SIGNATURE');
  });

  it.each([-125, 125])('is refused when its clock is %d s off', async (off) => {
    const host = await newHost('web1');
    const time = Math.floor(Date.now() / 1000) + off;
    expect(codeOf(await signed(host, 'GET', '/v1/feed', '', { time }))).toBe('ERR_AUTH_STALE');
  });

  it('is refused the second time', async () => {
    const host = await newHost('web1');
    const body = batchOf(ban('203.0.113.7'));
    const headers = await sign(host, 'POST', '/v1/events', body);
    expect((await call('/v1/events', { method: 'POST', headers, body })).status).toBe(200);
    expect(codeOf(await read(await call('/v1/events', { method: 'POST', headers, body })))).toBe('ERR_AUTH_REPLAY');
  });

  it('is refused the second time over a waking, too, and what is signed later is taken', async () => {
    const host = await newHost('web1');
    const body = batchOf(ban('203.0.113.7'));
    const headers = await sign(host, 'POST', '/v1/events', body);
    expect((await call('/v1/events', { method: 'POST', headers, body })).status).toBe(200);
    await evictDurableObject(ledgerStub());
    const again = await read(await call('/v1/events', { method: 'POST', headers, body }));
    expect([again.status, codeOf(again)]).toEqual([503, 'ERR_AUTH_AGAIN']);
    expect(Number(again.headers.get('retry-after'))).toBeLessThanOrEqual(2);
    expect((await signed(host, 'POST', '/v1/events', body)).status).toBe(200);
    expect(codeOf(await read(await call('/v1/events', { method: 'POST', headers, body })))).toBe('ERR_AUTH_AGAIN');
  });

  it('is refused once the host is revoked, and its bans are lifted', async () => {
    const host = await newHost('web1');
    await signed(host, 'POST', '/v1/events', batchOf(ban('203.0.113.7'), ban('203.0.113.8')));
    expect((await operator('DELETE', `/v1/hosts/${host.id}`)).body).toEqual({ host: host.id, lifted: 2 });
    const reply = await signed(host, 'GET', '/v1/feed');
    expect([reply.status, codeOf(reply)]).toEqual([403, 'ERR_AUTH_REVOKED']);
    expect((await operator('GET', '/v1/bans')).body).toEqual({ bans: [], next: null });
    expect(codeOf(await operator('DELETE', `/v1/hosts/${crypto.randomUUID()}`))).toBe('ERR_HOST_UNKNOWN');
  });
});

describe('the operator', () => {
  it.each([
    ['POST', '/v1/enroll-tokens'],
    ['GET', '/v1/bans'],
    ['POST', '/v1/bans'],
    ['GET', '/v1/bans/203.0.113.7'],
    ['DELETE', '/v1/bans/203.0.113.0%2F24'],
    ['GET', '/v1/snapshot'],
    ['GET', '/v1/hosts'],
    ['DELETE', '/v1/hosts/x'],
    ['GET', '/v1/status'],
  ])('alone may %s %s', async (method, path) => {
    for (const authorization of ['', 'Bearer wrong', 'Basic dGVzdA==']) {
      const reply = await read(await call(path, { method, headers: { authorization } }));
      expect([reply.status, codeOf(reply)]).toEqual([401, 'ERR_AUTH_OPERATOR']);
    }
  });
});

describe('a body', () => {
  const big = 'x'.repeat(70_000);

  it('may not be too large by its own account', async () => {
    const reply = await read(await call('/v1/events', { method: 'POST', body: big }));
    expect([reply.status, codeOf(reply)]).toEqual([413, 'ERR_BODY_TOO_LARGE']);
  });

  it('is counted while it streams, and not read on', async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 16_384;
        if (sent > 10_000_000) controller.close();
        else controller.enqueue(new Uint8Array(16_384));
      },
    });
    const reply = await read(await call('/v1/enroll', { method: 'POST', body }));
    expect(codeOf(reply)).toBe('ERR_BODY_TOO_LARGE');
    expect(sent).toBeLessThan(1_000_000);
  });

  it.each([['not json'], ['{"stream":1}'], ['[]']])('that is %s is refused after the signature', async (body) => {
    const host = await newHost('web1');
    const reply = await signed(host, 'POST', '/v1/events', body);
    expect([reply.status, codeOf(reply)]).toEqual([400, 'ERR_REQUEST_INVALID']);
  });
});

it('an unknown route is a problem, too', async () => {
  const reply = await read(await call('/v1/nothing'));
  expect([reply.status, codeOf(reply)]).toEqual([404, 'ERR_ROUTE']);
  expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
});

it('describes itself', async () => {
  const { status, body } = await read(await call('/openapi.json'));
  expect(status).toBe(200);
  const text = JSON.stringify(body);
  for (const path of ['/v1/events', '/v1/feed', '/v1/enroll', '/v1/bans/{address}'])
    expect(text).toContain(`"${path}"`);
});

describe('every answer', () => {
  it.each([
    ['GET', '/v1/health', {}],
    ['GET', '/openapi.json', {}],
    ['GET', '/nowhere', {}],
    ['GET', '/nowhere', { upgrade: 'websocket' }],
    ['GET', '/v1/feed', { upgrade: 'websocket' }],
    ['POST', '/v1/enroll', {}],
    ['GET', '/v1/status', {}],
  ])('%s %s has secure headers and is not kept', async (method, path, headers) => {
    const response = await call(path, { method, headers });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-security-policy': "default-src 'none'",
      'x-content-type-options': 'nosniff',
      'strict-transport-security': expect.stringContaining('max-age'),
      'cache-control': 'no-store',
    });
  });

  it('needs somebody who is known, but for health and the description', async () => {
    const { body } = await read(await call('/openapi.json'));
    const { paths } = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) }).parse(body);
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method, path]),
    );
    const open: string[] = [];
    for (const [method = '', path = ''] of routes) {
      const response = await call(path.replace('{address}', '192.0.2.1').replace('{id}', 'x'), {
        method: method.toUpperCase(),
      });
      if (response.status !== 401) open.push(`${method} ${path} ${response.status}`);
    }
    // the token of an enrolment, and the operator's of a login, is in its body
    expect(open.toSorted()).toEqual(['get /v1/health 200', 'post /v1/enroll 400', 'post /v1/session 400']);
  });
});

it('enrolment is tried ten times from one address, then told to wait', async () => {
  const headers = { 'content-type': 'application/json', 'cf-connecting-ip': '2001:db8::1' };
  const attempt = (from: string) =>
    call('/v1/enroll', {
      method: 'POST',
      headers: { ...headers, 'cf-connecting-ip': from },
      body: JSON.stringify({ token: 'x'.repeat(32), name: 'web1', key: 'k'.repeat(43) }),
    });
  for (let n = 0; n < 10; n++) expect((await attempt(`2001:db8::${n}`)).status).toBe(403);
  const refused = await attempt('2001:db8::ffff');
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(codeOf(await read(refused))).toBe('ERR_CAP_ENROLMENTS');
  expect((await attempt('2001:db8:0:1::1')).status).toBe(403);
});
