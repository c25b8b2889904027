/** What the alarm does: the KV snapshot and its budget, expiry, enforcement; and that it always comes again. */
import { evictDurableObject, reset, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BanList } from '../../worker/ban-list.ts';
import { pace } from '../../worker/ledger/limits.ts';
import { snapshotDue } from '../../worker/ledger/snapshot.ts';
import type { LedgerState } from '../../worker/ledger/state.ts';
import { SnapshotView, StatusView } from '../../worker/shapes.ts';
import { ban, ledgerStub, newHost, operator, tell, unban, withSql, withState } from './hosts.ts';
import { until } from './poll.ts';

afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

const addresses = async () => {
  const { body } = await operator('GET', '/v1/snapshot');
  return SnapshotView.nullable()
    .parse(body)
    ?.bans.map(({ address }) => address);
};
const status = async () => StatusView.parse((await operator('GET', '/v1/status')).body);
const alarmAt = () => withState((state) => state.storage.getAlarm());

describe('the snapshot', () => {
  it('follows bans, lifts and their ends', async () => {
    const host = await newHost('web1');
    const end = Math.ceil(Date.now() / 1000) + 3600;
    await tell(host, ban('203.0.113.7', { until: end }));
    await operator('POST', '/v1/bans', { address: '2001:db8::7', bantime: -1 });
    await until(async () => (await addresses())?.length === 2);
    expect((await operator('GET', '/v1/snapshot')).body).toMatchObject({
      bans: [
        { address: '203.0.113.7', action: 'block', until: end },
        { address: '2001:db8::7', action: 'block', until: null },
      ],
    });
    await tell(host, unban('203.0.113.7'));
    await until(async () => (await addresses())?.length === 1);
    expect((await status()).snapshot).toMatchObject({ current: true, error: null });
  });

  it('is written at once, and then not twice in a second', async () => {
    const put = vi.spyOn(env.BANS, 'put');
    const host = await newHost('web1');
    const times: number[] = [];
    // by the ledger's clock: what comes between that and the call is the machine's
    put.mockImplementation(async (_key, value) => {
      const list = value instanceof Uint8Array ? BanList.open(value.slice().buffer) : null;
      times.push(list?.writtenAt ?? 0);
    });
    for (let n = 1; n <= 20; n++) {
      await tell(host, ban(`203.0.113.${n}`));
      if (n % 10 === 0) await until(async () => (await status()).snapshot.current);
    }
    expect(times.length).toBeGreaterThan(1);
    expect(times.every((time, index) => index === 0 || time - (times[index - 1] ?? 0) >= 1)).toBe(true);
  });

  it('that cannot be written is tried again', async () => {
    const put = vi.spyOn(env.BANS, 'put').mockRejectedValue(new Error('KV PUT failed: 429 Too Many Requests'));
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'));
    await until(async () => (await status()).snapshot.error !== null);
    expect((await status()).snapshot).toMatchObject({ current: false, error: expect.stringContaining('429') });
    put.mockRestore();
    await withSql((sql) => sql.exec('UPDATE ledger SET snapshot_tried_at = 0'));
    await until(async () => {
      await runDurableObjectAlarm(ledgerStub());
      return (await addresses())?.includes('203.0.113.7');
    });
    expect((await status()).snapshot).toMatchObject({ current: true, error: null });
  });

  it('leaves a sixth of the 1,000 writes that a free plan has in a day', () => {
    let state: Pick<LedgerState, 'writeTokens' | 'writeTokensAt' | 'snapshotTriedAt'> = {
      writeTokens: pace.snapshot_writes_burst,
      writeTokensAt: 0,
      snapshotTriedAt: null,
    };
    let writes = 0;
    for (let now = 0; now < 86_400; writes++) {
      now = Math.max(now, snapshotDue({ ...idle, ...state }));
      const refill = (now - state.writeTokensAt) / pace.snapshot_write_refill;
      const writeTokens = Math.min(pace.snapshot_writes_burst, state.writeTokens + refill) - 1;
      state = { writeTokens, writeTokensAt: now, snapshotTriedAt: now };
    }
    expect(writes).toBeGreaterThan(750);
    expect(writes).toBeLessThan(834);
  });
});

const idle: LedgerState = {
  id: '',
  revision: 2,
  snapshotRevision: 1,
  snapshotAt: null,
  snapshotTriedAt: null,
  snapshotError: null,
  writeTokens: 0,
  writeTokensAt: 0,
  enforcedRevision: 0,
  enforcedAt: null,
  enforceAgain: null,
  sweptAt: 0,
  purgedAt: 0,
  purgedCursor: 0,
  recoveredAt: 0,
  recovered: 0,
  recoveryRefused: 0,
};

