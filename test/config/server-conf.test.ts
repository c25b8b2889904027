/** The daemon's own settings. */
import { expect, test } from 'vitest';
import { readServerConf } from '../../shared/config/server-conf.ts';
import { filesIn } from './files.ts';

const edgeban = '/c/edgeban.conf';
const read = (tree: Record<string, string>) => readServerConf(filesIn(tree), '/c');

test('without a file, edgeban has its own places', () => {
  const { server, findings } = read({});
  expect(server).toMatchObject({
    from: 'none',
    socket: '/run/edgeban/edgeban.sock',
    dbpurgeage: 86_400,
    guard: { private: false, prefix4: 16, prefix6: 48, allowed: [] },
  });
  expect(findings).toEqual([]);
});

test("edgeban's file comes before fail2ban's, and its .local after it", () => {
  const tree = {
    [edgeban]: '[Definition]\nsocket = /a\ndbfile = None\n',
    '/c/edgeban.local': '[Definition]\nsocket = /b\nloglevel = debug\n',
    '/c/fail2ban.conf': '[Definition]\nsocket = /f\n',
  };
  expect(read(tree).server).toMatchObject({ from: 'edgeban', socket: '/b', loglevel: 'debug', dbfile: null });
  expect(read({ '/c/fail2ban.conf': tree['/c/fail2ban.conf'] }).server).toMatchObject({
    from: 'fail2ban',
    socket: '/f',
    dbfile: '/var/lib/fail2ban/fail2ban.sqlite3',
  });
});

test('[Guard]', () => {
  const { server } = read({
    [edgeban]: '[Guard]\nprivate = false\nprefix6 = 64\nallow = 198.51.100.7, 2001:db8::/32\n',
  });
  expect(server.guard).toMatchObject({
    private: true,
    prefix6: 64,
    allowed: [
      { family: 4, bits: 32 },
      { family: 6, bits: 32 },
    ],
  });
});

test.each([
  ['[Definition]\nloglevel = LOUD\n', { severity: 'error', code: 'ERR_LOG_LEVEL', line: 2 }],
  ['[Definition]\ndbpurgeage = soon\n', { severity: 'error', code: 'ERR_CONFIG_TIME', line: 2 }],
  ['[Definition]\ndbmaxmatches = many\n', { severity: 'error', code: 'ERR_CONFIG_VALUE', line: 2 }],
  ['[Definition]\nsoket = /x\n', { severity: 'warning', code: 'ERR_CONFIG_OPTION', remedy: 'did you mean socket?' }],
  ['[Guard]\nallow = 300.1.1.1\n', { severity: 'error', code: 'ERR_CONFIG_VALUE', line: 2 }],
  ['[Guard]\nprefix4 = 0\n', { severity: 'error', code: 'ERR_CONFIG_VALUE', line: 2 }],
  ['[Guard]\nallow = 1.2.3.4\nallow = 1.2.3.5\n', { severity: 'error', code: 'ERR_CONFIG_DUPLICATE', line: 3 }],
  ['[Definition]\nsocket = %(nix)s\n', { severity: 'error', code: 'ERR_CONFIG_INTERPOLATION', line: 2 }],
  ['[Thread]\nstacksize = 64\n', { severity: 'notice', code: 'ERR_CONFIG_OPTION', line: 2 }],
])('%j is found', (text, finding) => {
  expect(read({ [edgeban]: text }).findings).toMatchObject([{ file: edgeban, ...finding }]);
});
