/** Jails as they come out of a configuration: values with their types and places, findings with file, line and remedy. */
import { describe, expect, test } from 'vitest';
import { familyCommand } from '../../shared/config/action-conf.ts';
import { readFilter } from '../../shared/config/filter-values.ts';
import { readJails, readOneJail } from '../../shared/config/jail-conf.ts';
import { readStream } from '../../shared/config/stream.ts';
import { filesIn, type Tree } from './files.ts';
import { base, half, jailOf, read } from './jails.ts';

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
    expect(read(kept).findings).toMatchObject([
      { severity: 'warning', code: 'ERR_CONFIG_LOGPATH', jail: 'mail', file: '/c/jail.d/a.local', line: 2 },
    ]);
  });

  test('systemd without a journalmatch takes the log files that the jail names', () => {
    expect(jailOf({ '/c/jail.d/a.local': '[DEFAULT]\nbackend = systemd\n' }, 'web').backend.name).toBe('auto');
    expect(jailOf({ '/c/jail.d/a.local': '[DEFAULT]\nbackend = systemd[journalflags=1]\n' }, 'mail').backend).toEqual({
      name: 'systemd',
      options: { journalflags: '1' },
    });
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