describe('expiry', () => {
  it('comes by itself, when it is due', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7', { until: Date.now() / 1000 + 3 }), ban('203.0.113.8'));
    expect((await status()).bans).toBe(2);
    const ended = () => withSql((sql) => sql.exec('SELECT address FROM holders WHERE ended = 1').toArray());
    await until(async () => (await ended()).length === 1);
    expect(await ended()).toEqual([{ address: '203.0.113.7' }]);
    await until(async () => (await status()).snapshot.current);
    // KV knows ends by the second, rounded up
    await until(async () => (await addresses())?.length === 1);
    expect(await addresses()).toEqual(['203.0.113.8']);
  });

  it('comes after an eviction, too', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7', { until: Date.now() / 1000 + 3 }));
    await evictDurableObject(ledgerStub());
    await until(async () => (await withSql((sql) => sql.exec('SELECT SUM(ended) AS n FROM holders').one()['n'])) === 1);
  });
});

it('a listener that was told everything rings no alarm when the ledger wakes', async () => {
  const host = await newHost('web1');
  await tell(host, ban('203.0.113.7'));
  await until(async () => (await status()).snapshot.current);
  await until(async () => ((await alarmAt()) ?? 0) > Date.now() + 60_000);
  await evictDurableObject(ledgerStub());
  expect(await alarmAt()).toBeGreaterThan(Date.now() + 60_000);
});

it('holders that were lifted go sooner when there are many', async () => {
  const host = await newHost('web1');
  await tell(host, ban('203.0.113.7'), unban('203.0.113.7'), ban('203.0.113.8'));
  const old = Date.now() / 1000 - pace.tombstone_life_crowded - 1;
  const left = () => withSql((sql) => sql.exec('SELECT COUNT(*) AS n FROM holders').one()['n']);
  const sweep = async () => {
    await withSql((sql) => sql.exec('UPDATE ledger SET swept_at = 0'));
    await runDurableObjectAlarm(ledgerStub());
    await until(async () => (await withSql((sql) => sql.exec('SELECT swept_at AS n FROM ledger').one()['n'])) !== 0);
  };
  await withSql((sql) => sql.exec('UPDATE holders SET lifted_at = ? WHERE lifted = 1', old));
  await sweep();
  expect(await left()).toBe(2);
  await withSql((sql) => sql.exec('UPDATE ledger SET purged_cursor = ?', -pace.changes_per_purge_max));
  await sweep();
  expect(await left()).toBe(1);
});

describe('the alarm', () => {
  it('is set from the first moment on, and again after each ring', async () => {
    await status();
    expect(await alarmAt()).not.toBeNull();
    await until(async () => (await status()).snapshot.current);
    await runDurableObjectAlarm(ledgerStub());
    expect(await alarmAt()).toBeGreaterThan(Date.now());
  });

  it('survives a stage that fails', async () => {
    const host = await newHost('web1');
    await withSql((sql) => sql.exec('ALTER TABLE enroll_tokens RENAME TO away'));
    await withSql((sql) => sql.exec('UPDATE ledger SET swept_at = 0'));
    await runDurableObjectAlarm(ledgerStub());
    expect(await alarmAt()).not.toBeNull();
    await withSql((sql) => sql.exec('ALTER TABLE away RENAME TO enroll_tokens'));
    await tell(host, ban('203.0.113.7'));
    await until(async () => (await addresses())?.includes('203.0.113.7'));
  });

  it('sweeps old tokens and old holders', async () => {
    const host = await newHost('web1');
    await tell(host, ban('203.0.113.7'), unban('203.0.113.7'));
    await withSql((sql) => sql.exec('UPDATE enroll_tokens SET expires_at = 1'));
    await withSql((sql) => sql.exec('UPDATE holders SET lifted_at = 1'));
    await withSql((sql) => sql.exec('UPDATE ledger SET swept_at = 0, purged_at = 0'));
    await runDurableObjectAlarm(ledgerStub());
    const left = () =>
      withSql(
        (sql) =>
          sql.exec('SELECT (SELECT COUNT(*) FROM enroll_tokens) + (SELECT COUNT(*) FROM holders) AS n').one()['n'],
      );
    await until(async () => (await left()) === 0);
  });
});

it('the status tells of hosts, bans and modes', async () => {
  const host = await newHost('web1');
  await tell(host, ban('203.0.113.7'));
  expect(await status()).toMatchObject({
    ledger: host.ledger,
    bans: 1,
    hosts: 1,
    enforcement: { mode: 'none', current: true },
  });
  expect((await operator('GET', '/v1/hosts')).body).toMatchObject({
    hosts: [{ id: host.id, name: 'web1', live: false, holders: 1 }],
  });
  expect((await operator('GET', '/v1/health')).body).toEqual({ ok: true });
});
