/** ignoreip from files and names in a running agent: what they say holds as soon as they say it. */
import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { until } from '../world/wait.ts';
import { startAgent, webJail } from './bench.ts';

const list = 'ignoreip = 192.0.2.1 file:DIR/spared';

test('a file is read at the start, and again when it has changed', async () => {
  const bench = await startAgent(webJail(list));
  bench.write('spared', '# friends\n198.51.100.0/24, 203.0.113.5 ; and one more\n\n2001:db8::/32#all\n');
  await until('the first reading', () => bench.log().includes('has 3 entries'));
  await bench.feed(...['192.0.2.1', '198.51.100.9', '203.0.113.5', '2001:db8::9'].map((ip) => `fail ${ip}`));
  expect(await bench.say('get', 'web', 'banned')).toEqual([]);
  await bench.feed('fail 203.0.113.6');
  expect(await bench.say('get', 'web', 'banned')).toEqual(['203.0.113.6']);
  // the new file is as long as the old one, and as old: only its inode tells
  const next = bench.write('next', '# friends\n198.51.100.0/24, 203.0.113.7 ; and one more\n\n2001:db8::/32#all\n');
  utimesSync(`${bench.dir}/spared`, 1, 1);
  await until('the second reading', () => bench.log().split('has 3 entries').length > 2);
  utimesSync(next, 1, 1);
  renameSync(next, `${bench.dir}/spared`);
  await until('the third reading', () => bench.log().split('has 3 entries').length > 3);
  await bench.feed('fail 203.0.113.7', 'fail 203.0.113.5');
  expect(await bench.say('get', 'web', 'banned')).toEqual(['203.0.113.6', '203.0.113.5']);
  expect(await bench.say('get', 'web', 'ignoreip')).toEqual([`file:${bench.dir}/spared`, '192.0.2.1']);
});

test('a file that goes away goes on to hold, and that is told once', async () => {
  const bench = await startAgent(webJail(list));
  expect(bench.log()).toContain(`file:${bench.dir}/spared cannot be read: ENOENT`);
  bench.write('spared', '198.51.100.1\n');
  await until('the reading', () => bench.log().includes('has 1 entries'));
  rmSync(`${bench.dir}/spared`);
  await until('the loss', () => bench.log().includes('1 entries read before go on to hold'));
  await bench.feed('fail 198.51.100.1', 'fail 198.51.100.2');
  expect(await bench.say('get', 'web', 'banned')).toEqual(['198.51.100.2']);
  expect(bench.log().split('cannot be read').length).toBe(3);
});

test('names in a file are looked up; a file in a file is nothing; a reload reads at once', async () => {
  const bench = await startAgent(webJail(list), { names: { 'friend.example': ['198.51.100.7'] } });
  const more = bench.write('more', 'friend.example\nfile:/etc/passwd\n198.51.100.8\n');
  bench.write('jail.local', `[web]\nignoreip = file:${more}\n`);
  await bench.say('reload');
  await bench.feed('fail 198.51.100.7', 'fail 198.51.100.8', 'fail 203.0.113.77');
  expect(await bench.say('get', 'web', 'banned')).toEqual(['203.0.113.77']);
});

test('a bound holds, and says so', async () => {
  const bench = await startAgent(webJail(list));
  const many = Array.from({ length: 10_001 }, (_, n) => `198.18.${n >> 8}.${n & 255}`);
  writeFileSync(`${bench.dir}/spared`, many.join(' '));
  await until('the reading', () => bench.log().includes('has 10000 entries'));
  expect(bench.log()).toContain('1 entries of it do not hold (ERR_CONFIG_LIMIT)');
  await bench.feed(`fail ${many.at(0)}`, `fail ${many.at(-1)}`);
  expect(await bench.say('get', 'web', 'banned')).toEqual([many.at(-1)]);
});
