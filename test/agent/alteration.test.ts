/** What a client changes of a running jail: it takes effect with the next line, and a fault changes nothing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startAgent, webJail } from './bench.ts';

const banned = async (say: (...words: readonly string[]) => Promise<unknown>) => await say('get', 'web', 'banned');

describe('regular expressions', () => {
  test('one more, and one less', async () => {
    const { say, feed } = await startAgent(webJail());
    await feed('bad 203.0.113.1');
    expect(await banned(say)).toEqual([]);
    await say('set', 'web', 'addfailregex', '^bad <HOST>$');
    await feed('bad 203.0.113.1');
    expect(await banned(say)).toEqual(['203.0.113.1']);
    expect(await say('set', 'web', 'delfailregex', '-1')).toHaveLength(1);
    await feed('bad 203.0.113.2', 'fail 203.0.113.3');
    expect(await banned(say)).toEqual(['203.0.113.1', '203.0.113.3']);
  });

  test('one that bans nobody is refused, and the others stay', async () => {
    const { say, feed } = await startAgent(webJail());
    for (const regex of ['^nobody$', '(', '']) await expect(say('set', 'web', 'addfailregex', regex)).rejects.toThrow();
    await expect(say('set', 'web', 'prefregex', '(')).rejects.toThrow(/prefregex/);
    expect(await say('get', 'web', 'failregex')).toHaveLength(1);
    await feed('fail 203.0.113.1');
    expect(await banned(say)).toEqual(['203.0.113.1']);
  });

  test('are shown as they are matched', async () => {
    const { say } = await startAgent(webJail());
    await say('set', 'web', 'addignoreregex', '^ok <F-USER>x</F-USER>');
    expect(await say('get', 'web', 'ignoreregex')).toEqual(['^ok (?P<user>x)']);
  });

  test('ignoreregex, prefregex, usedns', async () => {
    const { say, feed } = await startAgent(webJail());
    await say('set', 'web', 'addignoreregex', 'user=root');
    await feed('fail 203.0.113.1 user=root');
    await say('set', 'web', 'prefregex', '^x (?:<F-CONTENT>.*</F-CONTENT>)$');
    await feed('fail 203.0.113.2', 'x fail 203.0.113.3');
    await say('set', 'web', 'prefregex', '');
    await say('set', 'web', 'usedns', 'NO');
    await feed('fail a.example', 'fail 203.0.113.4');
    expect(await banned(say)).toEqual(['203.0.113.3', '203.0.113.4']);
  });
});

describe('a jail', () => {
  test('that is idle reads nothing, and then goes on', async () => {
    const { say, feed } = await startAgent(webJail());
    expect(await say('set', 'web', 'idle', 'on')).toBe(true);
    await feed('fail 203.0.113.1');
    expect(await say('set', 'web', 'idle', 'off')).toBe(false);
    await feed('fail 203.0.113.2');
    expect(await banned(say)).toEqual(['203.0.113.2']);
  });

  test('is given more logs, in their order, and loses them', async () => {
    const { say, dir } = await startAgent(webJail());
    const more = join(dir, 'a.log');
    await expect(say('set', 'web', 'addlogpath', more)).rejects.toThrow(/No such file/);
    writeFileSync(more, '');
    expect(await say('set', 'web', 'addlogpath', more, 'tail')).toEqual([join(dir, 'web.log'), more]);
    expect(await say('set', 'web', 'dellogpath', join(dir, 'web.log'))).toEqual([more]);
    await expect(say('set', 'web', 'addlogpath', 'relative')).rejects.toThrow(/no absolute path/);
    await expect(say('set', 'web', 'addlogpath', more, 'middle')).rejects.toThrow(/'head' or 'tail'/);
  });

  test('loses one log of a glob, and keeps the others', async () => {
    const { say, dir } = await startAgent(webJail('logpath = DIR/*.log').replace('logpath = DIR/web.log\n', ''));
    for (const name of ['x.log', 'y.log']) writeFileSync(join(dir, name), '');
    await say('reload');
    const before = await say('get', 'web', 'logpath');
    expect(before).toEqual(expect.arrayContaining([join(dir, 'x.log'), join(dir, 'y.log')]));
    const after = await say('set', 'web', 'dellogpath', join(dir, 'x.log'));
    expect(after).not.toContain(join(dir, 'x.log'));
    expect(after).toContain(join(dir, 'y.log'));
  });

  test('is added, filled, started, stopped, and gone at a reload', async () => {
    const { say, feed, dir } = await startAgent(webJail());
    expect(await say('add', 'extra', 'polling')).toBe('extra');
    await expect(say('add', 'extra')).rejects.toMatchObject({ code: 'ERR_JAIL_EXISTS', args: ['extra'] });
    await expect(say('add', '--all')).rejects.toThrow("Reserved name '--all'");
    await expect(say('add', 'other', 'gamin')).rejects.toThrow('Unknown backend gamin');
    await say('set', 'extra', 'addfailregex', '^extra <HOST>$');
    await say('set', 'extra', 'maxretry', '1');
    writeFileSync(join(dir, 'extra.log'), '');
    expect(await say('set', 'extra', 'addlogpath', join(dir, 'extra.log'))).toEqual([join(dir, 'extra.log')]);
    await feed('extra 203.0.113.1');
    expect(await say('get', 'extra', 'banned')).toEqual([]);
    await say('start', 'extra');
    await feed('extra 203.0.113.1');
    expect(await say('get', 'extra', 'banned')).toEqual(['203.0.113.1']);
    expect(await say('get', 'extra', 'maxmatches')).toBe(50);
    await say('reload');
    expect(await say('banned')).toEqual([{ web: [] }]);
    await expect(say('start', 'extra')).rejects.toMatchObject({ args: ['extra'], exception: 'UnknownJailException' });
  });

  test('is stopped, and comes back at a reload with its bans', async () => {
    const { say, feed } = await startAgent(webJail());
    await feed('fail 203.0.113.1');
    await say('stop', 'web');
    expect(await say('banned')).toEqual([]);
    await say('reload');
    expect(await say('banned')).toEqual([{ web: ['203.0.113.1'] }]);
  });

  test('a reload ends what was set', async () => {
    const { say } = await startAgent(webJail());
    await say('set', 'web', 'maxlines', '5');
    await say('set', 'web', 'addfailregex', '^bad <HOST>$');
    expect(await say('get', 'web', 'maxlines')).toBe(5);
    await say('reload');
    expect(await say('get', 'web', 'maxlines')).toBe(1);
    expect(await say('get', 'web', 'failregex')).toHaveLength(1);
  });
});

describe('values', () => {
  test('as fail2ban answers them', async () => {
    const { say } = await startAgent(webJail());
    const set = (...words: readonly string[]) => say('set', 'web', ...words);
    expect(await set('ignorecommand', '/bin/true')).toBe('/bin/true');
    expect(await set('ignorecommand', '')).toBe(false);
    expect(await set('ignorecache', 'key="<ip>", max-count=10, max-time=1m')).toEqual(['<ip>', 10, 60]);
    expect(await set('ignorecache', '')).toBe(null);
    expect(await set('ignoreself', 'yes')).toBe(true);
    expect(await say('get', 'web', 'logencoding')).toBe('UTF-8');
    expect(await set('logencoding', 'latin1')).toBe('latin1');
    expect(await set('logtimezone', 'UTC+0200')).toBe('UTC+0200');
    expect(await say('get', 'web', 'datepattern')).toEqual([null, 'Default Detectors']);
    expect(await set('datepattern', 'EPOCH')).toEqual([null, 'Epoch']);
    expect(await set('datepattern', '%Y-%m-%d')).toEqual(['%Y-%m-%d', 'Year-Month-Day']);
    expect(await set('datepattern', '')).toEqual([null, 'Default Detectors']);
    expect(await say('get', 'web', 'prefregex')).toBe('');
  });

  test('bantime.* are kept together, and are in force', async () => {
    const { say, feed, agent } = await startAgent(webJail('bantime = 10m'));
    const set = (name: string, value: string) => say('set', 'web', `bantime.${name}`, value);
    expect(await say('get', 'web', 'bantime.increment')).toBe(null);
    expect(await set('multipliers', '1 10')).toBe('1 10');
    expect(await set('increment', 'true')).toBe(true);
    expect(await set('maxtime', '1w')).toBe(604_800);
    await feed('fail 203.0.113.1');
    await say('set', 'web', 'bantime.overalljails', 'true');
    expect(agent.jail('web')?.bans()[0]?.bantime).toBe(600);
    await expect(set('factor', 'x')).rejects.toMatchObject({ code: 'ERR_CONFIG_EXPRESSION' });
    await expect(set('nosuch', '1')).rejects.toThrow(/no set action/);
    expect(await say('get', 'web', 'bantime.factor')).toBe(null);
    expect(await say('get', 'web', 'bantime.multipliers')).toBe('1 10');
    expect(await set('multipliers', '')).toBe(null);
  });

  test('the journal', async () => {
    const { say } = await startAgent(
      webJail('backend = systemd\njournalmatch = A=1 B=2 + C=3').replace(/logpath.*\n/, ''),
    );
    const set = (...words: readonly string[]) => say('set', 'web', ...words);
    expect(await say('get', 'web', 'journalmatch')).toEqual([['A=1', 'B=2'], ['C=3']]);
    expect(await set('addjournalmatch', 'D=4', '+', 'E=5', 'F=6')).toHaveLength(4);
    expect(await set('deljournalmatch', 'A=1', 'B=2')).toEqual([['C=3'], ['D=4'], ['E=5', 'F=6']]);
    await expect(set('deljournalmatch', 'Z=1')).rejects.toThrow("Match ['Z=1'] not found");
    await expect(set('addjournalmatch', 'no match')).rejects.toMatchObject({ code: 'ERR_JOURNAL_MATCH' });
    await expect(set('addjournalmatch', 'nomatch')).rejects.toMatchObject({ code: 'ERR_JOURNAL_MATCH' });
    await expect(set('addlogpath', '/dev/null')).rejects.toThrow(/backend of the jail is systemd/);
    expect(await say('get', 'web', 'datepattern')).toBe(null);
  });

  test('the database and the log', async () => {
    const { say, agent, dir } = await startAgent(webJail());
    expect(await say('set', 'dbmaxmatches', '3')).toBe(3);
    expect(await say('get', 'dbmaxmatches')).toBe(3);
    expect(await say('set', 'dbpurgeage', '2d')).toBe(172_800);
    expect(await say('set', 'dbfile', ':memory:')).toBe(':memory:');
    await expect(say('set', 'dbfile', '/x')).rejects.toThrow('Cannot change database when there are jails present');
    expect(await say('set', 'logtarget', join(dir, 'other.log'))).toBe(join(dir, 'other.log'));
    await expect(say('set', 'logtarget', join(dir, 'no/x.log'))).rejects.toMatchObject({ code: 'ERR_LOG_TARGET' });
    expect(await say('set', 'syslogsocket', '/nosuch')).toBe('/nosuch');
    expect(agent.logTarget).toBe(join(dir, 'other.log'));
    await expect(say('set', 'allowipv6', 'no')).rejects.toThrow(/cannot be changed/);
    expect(await say('sleep', '0')).toBe(null);
    await expect(say('sleep', 'x')).rejects.toThrow("could not convert string to float: 'x'");
    await expect(say('sleep', '1e9')).rejects.toThrow(/no more than/);
  });
});
