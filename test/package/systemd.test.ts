/** What the daemon tells systemd, and that the compiled part sends it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadNotify, type Notify, openSupervisor } from '../../host-agent/system/systemd.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));

describe('a supervisor', () => {
  const told: string[] = [];
  const warned: string[] = [];
  const open = (
    env: Record<string, string>,
    notify: Notify | null = (address, text) => told.push(`${address} ${text}`),
  ) => openSupervisor({ env, pid: 42, notify, warn: (text) => warned.push(text) });

  beforeEach(() => {
    told.length = 0;
    warned.length = 0;
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  it('is told when the daemon is ready, reloads and stops', () => {
    const supervisor = open({ NOTIFY_SOCKET: '/s' });
    supervisor.ready();
    supervisor.reloading();
    supervisor.stopping();
    expect(told.map((text) => text.split('\n')[0])).toEqual(['/s READY=1', '/s RELOADING=1', '/s STOPPING=1']);
    vi.advanceTimersByTime(600_000);
    expect(told.length).toBe(3);
  });

  it('gets a sign of life twice in the time that it waits, until the end', () => {
    const supervisor = open({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '42' });
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual(['/s WATCHDOG=1', '/s WATCHDOG=1']);
    supervisor.close();
    vi.advanceTimersByTime(60_000);
    expect(told.length).toBe(2);
  });

  it('gets none for another process, or for a time that is none', () => {
    open({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '60000000', WATCHDOG_PID: '43' });
    open({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '0' });
    open({ WATCHDOG_USEC: '60000000' });
    vi.advanceTimersByTime(600_000);
    expect(told).toEqual([]);
  });

  it('that cannot be told is no reason to stop: it is said once', () => {
    const supervisor = open({ NOTIFY_SOCKET: '/s' }, () => {
      throw new Error('gone');
    });
    supervisor.ready();
    supervisor.stopping();
    expect(warned).toEqual(['systemd cannot be told: gone']);
    open({ NOTIFY_SOCKET: '/s' }, null);
    expect(warned.at(-1)).toMatch(/sd-notify\.node is not there/);
  });
});

describe('the compiled part', () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-notify-'));
  const addon = join(folder, 'sd-notify.node');
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is missing in a checkout, which is no error', () => expect(loadNotify(pathToFileURL(addon))).toBe(null));

  it('sends datagrams, and throws where nobody listens', async (context) => {
    const headers = join(checkout, `node_modules/node-linux-${process.arch}/include/node`);
    if (spawnSync('gcc', ['--version']).error !== undefined || !existsSync(headers)) context.skip('needs gcc');
    const place = mkdtempSync(join(tmpdir(), 'edgeban-notify-'));
    try {
      const file = join(place, 'sd-notify.node');
      const source = join(checkout, 'host-agent/debian/native/sd-notify.c');
      execFileSync('gcc', ['-D_GNU_SOURCE', '-shared', '-fPIC', `-I${headers}`, source, '-o', file]);
      const notify = loadNotify(pathToFileURL(file));
      const socket = join(place, 'socket');
      expect(() => notify?.(socket, 'READY=1')).toThrow(/No such file/);
      expect(() => notify?.(`/${'x'.repeat(200)}`, 'READY=1')).toThrow(/too long/);
      const listen =
        'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nprint("bound",flush=True)\nprint(s.recv(99).decode(),flush=True)';
      const listener = spawn('python3', ['-c', listen, socket]);
      let said = '';
      // a line may come in pieces
      for await (const chunk of listener.stdout.setEncoding('utf8')) {
        said += String(chunk);
        if (said === 'bound\n') notify?.(socket, 'READY=1\nSTATUS=é');
      }
      expect(said).toBe('bound\nREADY=1\nSTATUS=é\n');
    } finally {
      rmSync(place, { recursive: true });
    }
  });
});
