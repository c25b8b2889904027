/** Failures that hosts tell: counted over all of them, none of which bans by itself, and banned in a holder of the fleet's own. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import { BanView } from '../../worker/shapes.ts';
import { ban, codeOf, feed, ledgerStub, newHost, operator, type TestHost, tell, withSql } from './hosts.ts';
import { until } from './poll.ts';

afterEach(() => reset());

const failure = (address: string, count = 1, at = Date.now() / 1000) => ({
  kind: 'failure',
  jail: 'sshd',
  address,
  at,
  count,
});
const isBanned = async (address: string) => (await operator('GET', `/v1/bans/${address}`)).status === 200;

/** As many hosts tell so many failures each. */
async function tellAll(hosts: readonly TestHost[], address: string, count: number): Promise<void> {
  for (const host of hosts) expect((await tell(host, failure(address, count))).refused).toEqual([]);
}

describe('an address that fails at several hosts', () => {
  it('is banned at ten failures, for an hour, by the fleet; every host hears it', async () => {
    const hosts = await Promise.all(['web1', 'web2', 'web3'].map(newHost));
    const [one, two] = hosts;
    if (one === undefined || two === undefined) throw new Error('no hosts');
    await tellAll(hosts, '203.0.113.7', 3);
    expect(await isBanned('203.0.113.7')).toBe(false);
    await tell(one, failure('203.0.113.7'));
    const view = BanView.parse((await operator('GET', '/v1/bans/203.0.113.7')).body);
    expect(view).toMatchObject({
      holders: [{ host: 'fleet', name: 'fleet', jail: 'fleet', edge: 'block', hosts: true }],
    });
    expect(view.until).toBeCloseTo(Date.now() / 1000 + 3600, -1);
    for (const host of hosts)
      expect((await feed(host, `?ledger=${host.ledger}&cursor=0`)).changes).toMatchObject([
        { address: '203.0.113.7', host: 'fleet' },
      ]);
  });

  it('is counted over evictions, and not over findtime', async () => {
    const [one, two, three] = [await newHost('web1'), await newHost('web2'), await newHost('web3')];
    await tell(one, failure('203.0.113.7', 4));
    await evictDurableObject(ledgerStub());
    await tell(two, failure('203.0.113.7', 4));
    await withSql((sql) => {
      for (const row of sql.exec('SELECT jail, times FROM counters').toArray()) {
        const times = JSON.stringify(JSON.parse(String(row['times'])).map((time: number) => time - 601));
        sql.exec('UPDATE counters SET times = ?, time = time - 601 WHERE jail = ?', times, String(row['jail']));
      }
    });
    await tell(three, failure('203.0.113.7', 4), failure('203.0.113.8', 1, Date.now() / 1000 - 601));
    expect(await isBanned('203.0.113.7')).toBe(false);
    const left = await withSql((sql) => sql.exec("SELECT times FROM counters WHERE jail = 'fleet'").toArray());
    expect(left.map(({ times }) => JSON.parse(String(times)).length)).toEqual([4]);
  });

  it('is spared like any other', async () => {
    const hosts = [await newHost('web1'), await newHost('web2')];
    await operator('POST', '/v1/allow', { address: '203.0.113.7' });
    for (const host of hosts) {
      const { refused } = await tell(
        host,
        failure('203.0.113.7', 9),
        failure('104.16.1.1', 9),
        failure('203.0.113.0/24', 9),
      );
      expect(refused.map(({ code }) => code)).toEqual([
        'ERR_GUARD_ALLOWED',
        'ERR_GUARD_CLOUDFLARE',
        'ERR_EVENT_INVALID',
      ]);
    }
    expect((await operator('GET', '/v1/bans')).body).toMatchObject({ bans: [] });
  });
});

describe('one host', () => {
  it('does not reach the threshold, whatever it invents; with a second one it does', async () => {
    const [one, two] = [await newHost('web1'), await newHost('web2')];
    for (let n = 0; n < 20; n++) await tell(one, failure('203.0.113.7', 1_000), failure('203.0.113.7', 1_000));
    expect(await isBanned('203.0.113.7')).toBe(false);
    await tell(two, failure('203.0.113.7', 4));
    expect(await isBanned('203.0.113.7')).toBe(false);
    await tell(two, failure('203.0.113.7', 1_000));
    expect(await isBanned('203.0.113.7')).toBe(true);
  });

  it('does not by dating its word back either, so that what it has told before leaves findtime', async () => {
    const one = await newHost('web1');
    const at = Date.now() / 1000 - 599;
    await tell(one, failure('203.0.113.7', 5, at));
    const leaves = at + 600;
    await until(async () => Date.now() / 1000 > leaves);
    await tell(one, failure('203.0.113.7', 5, Date.now() / 1000 - 599));
    expect(await isBanned('203.0.113.7')).toBe(false);
  });

  it('counts no more once it is revoked, not even what it has told before', async () => {
    const [one, two, three] = [await newHost('web1'), await newHost('web2'), await newHost('web3')];
    await tellAll([one, two], '203.0.113.7', 4);
    await tell(one, failure('203.0.113.8', 4));
    await operator('DELETE', `/v1/hosts/${one.id}`);
    const left = await withSql((sql) => sql.exec('SELECT jail, id, retry FROM counters ORDER BY jail, id').toArray());
    expect(left).toEqual(
      [
        { jail: two.id, id: '203.0.113.7', retry: 4 },
        { jail: 'fleet', id: '203.0.113.7', retry: 4 },
      ].toSorted((a, b) => (a.jail < b.jail ? -1 : 1)),
    );
    await tell(three, failure('203.0.113.7', 5));
    expect(await isBanned('203.0.113.7')).toBe(false);
    await tell(two, failure('203.0.113.7'));
    expect(await isBanned('203.0.113.7')).toBe(true);
  });

  it("cannot speak for another: both words count for the host that has signed them, and two hosts' would be a ban", async () => {
    const [one, two] = [await newHost('web1'), await newHost('web2')];
    const words = [one, two].map(({ id }) => ({ ...failure('203.0.113.7', 5), host: id }));
    expect((await tell(one, ...words)).refused).toEqual([]);
    expect(await isBanned('203.0.113.7')).toBe(false);
    await tell(two, failure('203.0.113.7', 5));
    expect(await isBanned('203.0.113.7')).toBe(true);
  });

  it('has only so many failures a minute', async () => {
    const one = await newHost('web1');
    const addresses = Array.from({ length: 800 }, (_, n) => `45.1.${n >> 8}.${n & 255}`);
    const began = Date.now();
    for (let first = 0; first < 800; first += 200)
      await tell(one, ...addresses.slice(first, first + 200).map((address) => failure(address)));
    const counted = await withSql((sql) =>
      Number(sql.exec('SELECT COUNT(*) AS n FROM counters WHERE jail = ?', one.id).one()['n']),
    );
    expect(counted).toBeGreaterThanOrEqual(600);
    const passed_s = (Date.now() - began) / 1000;
    expect(counted).toBeLessThanOrEqual(Math.min(799, 600 + 5 * passed_s + 1));
    // its bans go on
    expect((await tell(one, ban('203.0.113.9'))).refused).toEqual([]);
    expect(codeOf(await operator('GET', '/v1/bans/45.1.0.1'))).toBe('ERR_NOT_BANNED');
  });
});
