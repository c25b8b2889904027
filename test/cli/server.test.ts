/** The program edgeban-server: its options, pid file and end. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runClient } from '../../host-agent/cli/client.ts';
import type { HostPorts, ServeOptions } from '../../host-agent/cli/ports.ts';
import { runServer } from '../../host-agent/cli/server.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { fakePorts, fakeTerminal } from './fake-ports.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-server-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function server(line: string, changes: Partial<HostPorts> = {}) {
  const terminal = fakeTerminal();
  const code = await runServer(line.split(' '), fakePorts(dir, changes), terminal);
  return { code, out: terminal.stdout.join('\n'), err: terminal.stderr.join('\n') };
}

/** A real daemon's stand-in: a control socket over fake jails, in a process of its own. */
function daemonCommand(): readonly string[] {
  return [process.execPath, fileURLToPath(new URL('./fake-daemon.ts', import.meta.url))];
}

describe('-f', () => {
  test('serves with the settings of the command line over those of the files, and has a pid file meanwhile', async () => {
    const seen: ServeOptions[] = [];
    const pids: string[] = [];
    const serve = (options: ServeOptions) => {
      seen.push(options);
      options.ready();
      pids.push(readFileSync(options.settings.pidfile, 'utf8'));
      return Promise.resolve();
    };
    const line = `-f -c /etc/x -p ${dir}/run/x.pid --logtarget STDOUT --loglevel=DEBUG --dbfile None --pname mine start`;
    expect(await server(line, { serve })).toEqual({ code: 0, out: 'Server ready', err: '' });
    expect(seen[0]).toMatchObject({
      configDir: '/etc/x',
      processName: 'mine',
      settings: {
        socket: `${dir}/edgeban.sock`,
        pidfile: `${dir}/run/x.pid`,
        logtarget: 'STDOUT',
        loglevel: 'DEBUG',
        dbfile: 'None',
      },
    });
    expect(pids).toEqual(['895\n']);
    expect(existsSync(`${dir}/run/x.pid`)).toBe(false);
  });

  test("the client's start serves, too: it must not leave a daemon in the background", async () => {
    const serve = (options: ServeOptions) => {
      options.ready();
      return Promise.resolve();
    };
    const terminal = fakeTerminal();
    expect(await runClient(['-f', 'start'], fakePorts(dir, { serve }), terminal)).toBe(0);
    expect(terminal.stdout).toEqual(['Server ready']);
    expect(existsSync(`${dir}/edgeban.pid`)).toBe(false);
  });

  test("a start that fails leaves another daemon's pid file alone", async () => {
    writeFileSync(`${dir}/edgeban.pid`, '77\n');
    const serve = () => Promise.reject(new EdgebanError('ERR_CONTROL_RUNNING', 'Server already running'));
    const { code, err } = await server('-f', { serve });
    expect(code).toBe(255);
    expect(err).toContain('ERROR   Server already running');
    expect(readFileSync(`${dir}/edgeban.pid`, 'utf8')).toBe('77\n');
  });

  test('the pid file does not follow a link', async () => {
    symlinkSync(`${dir}/victim`, `${dir}/edgeban.pid`);
    const serve = (options: ServeOptions) => {
      options.ready();
      return Promise.resolve();
    };
    expect((await server('-f', { serve })).err).toContain('the pid file cannot be written');
    expect(existsSync(`${dir}/victim`)).toBe(false);
  });
});

describe('in the background', () => {
  test('start waits until the server answers, stop and restart work on it', async () => {
    const ports = { serverCommand: daemonCommand() };
    expect(await server('start', ports)).toEqual({ code: 0, out: 'Server ready', err: '' });
    const terminal = fakeTerminal();
    expect(await runClient(['restart'], fakePorts(dir, ports), terminal)).toBe(0);
    expect(terminal.stdout).toEqual(['Shutdown successful', 'Server ready']);
    expect(await server('ping', ports)).toMatchObject({ code: 0, out: 'Server replied: pong' });
    expect(await server('stop', ports)).toMatchObject({ code: 0, out: 'Shutdown successful' });
  });

  test('restart of what systemd runs is left to systemd', async () => {
    const asked: string[] = [];
    const restartService = (unit: string) => Promise.resolve(asked.push(unit) === 1 ? null : 'Job failed.');
    const ports = { serviceOf: () => Promise.resolve('edgeban.service'), restartService };
    const [first, second] = [fakeTerminal(), fakeTerminal()];
    expect(await runClient(['restart'], fakePorts(dir, ports), first)).toBe(0);
    expect([first.stdout, asked]).toEqual([['Shutdown successful', 'Server ready'], ['edgeban.service']]);
    expect(await runClient(['restart'], fakePorts(dir, ports), second)).toBe(255);
    expect(second.stderr.join()).toContain('Job failed.');
  });

  test('--async does not wait', async () => {
    expect(await server('-b --async', { serverCommand: ['/bin/true'] })).toEqual({ code: 0, out: '', err: '' });
    expect((await server('-f --async')).code).toBe(255);
  });

  test('a server that never answers is not waited for without end', async () => {
    const { code, err } = await server('--timeout 0.2', { serverCommand: ['/bin/sleep', '1'] });
    expect(code).toBe(255);
    expect(err).toContain('Could not');
  });
});
