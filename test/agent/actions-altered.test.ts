/** Actions that a client adds, changes and takes away while the jail runs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { soon } from '../world/wait.ts';
import { startAgent, webJail } from './bench.ts';

const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []);

test('an action of commands is added, filled, changed, and taken away', async () => {
  const { say, feed, dir } = await startAgent(webJail());
  const out = join(dir, 'out');
  const set = (...words: readonly string[]) => say('set', 'web', ...words);
  expect(await set('addaction', 'shell')).toBe('shell');
  await expect(set('addaction', 'shell')).rejects.toThrow('Action shell already exists');
  await expect(set('addaction', 'py', '/x.py', '{}')).rejects.toMatchObject({ code: 'ERR_CONFIG_ACTION_PYTHON' });
  await set('action', 'shell', 'actionban', `echo ban <ip> <word> >> ${out}`);
  await set('action', 'shell', 'actionunban', `echo unban <ip> >> ${out}`);
  expect(await set('action', 'shell', 'word', 'one')).toBe('one');
  expect(await say('get', 'web', 'actions')).toEqual(['shell']);
  await feed('fail 203.0.113.1');
  await vi.waitFor(() => expect(lines(out)).toContain('ban 203.0.113.1 one'), soon);
  expect(await say('get', 'web', 'banned')).toEqual(['203.0.113.1']);
  await set('delaction', 'shell');
  await vi.waitFor(() => expect(lines(out)).toContain('unban 203.0.113.1'), soon);
  expect(await say('get', 'web', 'actions')).toEqual([]);
  expect(await say('get', 'web', 'banned')).toEqual(['203.0.113.1']);
});

test('what is not there is told as fail2ban tells it, what is secret is not told', async () => {
  const { say } = await startAgent(webJail());
  const set = (...words: readonly string[]) => say('set', 'web', ...words);
  const unknown = { message: "'Invalid Action name: no'", args: ['Invalid Action name: no'], exception: 'KeyError' };
  for (const words of [
    ['delaction', 'no'],
    ['action', 'no', 'actionban', 'x'],
  ])
    await expect(set(...words)).rejects.toMatchObject(unknown);
  await expect(say('get', 'web', 'actionproperties', 'no')).rejects.toMatchObject(unknown);
  await set('addaction', 'mail');
  await expect(set('action', 'mail', 'ban', '{}')).rejects.toThrow(/cannot be called/);
  await expect(set('action', 'mail', 'actionnever', 'x')).rejects.toThrow('there is no command actionnever');
  await expect(say('get', 'web', 'action', 'mail', 'nosuch')).rejects.toMatchObject({ exception: 'AttributeError' });
  expect(await say('get', 'web', 'action', 'mail', 'actionstart')).toBe('');
  expect(await say('get', 'web', 'action', 'mail', 'timeout')).toBe('60');
  expect(await say('get', 'web', 'actionmethods', 'mail')).toEqual([]);
  expect(await set('action', 'mail', 'norestored', 'yes')).toBe(true);
  expect(await set('action', 'mail', 'cftoken', 'very-secret')).toBe('(not shown)');
  expect(await set('action', 'mail', 'actionban', 'curl -H very-secret')).toBe('curl -H (not shown)');
  expect(await say('get', 'web', 'actionproperties', 'mail')).toEqual(
    expect.arrayContaining(['actionban', 'cftoken', 'timeout']),
  );
});

test('counts and what was set stay', async () => {
  const { say, feed } = await startAgent(webJail());
  await say('set', 'web', 'maxretry', '2');
  await say('set', 'web', 'addignoreip', '203.0.113.9');
  await feed('fail 203.0.113.1');
  await say('set', 'web', 'addaction', 'shell');
  await feed('fail 203.0.113.9', 'fail 203.0.113.9');
  expect(await say('get', 'web', 'maxretry')).toBe(2);
  expect(await say('status', 'web', 'stats')).toEqual(['pyinotify', [1, 1], [0, 0]]);
  await feed('fail 203.0.113.1');
  expect(await say('get', 'web', 'banned')).toEqual(['203.0.113.1']);
});
