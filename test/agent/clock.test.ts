/** A clock that is set forth and back while the agent runs: bans end when it says so, nothing stops, nobody is banned for what was not. */
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { choresLimits } from '../../host-agent/agent/chores.ts';
import { startAgent, webJail } from './bench.ts';

const hour_ms = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now: new Date('2026-06-01T12:00:00Z') });
  onTestFinished(() => {
    vi.useRealTimers();
  });
});

async function start() {
  const { feed, say } = await startAgent(webJail('bantime = 1h\naction =').replace('maxretry = 1', 'maxretry = 2'));
  const fail = (address: string) => feed(`fail ${address}`);
  const banned = async () => {
    vi.advanceTimersByTime(choresLimits.tick_ms);
    return await say('get', 'web', 'banip');
  };
  return { fail, banned, set: (hours: number) => vi.setSystemTime(Date.now() + hours * hour_ms) };
}

test('set forth it ends the bans whose time has come, and counts anew', async () => {
  const { fail, banned, set } = await start();
  for (const address of ['203.0.113.1', '203.0.113.1', '203.0.113.2']) await fail(address);
  expect(await banned()).toEqual(['203.0.113.1']);
  set(2);
  expect(await banned()).toEqual([]);
  // the first failure is two hours old now: it counts no more
  await fail('203.0.113.2');
  expect(await banned()).toEqual([]);
  await fail('203.0.113.2');
  expect(await banned()).toEqual(['203.0.113.2']);
});

test('set back it lifts nobody early, goes on banning, and ends those bans when it is right again', async () => {
  const { fail, banned, set } = await start();
  for (const address of ['203.0.113.1', '203.0.113.1']) await fail(address);
  set(-24);
  expect(await banned()).toEqual(['203.0.113.1']);
  for (const address of ['203.0.113.2', '203.0.113.2', '203.0.113.3']) await fail(address);
  expect(await banned()).toEqual(['203.0.113.2', '203.0.113.1']);
  set(2);
  // an hour of its own has passed for what was banned meanwhile
  expect(await banned()).toEqual(['203.0.113.1']);
  set(22);
  expect(await banned()).toEqual(['203.0.113.1']);
  await fail('203.0.113.3');
  expect(await banned()).toEqual(['203.0.113.1']);
  set(1.5);
  expect(await banned()).toEqual([]);
  for (const address of ['203.0.113.1', '203.0.113.1']) await fail(address);
  expect(await banned()).toEqual(['203.0.113.1']);
});

test('set back and forth again and again it loses and doubles no ban', async () => {
  const { fail, banned, set } = await start();
  for (const hours of [3, -7, 0.25, -0.5, 11, -30]) {
    set(hours);
    for (const address of ['203.0.113.9', '203.0.113.9', '203.0.113.9']) await fail(address);
    expect(await banned()).toEqual(['203.0.113.9']);
  }
  set(48);
  expect(await banned()).toEqual([]);
});
