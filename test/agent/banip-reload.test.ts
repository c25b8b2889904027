/** A `banip` of thousands, and what else a client asks meanwhile: one after the other, as fail2ban's server does it. */
import { expect, test } from 'vitest';
import { startAgent, webJail } from './bench.ts';

const thousands = Array.from({ length: 5_000 }, (_, i) => `198.51.${100 + (i >> 8)}.${i & 255}`);
const reload = { jail: null, restart: false, unban: false, ifExists: false };

async function scene() {
  const bench = await startAgent(webJail('bantime = 1h\naction ='));
  const drop = () =>
    bench.write('jail.conf', '[other]\nenabled = true\nlogpath = /var/log/other.log\nfailregex = ^<HOST>$\n');
  return { ...bench, drop };
}

test('a reload that drops the jail waits for it, and the bans are there when the jail comes back', async () => {
  const { agent, say, drop, store, write, dir } = await scene();
  const banned = say('set', 'web', 'banip', ...thousands);
  drop();
  const reloaded = agent.reload(reload);
  expect(await banned).toBe(5_000);
  await reloaded;
  expect(agent.jails()).toEqual(['other']);
  expect(store.bans.heldCount('web')).toBe(5_000);
  write('jail.conf', webJail('bantime = 1h\naction =').replaceAll('DIR', dir));
  await agent.reload(reload);
  expect(await say('get', 'web', 'banned', thousands[0] ?? '', thousands.at(-1) ?? '')).toEqual([1, 1]);
});

test('one that comes after the reload hears that there is no such jail, and bans nobody', async () => {
  const { agent, say, drop, store } = await scene();
  drop();
  const reloaded = agent.reload(reload);
  const unknown = { code: 'ERR_JAIL_UNKNOWN', message: "Sorry but the jail 'web' does not exist" };
  await expect(say('set', 'web', 'banip', ...thousands)).rejects.toMatchObject(unknown);
  await reloaded;
  expect(store.bans.heldCount('web')).toBe(0);
});

test('nor does an action that is added bring a jail back that a reload has dropped', async () => {
  const { agent, say, drop } = await scene();
  drop();
  const reloaded = agent.reload(reload);
  await expect(say('set', 'web', 'addaction', 'note')).rejects.toMatchObject({ code: 'ERR_JAIL_UNKNOWN' });
  await reloaded;
  expect(agent.jails()).toEqual(['other']);
});

test('unban --all meanwhile lifts all of them', async () => {
  const { say, store } = await scene();
  const banned = say('set', 'web', 'banip', ...thousands);
  expect(await say('unban', '--all')).toBe(5_000);
  expect([await banned, store.bans.heldCount('web')]).toEqual([5_000, 0]);
});
