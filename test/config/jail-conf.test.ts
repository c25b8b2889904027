/** Jails as they come out of a configuration: values with their types and places, findings with file, line and remedy. */
import { describe, expect, test } from 'vitest';
import { familyCommand } from '../../shared/config/action-conf.ts';
import { readFilter } from '../../shared/config/filter-values.ts';
import { readJails, readOneJail } from '../../shared/config/jail-conf.ts';
import { readStream } from '../../shared/config/stream.ts';
import { filesIn, type Tree } from './files.ts';

const half = () => 0.5;

const base: Tree = {
  '/c/jail.conf': `[DEFAULT]
bantime = 10m
findtime = 1h
maxretry = 5
maxmatches = %(maxretry)s
port = 0:65535
filter = %(__name__)s
action = block[port="%(port)s"]

[web]
port = http,https
logpath = /var/log/web/*.log
  /var/log/more.log tail

[mail]
logpath = /var/log/mail.log
`,
  '/c/jail.local': '[web]\nenabled = true\n[mail]\nenabled = yes\n',
  '/c/filter.d/web.conf': '[Definition]\nfailregex = ^one <HOST>$\n   ^two <HOST>$\n',
  '/c/filter.d/mail.conf': `[INCLUDES]
before = common.conf
[Definition]
_daemon = mailer
failregex = %(__prefix)slogin failed <HOST>
  <lt_<logtype>/more>
ignoreregex =
journalmatch = _SYSTEMD_UNIT=mail.service
[lt_file]
more = ^from a file <HOST>
[lt_journal]
more = ^from the journal <HOST>
`,
  '/c/filter.d/common.conf': '[DEFAULT]\n__prefix = ^%(_daemon)s: \n',
  '/c/action.d/block.conf': `[Definition]
actionban = add <table> <ip> <blocktype> from <name>
actionunban = delete <ip>
norestored = yes
[Init]
table = set-<name>
blocktype = reject4
[Init?family=inet6]
blocktype = reject6
`,
  '/var/log/mail.log': '',
  '/var/log/web/a.log': '',
};

function read(changes: Tree = {}) {
  return readJails(filesIn({ ...base, ...changes }), '/c', half);
}

function jailOf(changes: Tree, name: string) {
  const { jails, findings } = read(changes);
  const jail = jails.find((one) => one.name === name);
  if (jail === undefined) throw new Error(`no jail ${name}: ${JSON.stringify(findings)}`);
  return jail;
}

describe('a whole configuration', () => {
  test('gives each jail with its values', () => {
    const { jails, findings } = read();
    expect(findings).toEqual([]);
    expect(jails.map(({ name }) => name)).toEqual(['web', 'mail']);
    expect(jails[0]).toMatchObject({
      file: '/c/jail.local',
      line: 1,
      maxretry: 5,
      maxmatches: 5,
      findtime: 3600,
      bantime: 600,
      increment: null,
    });
    expect(jails[0]?.logpath).toEqual([
      { glob: '/var/log/web/*.log', from: 'head', file: '/c/jail.conf', line: 12 },
      { glob: '/var/log/more.log', from: 'tail', file: '/c/jail.conf', line: 13 },
    ]);
    expect(jails[0]?.variables).toEqual({ port: 'http,https' });
  });

  test('each regex knows where it is written, through both stages', () => {
    expect(jailOf({}, 'mail').filter.failregex).toEqual([
      { regex: '^mailer:login failed <HOST>', file: '/c/filter.d/mail.conf', line: 5 },
      { regex: '^from a file <HOST>', file: '/c/filter.d/mail.conf', line: 10 },
    ]);
    expect(jailOf({}, 'web').filter.failregex.map(({ line }) => line)).toEqual([2, 3]);
  });

  test('a .local adds to what was there before', () => {
    const filter = { '/c/filter.d/web.local': '[Definition]\nfailregex = %(known/failregex)s\n  ^three <HOST>$\n' };
    const places = jailOf(filter, 'web').filter.failregex.map(({ file, line }) => `${file}:${line}`);
    expect(places).toEqual(['/c/filter.d/web.conf:2', '/c/filter.d/web.conf:3', '/c/filter.d/web.local:3']);
  });

  test('jail.local wins over jail.d/*.conf, jail.d/*.local over both', () => {
    const dropped = {
      '/c/jail.d/z.conf': '[web]\nmaxretry = 7\nbantime = 7\n',
      '/c/jail.local': `${base['/c/jail.local']}[DEFAULT]\nbantime = 1\n`,
    };
    expect(jailOf(dropped, 'web')).toMatchObject({ maxretry: 7, bantime: 7, maxmatches: 7 });
    const local = { ...dropped, '/c/jail.d/a.local': '[web]\nmaxretry = 8\n' };
    expect(jailOf(local, 'web').maxretry).toBe(8);
  });

  test('an action has its commands per family, and its parameters filled in', () => {
    const [action] = jailOf({}, 'web').actions;
    if (action === undefined) throw new Error('no action');
    expect(action).toMatchObject({ name: 'block', file: 'block', norestored: true, startOnDemand: null });
    expect(action.parameters).toMatchObject({
      port: 'http,https',
      name: 'web',
      table: 'set-web',
      'blocktype?family=inet6': 'reject6',
    });
    expect(familyCommand(action, 'actionban', 'inet4')).toBe('add set-web <ip> reject4 from web');
    expect(familyCommand(action, 'actionban', 'inet6')).toBe('add set-web <ip> reject6 from web');
    expect(familyCommand(action, 'actionflush', 'inet4')).toBeNull();
  });

  test('bantime.increment becomes numbers and a function', () => {
    const on =
      'bantime.increment = true\nbantime.factor = 1/2\nbantime.maxtime = 1w\nbantime.formula = ban.Time * (1<<ban.Count) * banFactor + random.random()';
    const { increment } = jailOf({ '/c/jail.d/i.local': `[web]\n${on}\n` }, 'web');
    expect(increment).toMatchObject({
      factor: 0.5,
      multipliers: [],
      maxtime: 604_800,
      rndtime: null,
      overalljails: false,
    });
    expect(increment?.formula?.(600, 3, 0.5)).toBe(2400.5);
    const many = jailOf({ '/c/jail.d/i.local': '[web]\nbantime.increment=on\nbantime.multipliers = 1 2  4\n' }, 'web');
    expect(many.increment?.multipliers).toEqual([1, 2, 4]);
  });

  test('ignoreip tells addresses, names and files apart', () => {
    const { ignoreip } = jailOf(
      { '/c/jail.d/i.local': '[web]\nignoreip = 10.1.2.3/8, ::1 host.example file:/etc/allow\n' },
      'web',
    );
    expect(ignoreip.map(({ kind }) => kind)).toEqual(['network', 'network', 'name', 'file']);
    expect(ignoreip[0]).toMatchObject({ text: '10.1.2.3/8', prefix: { family: 4, bits: 8 } });
  });
});

