/** The gate as visitors meet it: workerd between a client and a real origin, and what goes through has to go through unchanged. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeBanList } from '../../worker/ban-list.ts';
import { makeRealWorker, type RealWorker } from './real-worker.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const file = randomBytes(300_000);
let folder: string;
let origin: Server;
let gate: RealWorker;
let url: URL;
const seen: IncomingMessage[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edgeban-gate-'));
  origin = createServer((asked, answer) => {
    seen.push(asked);
    const path = asked.url ?? '';
    if (path === '/echo') {
      // as it comes, not when it is whole
      answer.writeHead(200, { 'content-type': 'application/octet-stream' });
      asked.pipe(answer);
    } else if (path === '/digest') {
      const hash = createHash('sha256');
      asked.on('data', (part: Buffer) => hash.update(part));
      asked.on('end', () => answer.end(hash.digest('hex')));
    } else if (path === '/file') serveFile(asked, answer);
    else if (path === '/moved')
      answer.writeHead(302, { location: '/there?a=1', 'set-cookie': ['a=1; Path=/', 'b=2; HttpOnly'] }).end();
    else answer.writeHead(418, 'Teapot', { 'x-one': 'kept', etag: '"e"' }).end('short and stout');
  });
  origin.on('upgrade', echoFrames);
  origin.listen(0, '127.0.0.2');
  await once(origin, 'listening');
  const address = origin.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const settings = () => ({ ENFORCEMENT: 'gate', OPERATOR_TOKEN: 'operator-token-0123456789' });
  gate = await makeRealWorker(folder, { settings, upstream: `127.0.0.2:${port}` });
  await gate.start();
  url = new URL(gate.url);
});

afterAll(async () => {
  await gate.kill();
  origin.closeAllConnections();
  origin.close();
  rmSync(folder, { recursive: true, force: true });
});

function serveFile(asked: IncomingMessage, answer: ServerResponse): void {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? '') ?? [];
  const whole = { 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' };
  if (from === undefined || to === undefined) {
    answer.writeHead(200, { ...whole, 'content-length': file.length });
    answer.end(asked.method === 'HEAD' ? undefined : file);
    return;
  }
  const part = file.subarray(Number(from), Number(to) + 1);
  const range = `bytes ${from}-${to}/${file.length}`;
  answer.writeHead(206, { ...whole, 'content-range': range, 'content-length': part.length }).end(part);
}

/** The least of a WebSocket server: takes the handshake, and sends each short text back with its letters turned around. */
function echoFrames(asked: IncomingMessage, socket: Duplex): void {
  seen.push(asked);
  const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = createHash('sha1').update(`${asked.headers['sec-websocket-key']}${guid}`).digest('base64');
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write([...lines, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  socket.on('error', () => undefined);
  socket.on('data', (frame: Buffer) => {
    if ((frame[0] ?? 0) % 16 !== 1) return void socket.end();
    const length = (frame[1] ?? 0) % 128;
    const mask = frame.subarray(2, 6);
    const text = frame.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
    socket.write(Buffer.concat([Buffer.from([0x81, length]), Buffer.from(text).reverse()]));
  });
}

/** As the ledger would, into the KV that workerd keeps on the disk. */
function putSnapshot(bytes: Uint8Array): void {
  const file = join(folder, 'snapshot');
  writeFileSync(file, bytes);
  const where = ['--local', '--persist-to', join(folder, 'state'), '--config', join(checkout, 'wrangler.toml')];
  const words = [join(checkout, 'node_modules/wrangler/bin/wrangler.js'), 'kv', 'key', 'put', ...where];
  execFileSync(process.execPath, [...words, '--binding', 'BANS', 'bans', '--path', file], {
    env: { PATH: process.env['PATH'], HOME: join(folder, 'home'), CI: 'true', WRANGLER_SEND_METRICS: 'false' },
    stdio: 'ignore',
  });
}

const ask = (path: string, init: RequestInit = {}) => fetch(new URL(path, url), { redirect: 'manual', ...init });

it('an answer goes through as it is: status, headers, redirects, cookies', async () => {
  const answer = await ask('/tea?a=1&b=%20', { headers: { cookie: 'x=y', 'x-mine': 'kept', 'accept-language': 'de' } });
  expect([answer.status, answer.headers.get('x-one'), answer.headers.get('etag')]).toEqual([418, 'kept', '"e"']);
  expect(await answer.text()).toBe('short and stout');
  const asked = seen.at(-1);
  expect(asked?.url).toBe('/tea?a=1&b=%20');
  expect(asked?.headers).toMatchObject({ cookie: 'x=y', 'x-mine': 'kept', 'accept-language': 'de' });
  const moved = await ask('/moved');
  expect([moved.status, moved.headers.get('location')]).toEqual([302, '/there?a=1']);
  expect(moved.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; HttpOnly']);
});

it('HEAD and Range are the origin’s to answer', async () => {
  const head = await ask('/file', { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '300000', '']);
  const part = await ask('/file', { headers: { range: 'bytes=100000-100099' } });
  expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100000-100099/300000']);
  expect(Buffer.from(await part.arrayBuffer()).equals(file.subarray(100_000, 100_100))).toBe(true);
});

it('a big upload arrives whole', async () => {
  const body = randomBytes(32 * 1024 * 1024);
  const answer = await ask('/digest', { method: 'PUT', body });
  expect(await answer.text()).toBe(createHash('sha256').update(body).digest('hex'));
});

it('bodies stream both ways: each piece comes back before the next one is sent', async () => {
  const asked = request(new URL('/echo', url), { method: 'POST' });
  const began = once(asked, 'response');
  asked.write('piece 0;');
  const [answer]: IncomingMessage[] = await began;
  if (answer === undefined) throw new Error('no answer');
  for (let piece = 0; piece < 5; piece++) {
    const [part] = await once(answer, 'data');
    expect(String(part)).toBe(`piece ${piece};`);
    if (piece < 4) asked.write(`piece ${piece + 1};`);
  }
  asked.end();
  await once(answer, 'end');
});

it('a WebSocket talks both ways, and closes', async () => {
  const socket = new WebSocket(new URL('/ws', url.href.replace(/^http/, 'ws')));
  await once(socket, 'open');
  for (const text of ['hello', 'again']) {
    const heard = once(socket, 'message');
    socket.send(text);
    const [event] = await heard;
    expect(event.data).toBe([...text].reverse().join(''));
  }
  const closed = once(socket, 'close');
  socket.close();
  await closed;
});

it('who is banned gets none of it, once the snapshot is there', async () => {
  const bans = ['127.0.0.1', '::1'].map((address) => ({ address, action: 'block' as const, until: null }));
  await gate.kill();
  putSnapshot(encodeBanList(bans, 1, Date.now() / 1000));
  await gate.start();
  const before = seen.length;
  for (const path of ['/tea', '/file', '/echo']) {
    const answer = await ask(path);
    expect([answer.status, answer.headers.get('edgeban-reason')]).toEqual([403, 'block 127.0.0.1']);
  }
  expect(seen.length).toBe(before);
});
