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
  expect(log()).toContain('[gone] what it had in nftables and does not use any more is taken out');
  write('jail.conf', jail('two').replaceAll('DIR', dir));
  await say('reload');
  expect(names()).toEqual([['one', 'two'], ['two']]);
  expect(swept[1]?.spared).toEqual(['two']);
});
