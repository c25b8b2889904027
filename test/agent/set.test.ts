/** What a client changes of a running jail holds at once, and until the next reload. */
import { expect, test } from 'vitest';
import { until } from '../world/wait.ts';
import { startAgent, webJail } from './bench.ts';

const jail = webJail('ignoreip = 198.51.100.0/24 ::1 friend.example').replace('maxretry = 1', 'maxretry = 3');

test('maxretry, findtime and bantime', async () => {
  const bench = await startAgent(jail);
  await bench.feed('fail 203.0.113.1');
  expect(await bench.say('set', 'web', 'maxretry', '2')).toBe(2);
  expect(await bench.say('set', 'web', 'bantime', '1h')).toBe(3600);
  expect(await bench.say('set', 'web', 'findtime', '1d')).toBe(86_400);
  await bench.feed('fail 203.0.113.1');
  expect(await bench.say('get', 'web', 'banip', '--with-time')).toEqual([
    expect.stringMatching(/^203\.0\.113\.1 \t.* \+ 3600 = /),
  ]);
  expect(await bench.say('get', 'web', 'findtime')).toBe(86_400);
  await bench.say('reload');
  expect([await bench.say('get', 'web', 'maxretry'), await bench.say('get', 'web', 'bantime')]).toEqual([3, 600]);
});

test('whom a jail spares', async () => {
  const bench = await startAgent(jail, { names: { 'new.example': ['203.0.113.7'] } });
  const at = ['203.0.113.5', '203.0.113.7', '203.0.113.9', '198.51.100.1'];
  const listed = bench.write('listed', '203.0.113.9\n');
  expect(await bench.say('set', 'web', 'addignoreip', '203.0.113.5', 'new.example', `file:${listed}`, '::1')).toEqual([
    ...['198.51.100.0/24', 'friend.example', 'new.example', `file:${listed}`],
    ...['::1', '203.0.113.5'],
  ]);
  expect(await bench.say('set', 'web', 'delignoreip', '198.51.100.7/24')).toHaveLength(5);
  await expect(bench.say('set', 'web', 'delignoreip', '192.0.2.99')).rejects.toThrow('list.remove(x): x not in list');
  await expect(bench.say('set', 'web', 'addignoreip', 'file:x')).rejects.toThrow('no absolute path');
  for (let n = 0; n < 3; n++) await bench.feed(...at.map((ip) => `fail ${ip}`));
  expect(await bench.say('get', 'web', 'banned')).toEqual(['198.51.100.1']);
  await bench.say('reload');
  expect(await bench.say('get', 'web', 'ignoreip')).toEqual(['198.51.100.0/24', 'friend.example', '::1']);
  for (let n = 0; n < 3; n++) await bench.feed('fail 203.0.113.5');
  expect(await bench.say('get', 'web', 'banned', '203.0.113.5')).toBe(1);
});

test('attempt counts a failure for each line', async () => {
  const bench = await startAgent(jail);
  expect(await bench.say('set', 'web', 'attempt', '203.0.113.1')).toBe(1);
  expect(await bench.say('get', 'web', 'banned')).toEqual([]);
  expect(await bench.say('set', 'web', 'attempt', '203.0.113.1', 'a', 'b')).toBe(1);
  expect(await bench.say('get', 'web', 'banned')).toEqual(['203.0.113.1']);
  await expect(bench.say('set', 'web', 'attempt', '104.16.0.1')).rejects.toMatchObject({
    code: 'ERR_GUARD_CLOUDFLARE',
  });
  await until('the log', () => bench.log().includes('INFO    [web] Attempt 203.0.113.1 - 2'));
});

test('the level of the log', async () => {
  const bench = await startAgent(jail);
  expect(await bench.say('set', 'loglevel', 'warning')).toBe('WARNING');
  expect(await bench.say('get', 'loglevel')).toBe('WARNING');
  await expect(bench.say('set', 'loglevel', 'loud')).rejects.toMatchObject({ code: 'ERR_LOG_LEVEL' });
});

test('banip asks for --force where a guard refuses, and such a ban survives a reload', async () => {
  const bench = await startAgent(jail);
  await expect(bench.say('set', 'web', 'banip', '192.0.2.5', '104.16.0.1')).rejects.toThrow(/Cloudflare.*--force/);
  expect(await bench.say('get', 'web', 'banned')).toEqual([]);
  expect(await bench.say('set', 'web', 'banip', '--force', '192.0.2.5', '104.16.0.1')).toBe(2);
  await bench.say('reload');
  expect(await bench.say('get', 'web', 'banned', '104.16.0.1', '192.0.2.5')).toEqual([1, 1]);
});

test('whom a guard spares is told once, not line by line', async () => {
  const bench = await startAgent(jail);
  for (let n = 0; n < 20; n++) await bench.feed('fail 104.16.0.1', 'fail 104.16.0.2');
  await bench.feed('fail 203.0.113.9');
  await until('the log', () => bench.log().includes('Found 203.0.113.9'));
  expect(bench.log().match(/NOTICE .*Ignore 104\.16\.0\.1 by guard: .*ERR_GUARD_CLOUDFLARE/g)).toHaveLength(1);
  expect(bench.log().match(/Ignore 104/g)).toHaveLength(2);
  expect(await bench.say('get', 'web', 'banned')).toEqual([]);
});
