/** Each command of the control protocol and its answer, beside an agent that is made up. */
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../host-agent/control/commands.ts';
import { fakeAgent, fakeBan, fakeJail, twoJails } from './fake-agent.ts';

describe('reading', () => {
  test('ping, version, echo, flushlogs', async () => {
    const agent = twoJails();
    expect(await runCommand(agent, ['ping'])).toBe('pong');
    expect(await runCommand(agent, ['version'])).toBe('1.2.3');
    expect(await runCommand(agent, ['echo', 'a', 'b'])).toEqual(['a', 'b']);
    expect(await runCommand(agent, ['flushlogs'])).toBe('rolled over');
  });

  test('status with the flavor cymru has three rows more', async () => {
    const rows = [
      ['Banned IP list', ['192.0.2.50', '2001:db8::1']],
      ['Banned ASN list', ['asn of 192.0.2.50', 'asn of 2001:db8::1']],
      ['Banned Country list', ['country of 192.0.2.50', 'country of 2001:db8::1']],
      ['Banned RIR list', ['rir of 192.0.2.50', 'rir of 2001:db8::1']],
    ];
    const actions = ['Actions', [['Currently banned', 2], ['Total banned', 5], ...rows]];
    expect(await runCommand(twoJails(), ['status', 'sshd', 'cymru'])).toEqual([expect.anything(), actions]);
    const all = [
      ['Number of jail', 2],
      expect.anything(),
      expect.objectContaining({ sshd: [expect.anything(), actions] }),
    ];
    expect(await runCommand(twoJails(), ['status', '--all', 'cymru'])).toEqual(all);
  });

  test('status is sorted by name', async () => {
    expect(await runCommand(twoJails(), ['status'])).toEqual([
      ['Number of jail', 2],
      ['Jail list', 'nginx-http-auth, sshd'],
    ]);
  });

  test('status of a jail has the files or the journal matches', async () => {
    const agent = twoJails();
    expect(await runCommand(agent, ['status', 'sshd'])).toEqual([
      [
        'Filter',
        [
          ['Currently failed', 2],
          ['Total failed', 5],
          ['File list', ['/var/log/a', '/var/log/b']],
        ],
      ],
      [
        'Actions',
        [
          ['Currently banned', 2],
          ['Total banned', 5],
          ['Banned IP list', ['192.0.2.50', '2001:db8::1']],
        ],
      ],
    ]);
    const journal = await runCommand(agent, ['status', 'nginx-http-auth', 'short']);
    expect(journal).toEqual([
      [
        'Filter',
        [
          ['Currently failed', 2],
          ['Total failed', 5],
          ['Journal matches', ['_SYSTEMD_UNIT=x.service + _COMM=sshd _UID=0']],
        ],
      ],
      [
        'Actions',
        [
          ['Currently banned', 0],
          ['Total banned', 5],
        ],
      ],
    ]);
  });

  test('stats', async () => {
    expect(await runCommand(twoJails(), ['stats'])).toEqual({
      'nginx-http-auth': ['systemd', [2, 5], [0, 5]],
      sshd: ['polling', [2, 5], [2, 5]],
    });
  });

  test('banned: all, or the jails of each address in any spelling', async () => {
    const agent = twoJails();
    expect(await runCommand(agent, ['banned'])).toEqual([
      { sshd: ['192.0.2.50', '2001:db8::1'] },
      { 'nginx-http-auth': [] },
    ]);
    expect(await runCommand(agent, ['banned', '2001:DB8:0::1', '192.0.2.9'])).toEqual([['sshd'], []]);
    expect(await runCommand(agent, ['get', 'sshd', 'banned', '192.0.2.50'])).toBe(1);
    expect(await runCommand(agent, ['get', 'sshd', 'givenup'])).toBe(3);
    expect(await runCommand(agent, ['get', 'sshd', 'banned', '192.0.2.50', 'nobody'])).toEqual([1, 0]);
  });

  test('banip is ordered by the end of the ban; with times', async () => {
    const jail = fakeJail('sshd', 'polling', []);
    jail.banned.push(fakeBan('192.0.2.3', 0, -1), fakeBan('192.0.2.1', 86400, 600), fakeBan('192.0.2.2', 86400, 60));
    const agent = fakeAgent({ sshd: jail });
    expect(await runCommand(agent, ['get', 'sshd', 'banip'])).toEqual(['192.0.2.2', '192.0.2.1', '192.0.2.3']);
    const lines = await runCommand(agent, ['get', 'sshd', 'banip', '--with-time']);
    expect(lines).toEqual([
      expect.stringMatching(/^192\.0\.2\.2 \t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+ 60 = \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      expect.stringMatching(/^192\.0\.2\.1 \t/),
      expect.stringMatching(/ \+ -1 = 9999-12-31 23:59:59$/),
    ]);
  });

  test.each([
    ['maxretry', 5],
    ['findtime', 600],
    ['bantime', -1],
    ['ignoreip', ['127.0.0.0/8', '::1']],
    ['logpath', ['/var/log/a', '/var/log/b']],
    ['journalmatch', []],
    ['failregex', ['^one <HOST>$', '^two <HOST>$']],
  ])('get sshd %s', async (what, value) => {
    expect(await runCommand(twoJails(), ['get', 'sshd', what])).toEqual(value);
  });
});

describe('changing', () => {
  test('banip counts the new ones, unbanip the lifted ones', async () => {
    const agent = twoJails();
    expect(await runCommand(agent, ['set', 'sshd', 'banip', '192.0.2.50', '192.0.2.51', '192.0.2.52'])).toBe(2);
    expect(await runCommand(agent, ['set', 'sshd', 'unbanip', '192.0.2.51', '192.0.2.99'])).toBe(1);
    expect(await runCommand(agent, ['set', 'sshd', 'banip'])).toBe(0);
  });

  test('--report-absent names those that were not banned', async () => {
    await expect(
      runCommand(twoJails(), ['set', 'sshd', 'unbanip', '--report-absent', '192.0.2.1']),
    ).rejects.toMatchObject({
      message: "not banned: ['192.0.2.1']",
      args: ["not banned: ['192.0.2.1']"],
    });
  });

  test('unban in all jails', async () => {
    const agent = twoJails();
    await runCommand(agent, ['set', 'nginx-http-auth', 'banip', '192.0.2.50']);
    expect(await runCommand(agent, ['unban', '192.0.2.50'])).toBe(2);
    expect(await runCommand(agent, ['unban', '--all'])).toBe(1);
  });

  test('reload hands its options on', async () => {
    const agent = twoJails();
    expect(await runCommand(agent, ['reload'])).toBe('OK');
    expect(await runCommand(agent, ['reload', '--restart', '--unban', 'sshd'])).toBe('OK');
    expect(await runCommand(agent, ['reload', '--if-exists', 'nope'])).toBe('OK');
    expect(agent.reloads).toEqual([
      { jail: null, restart: false, unban: false, ifExists: false },
      { jail: 'sshd', restart: true, unban: true, ifExists: false },
      { jail: 'nope', restart: false, unban: false, ifExists: true },
    ]);
  });

  test('stop', async () => {
    const agent = twoJails();
    expect(await runCommand(agent, ['stop'])).toBeNull();
    expect(await runCommand(agent, ['stop', '--unban'])).toBeNull();
    expect(agent.stops).toEqual([{ unban: false }, { unban: true }]);
  });
});

describe("errors are fail2ban's", () => {
  test.each([
    [['status', 'nope'], "Sorry but the jail 'nope' does not exist", ['nope']],
    [['set', 'nope', 'banip', '192.0.2.1'], "Sorry but the jail 'nope' does not exist", ['nope']],
    [['reload', 'nope'], "Sorry but the jail 'nope' does not exist", ['nope']],
    [['get', 'constructor', 'banip'], "Sorry but the jail 'constructor' does not exist", ['constructor']],
    [['set', 'sshd'], 'Sorry but the command is invalid', ['list index out of range']],
    [['get', 'sshd'], 'Sorry but the command is invalid', ['list index out of range']],
    [['set', 'sshd', 'maxretry'], 'Sorry but the command is invalid', ['list index out of range']],
    [['set', 'sshd', 'attempt'], 'Sorry but the command is invalid', ['list index out of range']],
    [
      ['set', 'sshd', 'maxretry', '5x'],
      "invalid literal for int() with base 10: '5x'",
      ["invalid literal for int() with base 10: '5x'"],
    ],
    [['set', 'sshd', 'delignoreip', 'x'], 'list.remove(x): x not in list', ['list.remove(x): x not in list']],
    [['set', 'sshd', 'unbanip'], 'Sorry but the command is invalid', ['list index out of range']],
    [['frobnicate'], 'Invalid command', ['Invalid command']],
    [['toString'], 'Invalid command', ['Invalid command']],
    [['unban'], 'Invalid command', ['Invalid command']],
  ])('%j', async (words, message, args) => {
    await expect(runCommand(twoJails(), words)).rejects.toMatchObject({ message, args });
  });

  test.each([
    [['set', 'sshd', 'foo', '1'], "Invalid command 'foo' (no set action or not yet implemented)"],
    [['get', 'sshd', 'foo'], 'Invalid command (no get action or not yet implemented)'],
    [['get', 'sshd', 'hasOwnProperty'], 'Invalid command (no get action or not yet implemented)'],
    [['status', 'a', 'b', 'c'], 'Invalid command (no status)'],
  ])('%j', async (words, message) => {
    await expect(runCommand(twoJails(), words)).rejects.toMatchObject({ code: 'ERR_COMMAND_INVALID', message });
  });
});

test('settings are changed, and answered as they are now', async () => {
  const agent = twoJails();
  expect(await runCommand(agent, ['set', 'sshd', 'findtime', '1d12h'])).toBe(129_600);
  expect(await runCommand(agent, ['set', 'sshd', 'bantime', '-1'])).toBe(-1);
  expect(await runCommand(agent, ['set', 'sshd', 'maxretry', ' 7'])).toBe(7);
  await expect(runCommand(agent, ['set', 'sshd', 'findtime', '0'])).rejects.toThrow('not a length of time');
  await expect(runCommand(agent, ['set', 'sshd', 'bantime', '10 parsecs'])).rejects.toMatchObject({
    code: 'ERR_CONFIG_EXPRESSION',
  });
  expect(await runCommand(agent, ['get', 'sshd', 'maxretry'])).toBe(7);
  expect(await runCommand(agent, ['get', 'sshd', 'maxmatches'])).toBe(5);
  expect(await runCommand(agent, ['get', 'sshd', 'usedns'])).toBe('warn');
});
