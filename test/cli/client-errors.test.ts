/** What the client prints and returns when something is wrong. */
import { chmodSync, linkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EdgebanError } from '../../shared/errors.ts';
import { fakeAgent } from '../control/fake-agent.ts';
import { stamp, useClient } from './client-bench.ts';

const { serve, client, dir, closeServer } = useClient();

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
    const message = `${stamp}Failed to access socket path: ${dir()}/edgeban.sock. Is fail2ban running?`;
    expect(await client('status')).toEqual({ code: 255, out: '', err: message });
    expect(await client('ping')).toEqual({ code: 255, out: '', err: message });
    expect(await client('reload')).toEqual({ code: 255, out: '', err: `${stamp}Could not find server` });
  });

  test('a dead socket', async () => {
    const stale = createServer();
    await new Promise<void>((done) => stale.listen(join(dir(), 'real.sock'), done));
    linkSync(join(dir(), 'real.sock'), join(dir(), 'edgeban.sock'));
    await new Promise((done) => stale.close(done));
    const err = `${stamp}[[Errno 111] Connection refused] Unable to contact server. Is it running?`;
    expect(await client('status')).toEqual({ code: 255, out: '', err });
    expect(await client('ping')).toEqual({ code: 255, out: '', err: `${stamp}[Errno 111] Connection refused` });
  });

  test('a socket that is not ours', async (ctx) => {
    if (process.getuid?.() !== 0) return ctx.skip('needs root, to become another user');
    await serve();
    chmodSync(dir(), 0o755);
    process.seteuid?.(65534);
    try {
      const err = `${stamp}Permission denied to socket: ${dir()}/edgeban.sock, (you must be root)`;
      expect(await client('status')).toEqual({ code: 255, out: '', err });
    } finally {
      process.seteuid?.(0);
    }
  });

  test('a server that is not ours', async () => {
    const other = createServer((socket) => socket.end('220 mail ready\r\n')).listen(join(dir(), 'edgeban.sock'));
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
    writeFileSync(join(dir(), 'dies'), '#!/bin/sh\necho "no such thing" >&2\nexit 255\n', { mode: 0o755 });
    const { code, err } = await client('start', { serverCommand: [join(dir(), 'dies')] });
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
    const socket = join(dir(), 'edgeban.sock');
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
    expect((await client('-v ping')).err).toContain(`INFO    Using socket file ${dir()}/edgeban.sock`);
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
    await closeServer();
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
