/** What the ledger spares and how far hosts get: hosts' own addresses, the longest ban, the brake, two stolen keys. */
import { evictDurableObject, reset, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import { ledgerLimits } from '../../worker/ledger/limits.ts';
import { BanView, StatusView, Switched } from '../../worker/shapes.ts';
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

afterEach(() => reset());

const { brake_bans_min, addresses_per_host_max, held_per_host_max } = ledgerLimits;
const status = async () => StatusView.parse((await operator('GET', '/v1/status')).body);

/** A signed request that Cloudflare says has come from there. */
async function comeFrom(host: TestHost, place: string): Promise<void> {
  const path = `/v1/feed?ledger=${host.ledger}&cursor=0`;
  const headers = await sign(host, 'GET', path, '');
  headers.set('cf-connecting-ip', place);
  expect((await call(path, { headers })).status).toBe(200);
}

/** As if the host had been enrolled long ago: it has so many tokens, and its bans count for the brake. */
const settle = (host: TestHost, tokens: number) =>
  withSql((sql) =>
    sql.exec(
      'UPDATE hosts SET enrolled_at = 0, ban_tokens = ?, ban_tokens_at = ? WHERE id = ?',
      tokens,
      Date.now() / 1000,
      host.id,
    ),
  );

/** Tells as many bans of this second octet as are taken; how many that was. */
async function flood(host: TestHost, octet: number, count: number): Promise<number> {
  let taken = 0;
  for (let first = 0; first < count; first += 200) {
    const events = Array.from({ length: Math.min(200, count - first) }, (_, n) =>
      ban(`45.${octet}.${(first + n) >> 8}.${(first + n) & 255}`),
    );
    taken += events.length - (await tell(host, ...events)).refused.length;
  }
  return taken;
}

describe('an enrolled host', () => {
  it('is not banned by another one, and is let go if it was', async () => {
    const [one, other] = [await newHost('web1'), await newHost('web2')];
    await tell(one, ban('203.0.113.7'), ban('203.0.113.0/28'), ban('203.0.113.99'));
    await comeFrom(other, '203.0.113.7');
    await until(async () => (await status()).bans === 1);
    expect((await tell(one, ban('203.0.113.7'), ban('203.0.112.0/22'))).refused).toMatchObject([
      { code: 'ERR_GUARD_HOST' },
      { code: 'ERR_GUARD_HOST' },
    ]);
    await operator('DELETE', `/v1/hosts/${other.id}`);
    expect((await tell(one, ban('203.0.113.7'))).refused).toEqual([]);
  });

  it('has only so many addresses, and none that Cloudflare or nobody has', async () => {
    const host = await newHost('web1');
    for (const place of ['104.16.1.1', '127.0.0.1', '10.0.0.1', 'nonsense']) await comeFrom(host, place);
    for (let n = 0; n <= addresses_per_host_max; n++) await comeFrom(host, `203.0.113.${n}`);
    const count = () => withSql((sql) => Number(sql.exec('SELECT COUNT(*) AS n FROM host_addresses').one()['n']));
    expect(await count()).toBe(addresses_per_host_max);
    await withSql((sql) =>
      sql.exec("UPDATE host_addresses SET seen_at = seen_at - 86401 WHERE address = '203.0.113.3'"),
    );
    await comeFrom(host, '203.0.113.200');
    expect(await count()).toBe(addresses_per_host_max);
    const codes = (await tell(host, ban('203.0.113.3'), ban('203.0.113.200'))).refused.map(({ code }) => code);
    expect(codes).toEqual(['ERR_GUARD_HOST']);
  });
});

describe('the longest ban', () => {
  it('is a year unless set: longer ones are cut, the operator’s are not', async () => {
    const host = await newHost('web1');
    const at = Date.now() / 1000;
    const year = 365.25 * 86_400;
    await tell(
      host,
      ban('203.0.113.1', { at, until: null }),
      ban('203.0.113.2', { at, until: at + year + 9 }),
      ban('203.0.113.3', { at, until: at + 60 }),
    );
    await operator('POST', '/v1/bans', { address: '203.0.113.4', bantime: -1 });
    const ends = await Promise.all(
      ['1', '2', '3', '4'].map(
        async (n) => BanView.parse((await operator('GET', `/v1/bans/203.0.113.${n}`)).body).until,
      ),
    );
    expect(ends).toEqual([
      expect.closeTo(at + year, 1),
      expect.closeTo(at + year, 1),
      expect.closeTo(at + 60, 1),
      null,
    ]);
  });
});

describe('the brake', () => {
  it('is set when bans jump, told, and released by the operator for an hour', async () => {
    const host = await newHost('web1');
    await settle(host, 5_000);
    await flood(host, 1, brake_bans_min);
    expect((await status()).brake).toBeNull();
    await tell(host, ban('203.0.113.7'));
    expect((await status()).brake).toMatchObject({ by: 'ledger', rate: brake_bans_min + 1, usual: 0 });
    const log = await operator('GET', '/v1/log');
    expect(JSON.stringify(log.body)).toContain('601 bans (by weight) in a minute, usually 0.0');
    const text = await (await call('/metrics', { headers: { authorization: `Bearer ${env.OPERATOR_TOKEN}` } })).text();
    expect(text).toContain('edgeban_brake 1');
    expect(Switched.parse((await operator('DELETE', '/v1/brake')).body).brake).toBeNull();
    await flood(host, 2, 200);
    expect((await status()).brake).toBeNull();
  });

  it('is not set by what is usual, nor by a host that has just been enrolled', async () => {
    const [fresh, busy] = [await newHost('fresh'), await newHost('busy')];
    await flood(fresh, 1, 1_000);
    expect((await status()).brake).toBeNull();
    await settle(busy, 5_000);
    const hour = Math.floor(Date.now() / 10_000) - 200;
    await withSql((sql) =>
      sql.exec("INSERT INTO meta (key, value) VALUES ('edge.pulse', ?)", JSON.stringify([[hour, 60 * 100]])),
    );
    await evictDurableObject(ledgerStub());
    await flood(busy, 2, 900);
    expect((await status()).brake).toBeNull();
    await flood(busy, 3, 200);
    expect((await status()).brake).toMatchObject({ usual: 100 });
  });

  it('is released by itself when bans have not jumped for a quarter of an hour; one set by hand stays', async () => {
    const brake = { since: 1, by: 'ledger', rate: 700, usual: 0 };
    const set = (by: string) =>
      withSql((sql) =>
        sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('edge.brake', ?)", JSON.stringify({ ...brake, by })),
      );
    await set('operator');
    await runDurableObjectAlarm(ledgerStub());
    expect((await status()).brake).not.toBeNull();
    await set('ledger');
    await tell(await newHost('web1'), ban('203.0.113.7'));
    await until(async () => (await status()).brake === null);
    expect(JSON.stringify((await operator('GET', '/v1/log')).body)).toContain('brake-released');
  });
});

describe('two stolen keys that ban the world', () => {
  it('get as far as their shares, and the brake is on', async () => {
    const thieves = [await newHost('web1'), await newHost('web2')];
    const honest = await newHost('web3');
    for (const thief of thieves) await settle(thief, ledgerLimits.bans_burst);
    await tell(honest, ban('203.0.113.7'));
    const ban16s = async (thief: TestHost) => {
      const networks = Array.from({ length: 200 }, (_, n) => ban(`${n + 1}.${7 + thieves.indexOf(thief)}.0.0/16`));
      return 200 - (await tell(thief, ...networks)).refused.length;
    };
    // at once: seven networks and what is left over in addresses, each
    for (const [n, thief] of thieves.entries()) {
      const wide = await ban16s(thief);
      expect(wide).toBe(Math.floor(ledgerLimits.bans_burst / 256));
      expect(wide * 256 + (await flood(thief, n, 400))).toBe(ledgerLimits.bans_burst);
    }
    expect((await status()).brake).not.toBeNull();
    // and at the most, after hours, if they take it all in networks
    for (const thief of thieves) {
      await settle(thief, held_per_host_max);
      const lifts = Array.from({ length: 208 }, (_, n) => unban(`45.${thieves.indexOf(thief)}.0.${n}`));
      await tell(thief, ...lifts.slice(0, 200));
      await tell(thief, ...lifts.slice(200));
      await ban16s(thief);
    }
    const { bans } = await status();
    expect(bans - 1).toBe(2 * Math.floor(held_per_host_max / 256));
    expect((await status()).over_share.map(({ name }) => name)).toEqual(['web1', 'web2']);
    expect((await feed(honest, `?ledger=${honest.ledger}&cursor=0`)).changes).not.toEqual([]);
    for (const thief of thieves) await operator('DELETE', `/v1/hosts/${thief.id}`);
    expect((await status()).bans).toBe(1);
    expect(
      codeOf(await read(await call('/v1/feed', { headers: await sign(thieves[0] ?? honest, 'GET', '/v1/feed', '') }))),
    ).toBe('ERR_AUTH_REVOKED');
  });
});
