/** A ban that follows a lift is told as a later one, whatever its log's whole seconds say: else the edge would not take it up. */
import { expect, it } from 'vitest';
import { Lifts } from '../../host-agent/agent/lifts.ts';
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import { Holders } from '../../shared/store/holders.ts';
import { migrate, storeMigrations } from '../../shared/store/schema.ts';
import { HostEvent } from '../../shared/wire.ts';
import { startAgent } from './bench.ts';

const address = '203.0.113.7';
const jail = String.raw`[web]
enabled = true
logpath = DIR/web.log
maxretry = 1
failregex = ^\s*fail <HOST>$
`;

it('bans, lifts and bans from a log within one second, and the ledger holds it', async () => {
  let now = 1_800_000_000.35;
  const bench = await startAgent(jail, { host: 'host-1', now: () => now });
  await bench.say('set', 'web', 'banip', address);
  now += 0.15;
  await bench.say('set', 'web', 'unbanip', address);
  now += 0.15;
  const stamp = new Date(1_800_000_000_000).toISOString().replace('T', ' ').slice(0, 19);
  await bench.feedDated(`${stamp}+0000 fail ${address}`);
  const events = bench.told().map((event) => HostEvent.parse(event));
  expect(events.map(({ kind }) => kind)).toEqual(['ban', 'unban', 'ban']);
  const sql = openSqlite(':memory:');
  migrate(sql, 'store', storeMigrations);
  const holders = new Holders(sql);
  for (const event of events) {
    const holder = { address, host: 'host-1', jail: 'web', at: event.at };
    if (event.kind === 'unban') expect(holders.lift(holder)).toBe(true);
    if (event.kind === 'ban')
      expect(holders.hold({ ...holder, until: event.until, edge: 'block', hosts: true })).toBe(true);
  }
  expect(holders.effective(address, now)).toBeGreaterThan(now);
});

it('leaves other times as they are, and remembers so many', () => {
  const lifts = new Lifts();
  lifts.note('web', address, 100);
  expect(lifts.timeOf('web', address, 99)).toBeGreaterThan(100);
  expect([lifts.timeOf('web', address, 101), lifts.timeOf('sshd', address, 99)]).toEqual([101, 99]);
  for (let n = 0; n < 10_000; n += 1) lifts.note('web', `198.51.${n >> 8}.${n & 255}`, 100);
  expect(lifts.timeOf('web', address, 99)).toBe(99);
});
