/** When the agent has the firewall swept, and what it says of its jails. */
import { expect, test } from 'vitest';
import type { JailsInUse } from '../../host-agent/agent/parts.ts';
import { startAgent } from './bench.ts';

const jail = (name: string) => `[${name}]
enabled = true
filter =
failregex = ^failed <HOST>$
logpath = DIR/none.log
backend = polling
`;

test('it is swept after the start and after each reload, and what went is told', async () => {
  const swept: JailsInUse[] = [];
  const sweep = async (jails: JailsInUse) => {
    swept.push(jails);
    return ['gone'];
  };
  const { write, say, log, dir } = await startAgent(`${jail('one')}${jail('two')}`, { sweep });
  const names = () => swept.map(({ running }) => running.map(({ name }) => name));
  expect(names()).toEqual([['one', 'two']]);
  expect(swept[0]?.running.every(({ isSound }) => isSound)).toBe(true);
  expect(log()).toContain('[gone] what it had in the firewall and does not use any more is taken out');
  write('jail.conf', jail('two').replaceAll('DIR', dir));
  await say('reload');
  expect(names()).toEqual([['one', 'two'], ['two']]);
  expect(swept[1]?.spared).toEqual(['two']);
});

test('unban --all lifts the bans of a jail that does not run, too, and has the firewall swept of it', async () => {
  const spared: JailsInUse['spared'][] = [];
  const sweep = async (jails: JailsInUse) => {
    spared.push(jails.spared);
    return [];
  };
  const { say } = await startAgent(`${jail('one')}${jail('two')}`, { sweep });
  await say('set', 'one', 'banip', '203.0.113.1');
  await say('set', 'two', 'banip', '203.0.113.2', '203.0.113.3');
  await say('stop', 'two');
  expect([await say('unban', '--all'), spared.at(-1)]).toEqual([3, ['one']]);
  expect([await say('unban', '--all'), spared.length]).toEqual([0, 2]);
  await say('reload');
  expect(await say('banned')).toEqual([{ one: [] }, { two: [] }]);
});

test('thousands of addresses are banned and lifted by one command, or none of them', async () => {
  const { say } = await startAgent(jail('one'));
  const ids = Array.from({ length: 4_100 }, (_, i) => `198.51.${100 + (i >> 8)}.${(i * 7) & 255}`);
  await expect(say('set', 'one', 'banip', ...ids, '127.0.0.1')).rejects.toThrow('127.0.0.1');
  expect(await say('banned')).toEqual([{ one: [] }]);
  expect(await say('set', 'one', 'banip', ...ids)).toBe(4_100);
  expect(await say('banned')).toEqual([{ one: ids }]);
  expect(await say('unban', '--all')).toBe(4_100);
  expect(await say('banned')).toEqual([{ one: [] }]);
});
