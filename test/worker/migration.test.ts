/** A ledger of an older version goes on: nothing of its hosts is forgotten when the tables change. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { afterEach, expect, it } from 'vitest';
import { ban, batch, call, codeOf, ledgerStub, newHost, read, sign, signed, streamOf, tell, withSql } from './hosts.ts';

afterEach(() => reset());

/** The ledger's tables as version 7 had them, with what the host has told. */
const backward = `
  CREATE TABLE nonces (
    host TEXT NOT NULL, nonce TEXT NOT NULL, expires_at REAL NOT NULL, PRIMARY KEY (host, nonce)
  ) WITHOUT ROWID;
  CREATE TABLE streams (
    host TEXT NOT NULL, stream TEXT NOT NULL, last INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY (host, stream)
  ) WITHOUT ROWID;
  INSERT INTO streams SELECT hosts.id, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
    FROM hosts, json_each(hosts.streams);
  INSERT INTO nonces SELECT id, 'n', signed_at + 121 FROM hosts;
  ALTER TABLE hosts DROP COLUMN signed_at;
  ALTER TABLE hosts DROP COLUMN streams;
  ALTER TABLE hosts DROP COLUMN spent;
  ALTER TABLE hosts DROP COLUMN spent_day;
  CREATE INDEX holders_host ON holders (host) WHERE lifted = 0 AND ended = 0;
  UPDATE schema_versions SET version = 7 WHERE component = 'ledger';
`;

it('from version 7: streams go on with their numbers, requests of before count no second time', async () => {
  const host = await newHost('web1');
  await tell(host, ban('203.0.113.7'), ban('203.0.113.8'));
  const old = await sign(host, 'GET', '/v1/feed', '');
  const body = JSON.stringify({ stream: streamOf(host).stream, first: 3, events: [ban('203.0.113.9')] });
  const told = await sign(host, 'POST', '/v1/events', body);
  expect((await call('/v1/events', { method: 'POST', headers: told, body })).status).toBe(200);
  await withSql((sql) => sql.exec(backward));
  await evictDurableObject(ledgerStub());
  expect(codeOf(await read(await call('/v1/events', { method: 'POST', headers: told, body })))).toBe('ERR_AUTH_AGAIN');
  expect(codeOf(await read(await call('/v1/feed', { headers: old })))).toBe('ERR_AUTH_AGAIN');
  const gap = await batch(host, streamOf(host).stream, 5, [ban('203.0.113.10')]);
  expect(gap).toMatchObject({ status: 409, body: { expected: 4 } });
  expect((await batch(host, streamOf(host).stream, 4, [ban('203.0.113.10')])).status).toBe(200);
  expect((await signed(host, 'GET', '/v1/feed')).body).toMatchObject({ cursor: 4 });
  expect(
    await withSql((sql) => sql.exec('SELECT version FROM schema_versions WHERE component = ?', 'ledger').one()),
  ).toEqual({ version: 8 });
});
