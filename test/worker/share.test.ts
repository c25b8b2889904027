/** A host's share: how far one key gets, that the others keep theirs, and that status tells. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import { inTurn } from '../../worker/ledger/fair-turns.ts';
import { ledgerLimits } from '../../worker/ledger/limits.ts';
import { weightOf } from '../../worker/ledger/weight.ts';
import { StatusView } from '../../worker/shapes.ts';
import { ban, ledgerStub, newHost, operator, type TestHost, tell, unban, withSql } from './hosts.ts';

afterEach(() => reset());

const { held_per_host_max, bans_burst, bans_per_hour_max, bans_crowded } = ledgerLimits;

/** Puts `count` bans of the host into the table, as if they had been told long ago. */
function holdMany(host: string, count: number, jail = 'x'): Promise<unknown> {
  return withSql((sql) =>
    sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO holders SELECT '2.' || (i / 62500) || '.' || (i / 250 % 250) || '.' || (i % 250), ?, ?, 1, NULL, 0,
         NULL, 0, (SELECT IFNULL(MAX(cursor), 0) FROM holders) + i, 0, 'block', 1, 1 FROM n`,
      ...[count, host, jail],
    ),
  );
}

const setTokens = (host: TestHost, tokens: number, at = Date.now() / 1000) =>
  withSql((sql) => sql.exec('UPDATE hosts SET ban_tokens = ?, ban_tokens_at = ? WHERE id = ?', tokens, at, host.id));
const codes = ({ refused }: Awaited<ReturnType<typeof tell>>) => refused.map(({ code }) => code);
const status = async () => StatusView.parse((await operator('GET', '/v1/status')).body);

describe('what a host holds', () => {
  it('has an end, and begins anew where it lifts', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'));
    await holdMany(host.id, held_per_host_max - 2);
    const receipt = await tell(host, ban('203.0.113.1'), ban('203.0.113.2'), ban('203.0.113.7', { until: null }));
    expect(receipt.refused).toMatchObject([{ seq: 3, code: 'ERR_CAP_HOLDERS' }]);
    const freed = await tell(host, unban('203.0.113.1'), ban('203.0.113.2'), ban('203.0.113.3'));
    expect(freed.refused).toMatchObject([{ seq: 7, code: 'ERR_CAP_HOLDERS' }]);
    expect((await operator('GET', '/v1/bans/203.0.113.2')).body).toMatchObject({ holders: [{ name: 'web1' }] });
    expect((await operator('GET', '/v1/hosts')).body).toMatchObject({
      hosts: [{ holders: held_per_host_max, share: { held: held_per_host_max, held_max: held_per_host_max } }],
    });
  });

  it('is weighed: it bans a few wide networks, not the world', async () => {
    const host = await newHost('web1');
    const networks = Array.from({ length: 100 }, (_, n) => ban(`2.${n}.0.0/16`));
    const receipt = await tell(host, ...networks);
    expect(100 - receipt.refused.length).toBe(Math.floor(held_per_host_max / 256));
    expect(new Set(codes(receipt))).toEqual(new Set(['ERR_CAP_HOLDERS']));
    expect(codes(await tell(host, ban('203.0.113.7')))).toEqual([]);
  });

  it.each([
    ['203.0.113.7', 1],
    ['203.0.113.0/24', 16],
    ['203.0.0.0/16', 256],
    ['2001:db8::7', 1],
    ['2001:db8::/64', 1],
    ['2001:db8::/48', 256],
  ])('%s weighs %d', (address, weight) => {
    expect(weightOf(address)).toBe(weight);
  });

  it('ends at an equal part of a ledger that is full', async () => {
    const [greedy, modest] = [await newHost('greedy'), await newHost('modest')];
    const part = 1_000;
    await withSql((sql) =>
      sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO hosts (id, name, key, enrolled_at, seen_at) SELECT 'h' || i, 'h' || i, 'k' || i, 1, 1 FROM n`,
        bans_crowded / part,
      ),
    );
    await holdMany(greedy.id, part);
    await holdMany(modest.id, part - 1);
    expect(codes(await tell(greedy, ban('203.0.113.7')))).toEqual([]);
    await holdMany('h3', bans_crowded - 2 * part);
    expect(codes(await tell(greedy, ban('203.0.113.8')))).toEqual(['ERR_CAP_HOLDERS']);
    expect(codes(await tell(modest, ban('203.0.113.8'), ban('203.0.113.9')))).toEqual(['ERR_CAP_HOLDERS']);
    expect(codes(await tell(greedy, unban('203.0.113.7'), ban('203.0.113.7')))).toEqual(['ERR_CAP_HOLDERS']);
  });
});