describe('files or the journal', () => {
  const noLog: Tree = { '/c/jail.d/a.local': '[mail]\nlogpath = /var/log/gone.log\n' };

  test('auto takes the journal where no log file is there and the filter knows its entries', () => {
    const { jails, findings } = read(noLog);
    const mail = jails.find(({ name }) => name === 'mail');
    expect(mail?.backend.name).toBe('systemd');
    expect(mail?.filter.failregex[1]?.regex).toBe('^from the journal <HOST>');
    expect(findings).toMatchObject([{ severity: 'notice', code: 'ERR_CONFIG_BACKEND', jail: 'mail' }]);
  });

  test('systemd_if_nologs = false keeps the log files', () => {
    const kept = { '/c/jail.d/a.local': `${noLog['/c/jail.d/a.local']}systemd_if_nologs = false\n` };
    expect(jailOf(kept, 'mail').backend.name).toBe('auto');
  });

  test('systemd without a journalmatch takes the log files that the jail names', () => {
    expect(jailOf({ '/c/jail.d/a.local': '[DEFAULT]\nbackend = systemd\n' }, 'web').backend.name).toBe('auto');
    expect(jailOf({ '/c/jail.d/a.local': '[DEFAULT]\nbackend = systemd[journalflags=1]\n' }, 'mail').backend).toEqual({
      name: 'systemd',
      options: { journalflags: '1' },
    });
  });
});

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
      'a filter without [Definition]',
      { '/c/filter.d/web.conf': '[Init]\na = 1\n' },
      { code: 'ERR_CONFIG_SYNTAX', file: '/c/filter.d/web.conf' },
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

test('one jail, and one filter, by name', () => {
  const files = filesIn({ ...base, '/c/jail.local': '' });
  expect(readJails(files, '/c', half).jails).toEqual([]);
  expect(readOneJail(files, '/c', 'mail', half).jail?.name).toBe('mail');
  expect(readOneJail(files, '/c', 'nix', half).findings).toMatchObject([{ code: 'ERR_CONFIG_JAIL' }]);
  const { filter } = readFilter(files, '/c', 'mail[_daemon=other]', 'systemd');
  expect(filter?.failregex.map(({ regex }) => regex)).toEqual([
    '^other:login failed <HOST>',
    '^from the journal <HOST>',
  ]);
  expect(filter?.journalmatch).toMatchObject([{ terms: ['_SYSTEMD_UNIT=mail.service'] }]);
  expect(readFilter(files, '/c', 'nix', 'auto')).toMatchObject({
    filter: null,
    findings: [{ code: 'ERR_CONFIG_FILTER' }],
  });
});

test('a jail that is broken is in the command stream as fail2ban puts it there', () => {
  const { commands } = readStream(filesIn({ ...base, '/c/jail.d/x.local': '[web]\nfilter = nix\n' }), '/c', () => [
    '/var/log/mail.log',
  ]);
  expect(commands).toContainEqual([
    'config-error',
    "Jail 'web' skipped, because of wrong configuration: Unable to read the filter 'nix'",
  ]);
  expect(commands).toContainEqual(['set', 'mail', 'addlogpath', '/var/log/mail.log', 'head']);
  expect(commands.filter(([word]) => word === 'start')).toEqual([['start', 'mail']]);
});
