import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runClient } from '../../host-agent/cli/client.ts';
import type { HostPorts } from '../../host-agent/cli/ports.ts';
import { runCommand } from '../../host-agent/control/commands.ts';
import { type ControlServer, openControlServer } from '../../host-agent/control/server.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { type FakeAgent, fakeAgent, twoJails } from '../control/fake-agent.ts';
import { fakePorts, fakeTerminal } from './fake-ports.ts';

let dir: string;
let server: ControlServer | null = null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-client-'));
});

afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(dir, { recursive: true, force: true });
});

async function serve(agent: FakeAgent = twoJails()): Promise<FakeAgent> {
  server = await openControlServer({ path: join(dir, 'edgeban.sock'), answer: (words) => runCommand(agent, words) });
  return agent;
}

async function client(line: string | readonly string[], changes: Partial<HostPorts> = {}) {
  const terminal = fakeTerminal();
  const code = await runClient(typeof line === 'string' ? line.split(' ') : line, fakePorts(dir, changes), terminal);
  return { code, out: terminal.stdout.join('\n'), err: terminal.stderr.join('\n') };
}

const stamp = '2026-11-22 15:16:40,304 fail2ban                [895]: ERROR   ';

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

describe('errors', () => {
  test.each([
    ['status nope', "Sorry but the jail 'nope' does not exist", "NOK: ('nope',)"],
    ['set sshd', 'Sorry but the command is invalid', "NOK: ('list index out of range',)"],
    ['frobnicate', 'Invalid command', "NOK: ('Invalid command',)"],
    ['set sshd unbanip --report-absent 192.0.2.1', "not banned: ['192.0.2.1']", `NOK: ("not banned: ['192.0.2.1']",)`],
  ])('%s', async (line, out, nok) => {
    await serve();
    expect(await client(line)).toEqual({ code: 255, out, err: `${stamp}${nok}` });
  });

  test("our own errors add the remedy to fail2ban's text", async () => {
    const place = { file: '/etc/edgeban/jail.local', line: 3, remedy: 'write 10m' };
    const agent = { ...fakeAgent({}), reload: () => Promise.reject(new EdgebanError('ERR_USAGE', 'bad time', place)) };
    await serve(agent);
    expect(await client('reload')).toEqual({
      code: 255,
      out: 'bad time',
      err: `${stamp}NOK: ('bad time',)\n${stamp}/etc/edgeban/jail.local:3: write 10m [ERR_USAGE]`,
    });
  });

  test('no socket', async () => {
    const message = `${stamp}Failed to access socket path: ${dir}/edgeban.sock. Is fail2ban running?`;
    expect(await client('status')).toEqual({ code: 255, out: '', err: message });
    expect(await client('ping')).toEqual({ code: 255, out: '', err: message });
    expect(await client('reload')).toEqual({ code: 255, out: '', err: `${stamp}Could not find server` });
  });

  test('a dead socket', async () => {
    const stale = createServer();
    await new Promise<void>((done) => stale.listen(join(dir, 'real.sock'), done));
    const { linkSync } = await import('node:fs');
    linkSync(join(dir, 'real.sock'), join(dir, 'edgeban.sock'));
    await new Promise((done) => stale.close(done));
    const err = `${stamp}[[Errno 111] Connection refused] Unable to contact server. Is it running?`;
    expect(await client('status')).toEqual({ code: 255, out: '', err });
    expect(await client('ping')).toEqual({ code: 255, out: '', err: `${stamp}[Errno 111] Connection refused` });
  });

  test('a socket that is not ours', async (ctx) => {
    if (process.getuid?.() !== 0) return ctx.skip('needs root, to become another user');
    await serve();
    chmodSync(dir, 0o755);
    process.seteuid?.(65534);
    try {
      const err = `${stamp}Permission denied to socket: ${dir}/edgeban.sock, (you must be root)`;
      expect(await client('status')).toEqual({ code: 255, out: '', err });
    } finally {
      process.seteuid?.(0);
    }
  });

  test('a server that is not ours', async () => {
    const other = createServer((socket) => socket.end('220 mail ready\r\n')).listen(join(dir, 'edgeban.sock'));
    const { code, err } = await client('status');
    expect(code).toBe(255);
    expect(err).toContain('not JSON');
    other.close();
  });

  test('start twice', async () => {
    await serve();
    expect(await client('start')).toEqual({ code: 255, out: '', err: `${stamp}Server already running` });
  });

  test('start of a server that dies says so with its words', async () => {
    writeFileSync(join(dir, 'dies'), '#!/bin/sh\necho "no such thing" >&2\nexit 255\n', { mode: 0o755 });
    const { code, err } = await client('start', { serverCommand: [join(dir, 'dies')] });
    expect(code).toBe(255);
    expect(err).toBe(`no such thing\n${stamp}Could not start server`);
  });

  test('more than one jail for reload', async () => {
    await serve();
    expect(await client('reload a b')).toEqual({
      code: 255,
      out: '',
      err: `${stamp}Unexpected argument(s) for reload: ['a', 'b']`,
    });
  });
});

