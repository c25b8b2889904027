/** The edge is broken in each way that people are to hear of, and healed: real enforcement, a real receiver, a clock moved by hand. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openIncidents } from '../../worker/alerts/book.ts';
import { writeBrake, writePanic } from '../../worker/ledger/standing.ts';
import { listName, zoneIds } from '../cloudflare/scene.ts';
import { edge, secret, week } from './edge.ts';
import { openReceiver, type Receiver } from './receiver.ts';

const hour = 3_600;

async function expectOnce(people: Receiver, began: string, body: { readonly end: () => Promise<void> }): Promise<void> {
  expect(people.told.filter((line) => line === `began ${began}`)).toEqual([`began ${began}`]);
  await body.end();
  expect(people.told.filter((line) => line.endsWith(` ${began}`))).toEqual([`began ${began}`, `ended ${began}`]);
}

describe('people hear once, and once when it is over', () => {
  test('of a token that is revoked', async () => {
    const { scene, people, ledger, clock, pass } = await edge();
    scene.fake.control.revokeToken({ name: 'worker' });
    ledger.hold('203.0.113.8', clock.now + week);
    await pass(hour);
    await expectOnce(people, 'token', {
      end: async () => {
        scene.fake.control.restoreToken({ name: 'worker' });
        await pass(2 * hour);
      },
    });
    expect(people.told).toHaveLength(2);
  });

  test('of a rule that somebody has disabled', async () => {
    const { scene, people, pass } = await edge();
    const [zone] = zoneIds;
    scene.fake.control.disableRule({ zone, ref: 'edgeban' });
    await pass(2 * hour);
    await expectOnce(people, `drift ${zone}`, {
      end: async () => {
        scene.fake.control.enableRule({ zone, ref: 'edgeban' });
        await pass(2 * hour);
      },
    });
  });

  test('of a list that is full', async () => {
    const { scene, people, ledger, clock, pass } = await edge();
    const end = clock.now + 900;
    const items = Array.from({ length: 9_990 }, (_, i) => ({ ip: `45.0.${i >> 8}.${i & 255}` }));
    scene.fake.control.seedItems({ list: listName, items });
    for (let i = 1; i <= 20; i++) ledger.hold(`198.18.0.${i}`, end);
    await pass(600);
    await expectOnce(people, "cap Cloudflare's list", { end: () => pass(900) });
  });

  test('of a host that bans more than its share', async () => {
    const { people, ledger, clock, pass, live } = await edge();
    ledger.enrol('web1');
    live.add('web1');
    ledger.sql.all(
      "UPDATE hosts SET refused = 12, refused_at = ?, refused_code = 'ERR_CAP_BANS' WHERE id = 'web1'",
      clock.now,
    );
    await pass(600);
    await expectOnce(people, 'cap web1', { end: () => pass(2 * hour) });
  });

  test('of a budget that is nearly spent', async () => {
    const { people, ledger, clock, pass } = await edge();
    ledger.sql.all('UPDATE ledger SET write_tokens = 5, write_tokens_at = ?', clock.now);
    await pass(500);
    await expectOnce(people, 'budget KV writes', { end: () => pass(hour) });
  });

  test('of KV that takes nothing', async () => {
    const { people, kv, ledger, clock, pass } = await edge();
    kv.broken = true;
    ledger.hold('203.0.113.9', clock.now + week);
    await pass(hour / 2);
    await expectOnce(people, 'kv', {
      end: async () => {
        kv.broken = false;
        await pass(hour);
      },
    });
  });

  test('of a host that is silent, but not of one that listens, was revoked, or is away for minutes', async () => {
    const { people, ledger, clock, pass, live } = await edge();
    for (const name of ['web1', 'web2', 'web3', 'web4']) ledger.enrol(name);
    live.add('web2');
    const seen = (name: string) => ledger.sql.all('UPDATE hosts SET seen_at = ? WHERE id = ?', clock.now, name);
    ledger.sql.all("UPDATE hosts SET revoked_at = ? WHERE id = 'web3'", clock.now);
    for (let i = 0; i < 6; i++) {
      await pass(400);
      seen('web4');
    }
    await expectOnce(people, 'host-silent web1', {
      end: async () => {
        live.add('web1');
        live.add('web4');
        await pass(hour);
      },
    });
    expect(people.told).toHaveLength(2);
  });

  test('of the brake, and of a panic, at once', async () => {
    const { people, ledger, clock, pass } = await edge();
    writeBrake(ledger.sql, { since: clock.now, by: 'ledger', rate: 900, usual: 3 });
    writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: 'locked out' });
    await ledger.work();
    expect(people.received.map(({ body }) => JSON.parse(body).text).sort()).toEqual([
      '900 new bans in a minute, 3.0 usually',
      'by operator: locked out',
    ]);
    writeBrake(ledger.sql, null);
    await expectOnce(people, 'brake', { end: () => pass(hour) });
    writePanic(ledger.sql, null);
    await expectOnce(people, 'panic', { end: () => pass(hour) });
  });

  test('of a Cloudflare that fails, but not for minutes', async () => {
    const { scene, people, ledger, clock, pass } = await edge();
    const fail = () => scene.fake.control.fault({ kind: '503', count: 10_000 });
    fail();
    ledger.hold('203.0.113.8', clock.now + week);
    await pass(300);
    scene.fake.control.clearFaults();
    await pass(hour);
    expect(people.told).toEqual([]);
    fail();
    ledger.hold('203.0.113.9', clock.now + week);
    await pass(hour);
    await expectOnce(people, 'cloudflare', {
      end: async () => {
        scene.fake.control.clearFaults();
        await pass(2 * hour);
      },
    });
  });

  test('of an operation that does not end, also after it was given up', async () => {
    const { scene, people, ledger, clock, pass } = await edge();
    scene.fake.control.nextOperations({ fates: ['stuck'] });
    ledger.hold('203.0.113.8', clock.now + week);
    await pass(hour);
    await expectOnce(people, 'behind', {
      end: async () => {
        scene.fake.control.releaseOperations();
        await pass(2 * hour);
      },
    });
    expect(people.told).toHaveLength(2);
  });

  test('of a ledger that was lost, while it cannot take over what is left', async () => {
    const { scene, people, ledger, pass } = await edge();
    ledger.sql.all('UPDATE ledger SET recovered_at = NULL');
    scene.fake.control.fault({ kind: '503', count: 10_000 });
    await pass(hour / 2);
    await expectOnce(people, 'lost', {
      end: async () => {
        scene.fake.control.clearFaults();
        await pass(2 * hour);
      },
    });
  });

  test('of settings that are wrong', async () => {
    const { people, pass, unsettle, ledger } = await edge();
    ledger.enrol('web1');
    unsettle(new Error('LIST_NAME: not a list name'));
    await pass(hour);
    await expectOnce(people, 'settings', {
      end: async () => {
        unsettle(null);
        await pass(hour);
      },
    });
  });

  test('and of nothing, where all is well for hours', async () => {
    const { people, pass, ledger } = await edge();
    await pass(6 * hour);
    expect(people.received).toEqual([]);
    expect(openIncidents(ledger.sql)).toEqual([]);
  });
});

describe('a message', () => {
  test('is signed over its time and its body, and says what to do', async () => {
    const { people, ledger, clock, pass } = await edge();
    writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: '' });
    await pass(60);
    const [message] = people.received;
    if (message === undefined) throw new Error('nothing came');
    const time = String(message.headers['webhook-timestamp']);
    const signed = `${message.headers['webhook-id']}.${time}.${message.body}`;
    const wanted = createHmac('sha256', secret).update(signed).digest('base64');
    expect(message.headers['webhook-signature']).toBe(`v1,${wanted}`);
    expect(Math.abs(Number(time) - clock.now)).toBeLessThan(120);
    expect(JSON.parse(message.body)).toMatchObject({
      ...{ id: `${ledger.id}/1`, phase: 'began', kind: 'panic', source: 'worker', ended: null },
      remedy: 'edgeban edge resume',
    });
  });

  test('goes to ntfy as well, each on its own', async () => {
    const ntfy = await openReceiver();
    const { people, ledger, clock, pass } = await edge({ ALERT_NTFY: `${ntfy.url}/ops`, ALERT_NTFY_TOKEN: 'tk_1' });
    people.status = 500;
    writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: '' });
    await pass(120);
    expect(ntfy.received).toHaveLength(1);
    expect(ntfy.received[0]).toMatchObject({ path: '/', headers: { authorization: 'Bearer tk_1' } });
    expect(JSON.parse(ntfy.received[0]?.body ?? '')).toMatchObject({
      ...{ topic: 'ops', priority: 4, title: '[edgeban] all blocks at the edge are lifted (panic)' },
    });
    people.status = 200;
    await pass(hour);
    expect(people.told).toEqual(['began panic']);
    expect(ntfy.received).toHaveLength(1);
  });

  test.each([500, 404, 302, 0])(
    'that was answered by %i is sent again, to its end and not for ever',
    async (status) => {
      const { people, ledger, clock, watch } = await edge();
      people.status = status;
      writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: '' });
      await watch(2 * hour);
      expect(people.received).toEqual([]);
      people.status = 200;
      await watch(2 * hour);
      expect(people.told).toEqual(['began panic']);
      people.status = status;
      writeBrake(ledger.sql, { since: clock.now, by: 'operator', rate: 0, usual: 0 });
      await watch(60);
      expect(ledger.sql.all('SELECT target FROM alert_deliveries')).toEqual([{ target: 'webhook' }]);
      await watch(86_400);
      expect(ledger.sql.all('SELECT * FROM alert_deliveries')).toEqual([]);
    },
  );

  test('about a beginning that could not be delivered gives way to its end', async () => {
    const { people, ledger, clock, pass } = await edge();
    people.status = 503;
    writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: '' });
    await pass(300);
    writePanic(ledger.sql, null);
    await pass(900);
    people.status = 200;
    await pass(2 * hour);
    expect(people.told).toEqual(['ended panic']);
  });

  test('is not sent twice by a ledger that was evicted', async () => {
    const { people, ledger, clock, pass, forget } = await edge();
    writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: '' });
    for (let i = 0; i < 10; i++) {
      await pass(60);
      forget();
    }
    expect(people.told).toEqual(['began panic']);
  });
});

test('what flaps is told ever more seldom', async () => {
  const { people, ledger, clock, watch } = await edge();
  for (const end = clock.now + 86_400; clock.now < end; ) {
    writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: '' });
    await watch(60);
    writePanic(ledger.sql, null);
    await watch(400);
  }
  // without memory it would be 2 × 187
  expect(people.received.length).toBeLessThanOrEqual(8);
  expect(people.received.length).toBeGreaterThanOrEqual(2);
});

test('a host reads names only, what is open first, and then what is new', async () => {
  const { ledger, clock, pass, scene, alerts } = await edge();
  scene.fake.control.revokeToken({ name: 'worker' });
  writePanic(ledger.sql, { since: clock.now, by: 'operator', reason: 'a secret reason' });
  ledger.hold('203.0.113.8', clock.now + week);
  await pass(hour);
  const page = (after?: number) => alerts.page(`/v1/alerts${after === undefined ? '' : `?after=${after}`}`);
  const first = page();
  expect(first.alerts.map(({ phase, kind, about }) => [phase, kind, about]).sort()).toEqual([
    ['began', 'panic', ''],
    ['began', 'token', ''],
  ]);
  expect(JSON.stringify(first)).not.toMatch(/secret|operator|Cloudflare|403/);
  expect(page(first.last)).toMatchObject({ last: first.last, alerts: [] });
  writePanic(ledger.sql, null);
  await pass(hour);
  expect(page(first.last).alerts).toMatchObject([{ phase: 'ended', kind: 'panic' }]);
  expect(page().alerts).toMatchObject([{ kind: 'token' }]);
});
