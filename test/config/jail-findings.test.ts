/** What is wrong or odd in a configuration: findings with file, line and remedy, and the jails that stay. */
import { describe, expect, test } from 'vitest';
import { readJails } from '../../shared/config/jail-conf.ts';
import { filesIn, type Tree } from './files.ts';
import { half, read } from './jails.ts';

describe('what is wrong takes out its own jail, with file, line and remedy', () => {
  const cases: readonly (readonly [string, Tree, object])[] = [
    [
      'an unknown filter',
      { '/c/jail.d/x.local': '[web]\nfilter = nix\n' },
      { code: 'ERR_CONFIG_FILTER', file: '/c/jail.d/x.local', line: 2 },
    ],
    [
      'a missing action',
      { '/c/jail.d/x.local': '[web]\naction = block\n   nix[a=1]\n' },
      { code: 'ERR_CONFIG_ACTION', file: '/c/jail.d/x.local', line: 3 },
    ],
    [
      'the same action twice',
      { '/c/jail.d/x.local': '[web]\naction = block\n   block\n' },
      { code: 'ERR_CONFIG_ACTION', line: 3 },
    ],
    ['a bad time', { '/c/jail.d/x.local': '[web]\nbantime = 10 minuts\n' }, { code: 'ERR_CONFIG_TIME', line: 2 }],
    [
      'Python in a time',
      { '/c/jail.d/x.local': "[web]\nbantime = __import__('os')\n" },
      { code: 'ERR_CONFIG_TIME', line: 2 },
    ],
    [
      'a comment behind #',
      { '/c/jail.d/x.local': '[web]\nmaxretry = 3 # three\n' },
      { code: 'ERR_CONFIG_VALUE', remedy: expect.stringContaining(';') },
    ],
    [
      'a formula of names that are not there',
      { '/c/jail.d/x.local': '[web]\nbantime.formula = os.getpid()\n' },
      { code: 'ERR_CONFIG_EXPRESSION', message: expect.stringContaining('os.getpid') },
    ],
    [
      'an unknown backend',
      { '/c/jail.d/x.local': '[web]\nbackend = sytemd\n' },
      { code: 'ERR_CONFIG_BACKEND', remedy: 'did you mean systemd?' },
    ],
    [
      'a reference to nothing',
      { '/c/jail.d/x.local': '[web]\naction = %(nix)s\n' },
      { code: 'ERR_CONFIG_INTERPOLATION', line: 2 },
    ],
    ['a single %', { '/c/jail.d/x.local': '[web]\ndatepattern = %Y\n' }, { code: 'ERR_CONFIG_INTERPOLATION', line: 2 }],
    [
      'an option twice',
      { '/c/jail.d/x.local': '[web]\nport = 1\nport = 2\n' },
      { code: 'ERR_CONFIG_DUPLICATE', line: 3 },
    ],
    ['a section twice', { '/c/jail.d/x.local': '[web]\n[web]\n' }, { code: 'ERR_CONFIG_DUPLICATE', line: 2 }],
    ['a line that is no option', { '/c/jail.d/x.local': '[web]\nport 1\n' }, { code: 'ERR_CONFIG_SYNTAX', line: 2 }],
    [
      'brackets that are not closed',
      { '/c/jail.d/x.local': '[web]\nfilter = web[a=1\n' },
      { code: 'ERR_CONFIG_SYNTAX', line: 2 },
    ],
    [
      'a tag that leads back to itself',
      { '/c/filter.d/web.conf': '[Definition]\nfailregex = <failregex>\n' },
      { code: 'ERR_CONFIG_TAG', file: '/c/filter.d/web.conf', line: 2 },
    ],
    [
      'a logpath with more than a path',
      { '/c/jail.d/x.local': '[web]\nlogpath = /a b.log\n' },
      { code: 'ERR_CONFIG_VALUE', line: 2 },
    ],
    [
      'a journalmatch with an open quote',
      { '/c/filter.d/web.local': '[Definition]\njournalmatch = A="b\n' },
      { code: 'ERR_CONFIG_VALUE', line: 2 },
    ],
  ];

  test.each(cases)('%s', (_, tree, expected) => {
    const { jails, findings } = read(tree);
    expect(jails.map(({ name }) => name)).toEqual(['mail']);
    const [error, ...more] = findings.filter(({ severity }) => severity === 'error');
    expect(error).toMatchObject({ jail: 'web', ...expected });
    expect(error?.file).toMatch(/^\/c\//);
    expect(error?.remedy).not.toBe('');
    expect(more).toEqual([]);
  });

  test('all that is wrong with a jail is said at once', () => {
    const { findings } = read({
      '/c/jail.d/x.local': '[web]\nbantime = x\nfindtime = 0\nmaxretry = -1\nbackend = y\n',
    });
    expect(findings.map(({ line }) => line)).toEqual(expect.arrayContaining([2, 3, 4, 5]));
  });

  test('what is wrong in [DEFAULT] takes out all jails', () => {
    const { jails, findings } = read({ '/c/jail.d/x.local': '[DEFAULT]\nbantime = 1\nbantime = 2\n' });
    expect(jails).toEqual([]);
    expect(findings).toMatchObject([
      { severity: 'error', code: 'ERR_CONFIG_DUPLICATE', file: '/c/jail.d/x.local', line: 3 },
    ]);
  });

  test('no jail.conf at all', () => {
    expect(readJails(filesIn({}), '/c', half).findings).toMatchObject([
      { code: 'ERR_CONFIG_MISSING', file: '/c/jail.conf' },
    ]);
  });

  test('files that include each other without end are refused', () => {
    const names = Array.from({ length: 12 }, (_, index) => `i${index}.conf`);
    const tree = Object.fromEntries(
      names.map((name) => [`/c/filter.d/${name}`, `[INCLUDES]\nbefore = ${names.join('\n  ')}\n`]),
    );
    const { findings } = read({ ...tree, '/c/filter.d/web.conf': '[INCLUDES]\nbefore = i0.conf\n' });
    expect(findings).toMatchObject([{ code: 'ERR_CONFIG_LIMIT', jail: 'web' }]);
  });

  test('values that grow by referring to each other are refused in time', () => {
    const levels = Array.from({ length: 9 }, (_, index) => `l${index + 1} = ${`%(l${index})s`.repeat(20)}\n`).join('');
    const { findings } = read({
      '/c/jail.d/x.local': `[web]\nl0 =\n${levels}port = 1\nlogencoding = %(l9)s\n`,
      '/c/filter.d/mail.conf': '[Definition]\nfailregex = <b><b>\nb = x<c><c>\nc = y<b><b>\n',
    });
    expect(findings).toMatchObject([
      { jail: 'web', code: 'ERR_CONFIG_INTERPOLATION' },
      { jail: 'mail', code: 'ERR_CONFIG_TAG' },
    ]);
  });
});

describe('what is odd is said, and the jail stays', () => {
  const odd: readonly (readonly [string, Tree, object])[] = [
    [
      'a misspelt option',
      { '/c/jail.d/x.local': '[web]\nmaxretrry = 3\n' },
      { severity: 'warning', code: 'ERR_CONFIG_OPTION', remedy: 'did you mean maxretry?', line: 2 },
    ],
    [
      'a misspelt default',
      { '/c/jail.d/x.local': '[DEFAULT]\nbantme = 3\n' },
      { severity: 'warning', remedy: 'did you mean bantime?' },
    ],
    [
      '+=',
      { '/c/jail.d/x.local': '[web]\nfailregex += ^x <HOST>\n' },
      { severity: 'warning', remedy: expect.stringContaining('%(known/failregex)s') },
    ],
    [
      'a misspelt option of a filter',
      { '/c/filter.d/web.local': '[Definition]\nignoregex = x\n' },
      { severity: 'warning', remedy: 'did you mean ignoreregex?' },
    ],
    [
      'a filter without [Definition]',
      { '/c/filter.d/web.conf': '[Init]\na = 1\n' },
      { severity: 'warning', code: 'ERR_CONFIG_FILTER', file: '/c/jail.conf' },
    ],
    [
      'an action that somebody has emptied',
      { '/c/action.d/quiet.conf': '', '/c/jail.d/x.local': '[web]\naction = block\n   quiet\n' },
      { severity: 'warning', code: 'ERR_CONFIG_ACTION', message: expect.stringContaining('quiet'), line: 3 },
    ],
    [
      'a usedns of no kind',
      { '/c/jail.d/x.local': '[web]\nusedns = maybe\n' },
      { severity: 'warning', code: 'ERR_CONFIG_VALUE' },
    ],
    [
      'an action in Python',
      { '/c/jail.d/x.local': '[web]\naction = smtp.py[dest=a]\n   block\n' },
      { severity: 'error', code: 'ERR_CONFIG_ACTION_PYTHON', line: 2 },
    ],
    [
      'an option twice in a jail that is off, for which fail2ban reads no jail at all',
      { '/c/jail.d/x.local': '[idle]\nport = 1\nport = 2\n' },
      { severity: 'warning', code: 'ERR_CONFIG_DUPLICATE', jail: 'idle', file: '/c/jail.d/x.local', line: 3 },
    ],
    [
      'a mode that is not there',
      {
        '/c/filter.d/web.conf':
          '[Definition]\nfailregex = ^a <HOST>\n  <re-<mode>>\nre-normal = ^b <HOST>\nmode = bogus\n',
      },
      { severity: 'warning', code: 'ERR_CONFIG_TAG', line: 3 },
    ],
  ];

  test.each(odd)('%s', (_, tree, expected) => {
    const { jails, findings } = read(tree);
    expect(jails.map(({ name }) => name)).toEqual(['web', 'mail']);
    expect(findings).toMatchObject([expected]);
  });
});
