/** The control socket: its permissions, its limits, and who may hang on it. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { request } from '../../host-agent/control/client.ts';
import { type ControlServer, type ControlServerOptions, openControlServer } from '../../host-agent/control/server.ts';
import { soon } from '../world/wait.ts';

let dir: string;
let path: string;
const open: ControlServer[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-control-'));
  path = join(dir, 'run', 'edgeban.sock');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
  rmSync(dir, { recursive: true, force: true });
});

async function serve(options: Partial<ControlServerOptions> = {}): Promise<ControlServer> {
  const server = await openControlServer({ path, answer: (words) => words, ...options });
  open.push(server);
  return server;
}

function raw(): Promise<{ socket: Socket; closed: Promise<string> }> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    const closed = new Promise<string>((done) => socket.on('close', () => done(text)));
    socket.on('error', reject);
    socket.on('connect', () => resolve({ socket, closed }));
  });
}

/** A socket file whose process is gone. */
async function leaveStaleSocket(): Promise<void> {
  mkdirSync(join(dir, 'run'), { recursive: true });
  const { spawnSync } = await import('node:child_process');
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', code]);
  if (!existsSync(path)) throw new Error('no stale socket was left');
}

describe('the socket', () => {
  test('is private, and its folder is made', async () => {
    await serve();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(path).isSocket()).toBe(true);
  });

  test('does not change the umask of the process', async () => {
    const before = process.umask();
    await serve();
    expect(process.umask()).toBe(before);
  });

  test('is removed at close', async () => {
    const server = await serve();
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test('replaces a stale one', async () => {
    await leaveStaleSocket();
    await serve();
    expect(await request(path, ['ping'], { timeout: 30 })).toEqual({ ok: ['ping'] });
  });

  test('a live one is refused and goes on', async () => {
    await serve();
    await expect(serve()).rejects.toMatchObject({ code: 'ERR_CONTROL_RUNNING' });
    expect(await request(path, ['x'], { timeout: 30 })).toEqual({ ok: ['x'] });
  });

  test.each(['file', 'directory', 'link'])('a %s in its place is left alone', async (kind) => {
    mkdirSync(join(dir, 'run'));
    if (kind === 'file') writeFileSync(path, 'precious');
    if (kind === 'directory') mkdirSync(path);
    if (kind === 'link') symlinkSync('/nowhere', path);
    await expect(serve()).rejects.toMatchObject({ code: 'ERR_CONTROL_SOCKET', file: path });
    if (kind !== 'link') expect(existsSync(path)).toBe(true);
  });

  test('a folder that cannot be made is named', async () => {
    path = join(dir, 'a', 'b', 'c.sock');
    await expect(serve()).rejects.toMatchObject({ code: 'ERR_CONTROL_SOCKET', file: path });
  });
});

describe('requests', () => {
  test('several on one connection are answered in order, also when sent ahead', async () => {
    await serve({ answer: (words) => new Promise((done) => setImmediate(() => done(words))) });
    const { socket, closed } = await raw();
    socket.end('["a"]\n["b","c"]\n["d"]\n');
    expect(await closed).toBe('{"ok":["a"]}\n{"ok":["b","c"]}\n{"ok":["d"]}\n');
  });

  test('one that comes in pieces, even inside a character', async () => {
    await serve();
    const { socket, closed } = await raw();
    const bytes = Buffer.from('["é€"]\n');
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await new Promise((done) => setImmediate(done));
    }
    socket.end();
    expect(await closed).toBe('{"ok":["é€"]}\n');
  });

  test.each([
    ['["a"\n', 'not JSON'],
    ['[]\n', '1 to 200000'],
    ['["a",1]\n', 'JSON string'],
  ])('%j is refused and the next one is served', async (line, why) => {
    await serve();
    const { socket, closed } = await raw();
    socket.end(`${line}["next"]\n`);
    const [first, second] = (await closed).split('\n');
    expect(JSON.parse(first ?? '')).toMatchObject({
      error: { code: 'ERR_CONTROL_PROTOCOL', message: expect.stringContaining(why) },
    });
    expect(second).toBe('{"ok":["next"]}');
  });

  test.each(['\x16\x03\x01', '{"a":1}\n', 'GET / HTTP/1.1\r\n'])(
    'another protocol (%j) is told so and hung up on',
    async (text) => {
      await serve();
      const { socket, closed } = await raw();
      socket.write(Buffer.from(text, 'latin1'));
      expect(JSON.parse(await closed)).toMatchObject({ error: { code: 'ERR_CONTROL_PROTOCOL' } });
    },
  );

  test('a huge one is refused without being kept', async () => {
    await serve({ limits: { request_bytes_max: 1000 } });
    const { socket, closed } = await raw();
    socket.write(`["${'x'.repeat(2000)}`);
    expect(JSON.parse(await closed)).toMatchObject({
      error: { code: 'ERR_CONTROL_PROTOCOL', message: 'a message is longer than 1000 bytes' },
    });
  });

  test('50,000 addresses fit', async () => {
    const ids = Array.from({ length: 50_000 }, (_, i) => `2001:db8:ffff:ffff:ffff:ffff:ffff:${i.toString(16)}`);
    await serve({ answer: (words) => words.length });
    expect(await request(path, ['set', 'sshd', 'banip', ...ids], { timeout: 30 })).toEqual({ ok: 50_003 });
  });

  test('too many sent ahead are refused', async () => {
    await serve({
      answer: () => new Promise<null>(() => undefined),
      limits: { requests_ahead_max: 3, closing_seconds_max: 0.05 },
    });
    const { socket, closed } = await raw();
    socket.write('["a"]\n'.repeat(9));
    expect(await closed).toContain('too many requests');
  });
});

