/** What the client prints, word for word where fail2ban prints it. */
import { describe, expect, test } from 'vitest';
import { fakeAgent } from '../control/fake-agent.ts';
import { useClient } from './client-bench.ts';

const { serve, client } = useClient();

describe('what fail2ban prints', () => {
  test('status', async () => {
    await serve();
    expect(await client('status')).toEqual({
      code: 0,
      out: 'Status\n|- Number of jail:\t2\n`- Jail list:\tnginx-http-auth, sshd',
      err: '',
    });
  });

  test('status of a jail that reads files', async () => {
    await serve();
    expect((await client('status sshd')).out).toBe(
      [
        'Status for the jail: sshd',
        '|- Filter',
        '|  |- Currently failed:\t2',
        '|  |- Total failed:\t5',
        '|  `- File list:\t/var/log/a /var/log/b',
        '`- Actions',
        '   |- Currently banned:\t2',
        '   |- Total banned:\t5',
        '   `- Banned IP list:\t192.0.2.50 2001:db8::1',
      ].join('\n'),
    );
  });

  test('status of a jail that reads the journal and has no bans', async () => {
    await serve();
    const lines = (await client('status nginx-http-auth')).out.split('\n');
    expect(lines[4]).toBe('|  `- Journal matches:\t_SYSTEMD_UNIT=x.service + _COMM=sshd _UID=0');
    expect(lines.at(-1)).toBe('   `- Banned IP list:\t');
  });

  test('status --all', async () => {
    await serve();
    expect((await client('status --all short')).out).toBe(
      [
        'Status',
        '|- Number of jail:\t2',
        '|- Jail list:\tnginx-http-auth, sshd',
        '`- Status for the jails:',
        '   |- Jail: nginx-http-auth',
        '   |  |- Filter',
        '   |  |  |- Currently failed:\t2',
        '   |  |  |- Total failed:\t5',
        '   |  |  `- Journal matches:\t_SYSTEMD_UNIT=x.service + _COMM=sshd _UID=0',
        '   |  `- Actions',
        '   |     |- Currently banned:\t0',
        '   |     `- Total banned:\t5',
        '   `- Jail: sshd',
        '      |- Filter',
        '      |  |- Currently failed:\t2',
        '      |  |- Total failed:\t5',
        '      |  `- File list:\t/var/log/a /var/log/b',
        '      `- Actions',
        '         |- Currently banned:\t2',
        '         `- Total banned:\t5',
      ].join('\n'),
    );
  });

  test('set prints what stands now', async () => {
    await serve();
    expect((await client('set sshd addignoreip 192.0.2.1')).out).toBe(
      'These IP addresses/networks are ignored:\n|- 127.0.0.0/8\n|- ::1\n`- 192.0.2.1',
    );
    expect((await client('set sshd delignoreip ::1')).out.split('\n')).toHaveLength(3);
    expect((await client('set sshd maxretry 9')).out).toBe('9');
    expect((await client('set loglevel debug')).out).toBe("Current logging level is 'DEBUG'");
    expect((await client('get sshd logencoding')).out).toBe('Current log encoding is set to:\nUTF-8');
    expect((await client('get sshd ignoreself')).out).toBe('True');
  });

  test('no jails', async () => {
    await serve(fakeAgent({}));
    const out = 'Status\n|- Number of jail:\t0\n`- Jail list:\t';
    expect(await client('status')).toEqual({ code: 0, out, err: '' });
    expect(await client('status --all')).toEqual({ code: 0, out, err: '' });
    expect((await client('stats')).out.split('\n')).toHaveLength(5);
  });

  test('stats', async () => {
    await serve();
    expect((await client('stats')).out).toBe(
      [
        '                ║          ║ Filter    ║ Actions  ',
        'Jail            ║ Backend  ╟───────────╫───────────',
        '                ║          ║ cur │ tot ║ cur │ tot',
        '════════════════╬══════════╬═══════════╬═══════════',
        'nginx-http-auth ║ systemd  ║   2 │   5 ║   0 │   5',
        'sshd            ║ polling  ║   2 │   5 ║   2 │   5',
        '════════════════╩══════════╩═══════════╩═══════════',
      ].join('\n'),
    );
  });

  test.each([
    ['ping', 'Server replied: pong'],
    ['version', '1.2.3'],
    ['echo a b', 'a b'],
    ['flushlogs', 'logs: rolled over'],
    ['banned', "[{'sshd': ['192.0.2.50', '2001:db8::1']}, {'nginx-http-auth': []}]"],
    ['banned 192.0.2.50 192.0.2.51', "[['sshd'], []]"],
    ['get sshd banned', "['192.0.2.50', '2001:db8::1']"],
    ['get sshd banned 192.0.2.50', '1'],
    ['get sshd banned 192.0.2.50 x', '[1, 0]'],
    ['get sshd banip', '192.0.2.50 2001:db8::1'],
    ['get sshd banip ,', '192.0.2.50,2001:db8::1'],
    ['get sshd bantime', '-1'],
    ['get sshd maxretry', '5'],
    ['get sshd ignoreip', 'These IP addresses/networks are ignored:\n|- 127.0.0.0/8\n`- ::1'],
    ['get sshd logpath', 'Current monitored log file(s):\n|- /var/log/a\n`- /var/log/b'],
    ['get nginx-http-auth logpath', 'No file is currently monitored'],
    ['get sshd journalmatch', 'No journal match filter set'],
    ['get nginx-http-auth journalmatch', 'Current match filter:\n_SYSTEMD_UNIT=x.service + _COMM=sshd _UID=0'],
    ['get sshd failregex', 'The following regular expression are defined:\n|- [0]: ^one <HOST>$\n`- [1]: ^two <HOST>$'],
    ['get sshd ignoreregex', 'No regular expression is defined'],
    ['get sshd actions', 'The jail sshd has the following actions:\nnftables-multiport, edge'],
    ['get loglevel', "Current logging level is 'INFO'"],
    ['get logtarget', 'Current logging target is:\n`- /var/log/edgeban.log'],
    ['get dbfile', 'Database currently disabled'],
    ['set sshd banip 192.0.2.60 192.0.2.61', '2'],
    ['set sshd unbanip 192.0.2.99', '0'],
    ['unban --all', '2'],
    ['reload', 'OK'],
    ['reload sshd', 'OK'],
    ['restart sshd', 'OK'],
    ['stop', 'Shutdown successful'],
  ])('%s', async (line, out) => {
    await serve();
    expect(await client(line)).toEqual({ code: 0, out, err: '' });
  });

  test('restart JAIL is reload --restart JAIL', async () => {
    const agent = await serve();
    await client('restart --unban sshd');
    expect(agent.reloads).toEqual([{ jail: 'sshd', restart: true, unban: true, ifExists: false }]);
  });
});
