/** What an isolate makes of what KV serves, minute after minute: places of KV may be a minute or more behind each other. */
import { expect, it } from 'vitest';
import { encodeBanList, type ListedBan } from '../../worker/ban-list.ts';
import { SnapshotCache } from '../../worker/gate/snapshot-cache.ts';

const began = 1_800_000_000;
const bans: readonly ListedBan[] = [{ address: '203.0.113.7', action: 'block', until: null }];

/** How many bans count after each reading, which KV answers with one after the other. */
async function counted(served: readonly (Uint8Array | null)[]): Promise<(number | null)[]> {
  const cache = new SnapshotCache();
  const told: (number | null)[] = [];
  for (const [minute, bytes] of served.entries()) {
    const kv = { get: async () => (bytes === null ? null : new Uint8Array(bytes).buffer) };
    const now = began + minute * 61;
    let reading: Promise<void> = Promise.resolve();
    await cache.current(kv, now, (refresh) => {
      reading = refresh;
    });
    await reading;
    const list = await cache.current(kv, now, () => undefined);
    told.push(list?.count ?? null);
  }
  return told;
}

it('leaves alone what is older than what it knows: a panic is not over because one place still has the bans', async () => {
  const [before, panic, after] = [encodeBanList(bans, 8, began - 90), encodeBanList([], 9, began), began + 120];
  expect(await counted([before, panic, before, encodeBanList(bans, 10, after)])).toEqual([1, 0, 0, 1]);
});

it('goes by the time of writing, for a new ledger counts from the beginning', async () => {
  expect(await counted([encodeBanList([], 900, began), encodeBanList(bans, 1, began + 30)])).toEqual([0, 1]);
});

it('bans nobody once there is none any more', async () => {
  expect(await counted([encodeBanList(bans, 8, began), null])).toEqual([1, null]);
});