describe('time', () => {
  test('a request that does not end is cut off', async () => {
    await serve({ limits: { request_seconds_max: 0.05 } });
    const { socket, closed } = await raw();
    const drip = setInterval(() => socket.write('['), 10);
    expect(await closed).toBe('');
    clearInterval(drip);
  });

  test('an idle connection is ended', async () => {
    await serve({ limits: { idle_seconds_max: 0.05 } });
    const { closed } = await raw();
    expect(await closed).toBe('');
  });

  test('a connection that waits for a long command is not idle', async () => {
    await serve({
      answer: () => new Promise((done) => setTimeout(() => done('late'), 2_000)),
      // a busy machine may be that late with the request itself
      limits: { idle_seconds_max: 1 },
    });
    expect(await request(path, ['reload'], { timeout: 30 })).toEqual({ ok: 'late' });
  });

  test('a client that does not read its answer is let go', async () => {
    const limits = { idle_seconds_max: 0.05, connections_max: 1 };
    await serve({ answer: ([word]) => (word === 'big' ? 'x'.repeat(20_000_000) : 'ok'), limits });
    const { socket, closed } = await raw();
    socket.write('["big"]\n');
    socket.pause();
    await vi.waitFor(async () => expect(await request(path, ['next'], { timeout: 30 })).toEqual({ ok: 'ok' }), soon);
    socket.resume();
    expect((await closed).length).toBeLessThan(20_000_000);
  });

  test('the client gives up on a daemon that hangs', async () => {
    await serve({ answer: () => new Promise<null>(() => undefined), limits: { closing_seconds_max: 0.05 } });
    await expect(request(path, ['ping'], { timeout: 0.05 })).rejects.toMatchObject({ reason: 'silent' });
  });
});

describe('faults', () => {
  test('more connections than allowed are told so', async () => {
    await serve({ limits: { connections_max: 1 } });
    const first = await raw();
    const second = await raw();
    expect(JSON.parse(await second.closed)).toMatchObject({ error: { code: 'ERR_CONTROL_SOCKET' } });
    first.socket.end('["still"]\n');
    expect(await first.closed).toBe('{"ok":["still"]}\n');
  });

  test('a bug of ours is not told to the client, but to the log', async () => {
    const faults: unknown[] = [];
    const bug = new TypeError('secret detail');
    await serve({
      answer: () => {
        throw bug;
      },
      fault: (error) => faults.push(error),
    });
    expect(await request(path, ['x'], { timeout: 30 })).toMatchObject({
      error: { code: 'ERR_INTERNAL', message: 'internal error, see the log' },
    });
    expect(faults).toEqual([bug]);
  });

  test('close lets an answer on its way go out', async () => {
    let answer: (value: string) => void = () => undefined;
    let asked: () => void = () => undefined;
    const waiting = new Promise<void>((done) => {
      asked = done;
    });
    const server = await serve({
      answer: () => {
        asked();
        return new Promise<string>((done) => {
          answer = done;
        });
      },
    });
    const reply = request(path, ['stop'], { timeout: 30 });
    await waiting;
    const closed = server.close();
    answer('done');
    expect(await reply).toEqual({ ok: 'done' });
    await closed;
  });

  test('the client tells a missing socket from a dead one and from one that hangs up', async () => {
    await expect(request(path, ['ping'], { timeout: 30 })).rejects.toMatchObject({ reason: 'missing' });
    await leaveStaleSocket();
    await expect(request(path, ['ping'], { timeout: 30 })).rejects.toMatchObject({
      reason: 'dead',
      detail: '[Errno 111] Connection refused',
    });
    rmSync(path);
    const rude = createServer((socket) => socket.destroy()).listen(path);
    await expect(request(path, ['ping'], { timeout: 30 })).rejects.toMatchObject({ reason: 'silent' });
    rude.close();
  });
});
