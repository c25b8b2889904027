/** The Durable Object's storage is lost: KV still tells who is banned, and the new ledger goes on from there. */
import { evictDurableObject, reset } from 'cloudflare:test';
import { afterEach, expect, it } from 'vitest';
import { BanView, SnapshotView, StatusView } from '../../worker/shapes.ts';
import { ban, ledgerStub, newHost, operator, tell, withState } from './hosts.ts';
import { until } from './poll.ts';

afterEach(() => reset());

const status = async () => StatusView.parse((await operator('GET', '/v1/status')).body);
const kept = async () => {
  const { body } = await operator('GET', '/v1/snapshot');
  return SnapshotView.nullable()
    .parse(body)
    ?.bans.map(({ address }) => address);
};

it('a ledger whose storage was deleted takes over what KV has, and gives it back to the hosts that tell it', async () => {
  const end = Math.ceil(Date.now() / 1000) + 3600;
  await tell(await newHost('web1'), ban('203.0.113.7', { until: end }));
  await operator('POST', '/v1/bans', { address: '203.0.113.8', bantime: -1 });
  await until(async () => (await kept())?.length === 2);
  const before = await status();
  expect(before.recovery).toMatchObject({ due: false, bans: 0 });
  await withState(async (state) => {
    await state.storage.deleteAlarm();
    await state.storage.deleteAll();
  });
  await evictDurableObject(ledgerStub());
  await until(async () => (await status()).recovery.bans === 2);
  const after = await status();
  expect(after.ledger).not.toBe(before.ledger);
  expect(after.bans).toBe(2);
  expect(await kept()).toEqual(['203.0.113.7', '203.0.113.8']);
  await tell(await newHost('web1'), ban('203.0.113.7', { until: end }));
  const { holders } = BanView.parse((await operator('GET', '/v1/bans/203.0.113.7')).body);
  expect(holders).toMatchObject([{ name: 'web1', jail: 'sshd' }]);
  const other = BanView.parse((await operator('GET', '/v1/bans/203.0.113.8')).body);
  expect(other.holders).toMatchObject([{ host: 'recovered', name: 'recovered', until: null }]);
});