describe('what a host newly bans', () => {
  it('is so much at once and then so much an hour, over an eviction', async () => {
    const host = await newHost('web1');
    await setTokens(host, 2);
    const [one, two, three] = [ban('203.0.113.1'), ban('203.0.113.2'), ban('203.0.113.3')];
    expect(codes(await tell(host, one, two, three, unban('203.0.113.1')))).toEqual(['ERR_CAP_BANS']);
    await evictDurableObject(ledgerStub());
    expect(codes(await tell(host, three))).toEqual(['ERR_CAP_BANS']);
    // told again, a ban that is known costs nothing
    expect(codes(await tell(host, two))).toEqual([]);
    await setTokens(host, 0, Date.now() / 1000 - 2 * (3600 / bans_per_hour_max));
    expect(codes(await tell(host, three))).toEqual([]);
  });

  it('counts what is lifted and banned again, and what is prolonged', async () => {
    const host = await newHost('web1');
    await setTokens(host, 3);
    const at = Date.now() / 1000;
    const again = ban('203.0.113.1', { at: at + 60 });
    const longer = ban('203.0.113.1', { at: at + 60, until: at + 9999 });
    const receipt = await tell(host, ban('203.0.113.1'), unban('203.0.113.1'), again, longer, ban('203.0.113.2'));
    expect(receipt.refused).toMatchObject([{ seq: 5, code: 'ERR_CAP_BANS' }]);
  });

  it('of a new one is all that it may hold; later not more than the burst', async () => {
    const host = await newHost('web1');
    const left = async () => {
      const { body } = await operator('GET', '/v1/hosts');
      return JSON.stringify(body).match(/"bans_left":(\d+)/)?.[1];
    };
    expect(Number(await left())).toBe(held_per_host_max);
    await setTokens(host, 0, 0);
    expect(Number(await left())).toBe(bans_burst);
  });

  it('beyond its share is told in status', async () => {
    const host = await newHost('web1');
    await newHost('web2');
    expect((await status()).over_share).toEqual([]);
    await setTokens(host, 1);
    await tell(host, ban('203.0.113.1'), ban('203.0.113.2'));
    await tell(host, ban('203.0.113.2'), ban('203.0.113.3'));
    expect((await status()).over_share).toMatchObject([
      { host: host.id, name: 'web1', code: 'ERR_CAP_BANS', refused: 3, at: expect.any(Number) },
    ]);
    await withSql((sql) => sql.exec('UPDATE hosts SET refused_at = refused_at - 3601'));
    expect((await status()).over_share).toEqual([]);
  });
});

describe("Cloudflare's room", () => {
  const entry = (host: string, address: string, at: number) => ({
    host,
    address,
    jail: 'sshd',
    at,
    until: null,
    edge: 'block' as const,
  });

  it('is given in turns: the newest of each host, then the second newest', () => {
    const entries = [
      ...[1, 2, 3, 4].map((n) => entry('loud', `2.0.0.${n}`, 100 + n)),
      entry('quiet', '3.0.0.1', 1),
      entry('quiet', '3.0.0.2', 2),
      entry('operator', '4.0.0.1', 0),
    ];
    const order = ['4.0.0.1', '2.0.0.4', '3.0.0.2', '2.0.0.3', '3.0.0.1', '2.0.0.2', '2.0.0.1'];
    expect(inTurn(entries)).toEqual(order);
    expect(inTurn(entries.toReversed())).toEqual(order);
  });

  it('has each address once, at the best of its places', () => {
    const entries = [
      entry('a', '2.0.0.1', 9),
      entry('a', '2.0.0.2', 8),
      { ...entry('a', '2.0.0.2', 7), jail: 'recidive' },
      entry('b', '2.0.0.2', 1),
    ];
    expect(inTurn(entries)).toEqual(['2.0.0.1', '2.0.0.2']);
  });

  it('of ten thousand stays with the others, however much one host bans', () => {
    const flood = Array.from({ length: 9_000 }, (_, n) => entry('loud', `2.1.${n >> 8}.${n & 255}`, 1e6 + n));
    const others = Array.from({ length: 2_000 }, (_, n) => entry(`h${n % 10}`, `3.1.${n >> 8}.${n & 255}`, n));
    const kept = new Set(inTurn([...flood, ...others]).slice(0, 10_000));
    expect(others.every(({ address }) => kept.has(address))).toBe(true);
  });
});
