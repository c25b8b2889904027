/** What hosts may pass on to people, and what the operator's status tells of it. */
import { reset, runDurableObjectAlarm } from 'cloudflare:test';
import { afterEach, expect, it } from 'vitest';
import { AlertsPage } from '../../shared/alerts.ts';
import { tryOut } from '../../worker/alerts/delivery.ts';
import { StatusView } from '../../worker/shapes.ts';
import { call, ledgerStub, newHost, operator, read, signed, withSql } from './hosts.ts';
import { until } from './poll.ts';

afterEach(() => reset());

it('tells a signed host of a panic, by its name only, and the status of what is open', async () => {
  const host = await newHost('web1');
  await operator('POST', '/v1/panic', { reason: 'a secret reason' });
  const page = async (query = '') => AlertsPage.parse((await signed(host, 'GET', `/v1/alerts${query}`)).body);
  await until(async () => {
    await withSql((sql) => sql.exec("UPDATE meta SET value = '0' WHERE key = 'alerts.look'"));
    await runDurableObjectAlarm(ledgerStub());
    return (await page()).alerts.length > 0;
  });
  const { ledger, last, alerts } = await page();
  expect({ ledger, alerts }).toMatchObject({
    ledger: host.ledger,
    alerts: [{ phase: 'began', kind: 'panic', about: '', ended: null }],
  });
  expect(JSON.stringify(alerts)).not.toContain('secret');
  expect((await page(`?after=${last}`)).alerts).toEqual([]);
  const status = StatusView.parse((await operator('GET', '/v1/status')).body);
  expect(status.incidents).toMatchObject([{ kind: 'panic', text: 'by operator: a secret reason' }]);
});

it('tells nothing to who is no host', async () => {
  const host = await newHost('web1');
  expect((await read(await call('/v1/alerts'))).status).toBe(401);
  expect((await operator('GET', '/v1/alerts')).status).toBe(401);
  expect((await signed(host, 'GET', '/v1/alerts?after=1', '', { signedPath: '/v1/alerts' })).status).toBe(401);
});

it('tells the operator alone whom it tells, and tries it out', async () => {
  for (const [method, path] of [
    ['GET', '/v1/alert-targets'],
    ['POST', '/v1/alert-test'],
  ] as const)
    expect((await read(await call(path, { method }))).status).toBe(401);
  expect((await operator('GET', '/v1/alert-targets')).body).toEqual({ targets: [] });
  expect((await operator('POST', '/v1/alert-test')).body).toEqual({ sent: [] });
  const said: string[] = [];
  const sent = await tryOut({
    settings: {
      webhook: { url: 'https://a.invalid/', secret: null },
      ntfy: { url: 'https://b.invalid/t', token: null },
    },
    fetch: async (url, { body }) => {
      said.push(`${url} ${String(body)}`);
      return new Response(null, { status: url.includes('a.invalid') ? 200 : 403 });
    },
    now: () => 1_800_000_000,
  });
  expect(sent).toMatchObject([
    { target: 'webhook', error: null },
    { target: 'ntfy', error: expect.stringContaining('403') },
  ]);
  expect(said.join()).toContain('a message of trial');
});