describe('options', () => {
  test.each([
    ['-V', '1.2.3'],
    ['--version', 'edgeban v1.2.3'],
  ])('%s needs no server', async (line, out) => {
    expect(await client(line)).toEqual({ code: 0, out, err: '' });
  });

  test('-s in all its spellings, without reading a configuration', async () => {
    await serve();
    const serverSettings = () => Promise.reject(new EdgebanError('ERR_USAGE', 'broken configuration'));
    const socket = join(dir, 'edgeban.sock');
    for (const words of [
      ['-s', socket],
      [`-s${socket}`],
      ['--socket', socket],
      [`--socket=${socket}`],
      ['-qxs', socket],
    ]) {
      expect(await client([...words, 'ping'], { serverSettings })).toMatchObject({
        code: 0,
        out: 'Server replied: pong',
      });
    }
    expect(await client('ping', { serverSettings })).toMatchObject({ code: 255 });
  });

  test('options after the first word belong to the command', async () => {
    await serve();
    expect((await client('echo -x --help')).out).toBe('-x --help');
  });

  test.each(['-i', '-d', '--dp', '--str2sec=1d', '--pname=x', '--syslogsocket=auto'])(
    '%s is refused by name',
    async (line) => {
      const { code, err } = await client(`${line} ping`);
      expect(code).toBe(255);
      expect(err).toContain(`option ${line.split('=')[0]} is not implemented; `);
    },
  );

  test.each(['-z', '--nope', '-c', '--timeout=soon', '--json=yes'])('%s is a usage error', async (line) => {
    const { code, out, err } = await client(line);
    expect(code).toBe(255);
    expect(out).toContain('Usage: edgeban-client [OPTIONS] <COMMAND>');
    expect(err).toContain(line.split('=')[0]);
  });

  test('without a command the usage is shown', async () => {
    expect(await client([])).toMatchObject({ code: 255, out: expect.stringContaining('Usage: ') });
  });

  test('-v says which socket', async () => {
    await serve();
    expect((await client('-v ping')).err).toContain(`INFO    Using socket file ${dir}/edgeban.sock`);
  });
});

describe('--json', () => {
  test('status', async () => {
    await serve();
    expect(JSON.parse((await client('--json status')).out)).toEqual({
      number_of_jail: 2,
      jail_list: ['nginx-http-auth', 'sshd'],
    });
    expect(JSON.parse((await client('--json status sshd')).out)).toEqual({
      filter: { currently_failed: 2, total_failed: 5, file_list: ['/var/log/a', '/var/log/b'] },
      actions: { currently_banned: 2, total_banned: 5, banned_ip_list: ['192.0.2.50', '2001:db8::1'] },
    });
    const all = JSON.parse((await client('--json status --all')).out);
    expect(all.jails.sshd.actions.currently_banned).toBe(2);
  });

  test('errors', async () => {
    await serve();
    expect(JSON.parse((await client('--json status nope')).out)).toMatchObject({ error: { code: 'ERR_JAIL_UNKNOWN' } });
    await server?.close();
    expect(JSON.parse((await client('--json ping')).out)).toMatchObject({ error: { reason: 'missing' } });
  });
});

describe('-t', () => {
  const warning = {
    severity: 'warning',
    code: 'ERR_USAGE',
    message: 'odd',
    file: '/etc/edgeban/jail.local',
    line: 7,
    remedy: 'mend it',
  } as const;
  const error = { severity: 'error', code: 'ERR_USAGE', message: 'wrong' } as const;

  test('passes with warnings, and shows them all', async () => {
    expect(await client('-t', { testConfiguration: () => Promise.resolve([warning]) })).toEqual({
      code: 0,
      out: 'OK: configuration test is successful',
      err: '/etc/edgeban/jail.local:7: warning: odd; mend it [ERR_USAGE]',
    });
  });

  test('fails with an error, and still shows all', async () => {
    expect(await client('--test', { testConfiguration: () => Promise.resolve([error, warning]) })).toEqual({
      code: 255,
      out: '',
      err: `error: wrong [ERR_USAGE]\n/etc/edgeban/jail.local:7: warning: odd; mend it [ERR_USAGE]\n${stamp}ERROR: test configuration failed`,
    });
  });

  test('before a command: the command runs only if it passes', async () => {
    const agent = await serve();
    expect((await client('-t reload', { testConfiguration: () => Promise.resolve([error]) })).code).toBe(255);
    expect(agent.reloads).toEqual([]);
    expect(await client('-t reload')).toMatchObject({ code: 0, out: 'OK' });
  });

  test('as JSON', async () => {
    const { out } = await client('-t --json', { testConfiguration: () => Promise.resolve([error]) });
    expect(JSON.parse(out)).toEqual({ ok: false, findings: [error] });
  });
});
