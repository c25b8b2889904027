/** A Worker in a few lines of node:http, to be unkind to the link: it cuts, stalls, refuses, forgets. */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  EnrollRequest,
  EventBatch,
  type FeedChange,
  type FeedPage,
  signedHeaders,
  signedText,
} from '../../shared/wire.ts';

export const ledger = '0198c0de-0000-7000-8000-000000000001';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

/** `cut`: the connection dies without an answer. `stall`: no answer ever. */
export type Weather = Answer | 'cut' | 'cut-after' | 'stall' | null;

export interface FakeWorker {
  readonly url: string;
  /** What the next requests of a kind meet; empty is fair weather. */
  readonly weather: { readonly events: Weather[]; readonly feed: Weather[]; readonly live: Weather[] };
  /** Taken in, by number. */
  readonly taken: Map<number, unknown>;
  /** Every batch as it came, refused ones included. */
  readonly batches: EventBatch[];
  readonly requests: { readonly method: string; readonly path: string }[];
  /** Why a signature was not believed, ever. */
  readonly lies: string[];
  key: KeyObject | null;
  /** A key that never comes back, as it is enrolled. */
  revoked: string | null;
  acked: number;
  refuse: (event: unknown) => boolean;
  readonly changes: FeedChange[];
  readonly sockets: Set<Duplex>;
  /** Answers pings? */
  pongs: boolean;
  /** Adds a change and tells all listeners. */
  tell(change: Omit<FeedChange, 'cursor'>): void;
  cutAll(): void;
  close(): Promise<void>;
}

export function problem(status: number, code: string, more: object = {}): Answer {
  return {
    status,
    body: { type: `urn:edgeban:error:${code}`, title: code, status, detail: `because ${code}`, code, ...more },
  };
}

export async function startFakeWorker(): Promise<FakeWorker> {
  const server = createServer((request, response) => void serve(worker, request, response));
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.on('upgrade', (request, socket) => upgrade(worker, request, socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const worker: FakeWorker = {
    url: `http://127.0.0.1:${port}`,
    weather: { events: [], feed: [], live: [] },
    taken: new Map(),
    batches: [],
    requests: [],
    lies: [],
    key: null,
    revoked: null,
    acked: 0,
    refuse: () => false,
    changes: [],
    sockets: new Set(),
    pongs: true,
    tell: (change) => {
      const cursor = worker.changes.length + 1;
      worker.changes.push({ ...change, cursor });
      for (const socket of worker.sockets) sendPage(socket, pageAfter(worker, cursor - 1));
    },
    cutAll: () => {
      for (const socket of connections) socket.destroy();
    },
    close: async () => {
      for (const socket of connections) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
  return worker;
}

const nonces = new Set<string>();

async function serve(worker: FakeWorker, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const path = request.url ?? '';
  worker.requests.push({ method: request.method ?? '', path });
  const kind = path.startsWith('/v1/events') ? 'events' : 'feed';
  const weather = path === '/v1/enroll' ? null : worker.weather[kind].shift();
  if (weather === 'cut') return void request.socket.destroy();
  if (weather === 'stall') return;
  if (weather !== undefined && weather !== null && weather !== 'cut-after') return reply(response, weather);
  if (path === '/v1/enroll') return reply(response, enroll(worker, body));
  if (!isTrue(worker, request, body)) return reply(response, problem(401, 'ERR_AUTH_SIGNATURE'));
  const answer = kind === 'events' ? takeIn(worker, body) : { status: 200, body: pageAfter(worker, cursorOf(path)) };
  if (weather === 'cut-after') request.socket.destroy();
  else reply(response, answer);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

function reply(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function enroll(worker: FakeWorker, body: string): Answer {
  const parsed = EnrollRequest.safeParse(JSON.parse(body));
  if (!parsed.success) return problem(400, 'ERR_REQUEST_INVALID');
  if (parsed.data.token.startsWith('used')) return problem(403, 'ERR_ENROLL_TOKEN');
  if (parsed.data.key === worker.revoked) return problem(409, 'ERR_ENROLL_TAKEN');
  worker.key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: parsed.data.key }, format: 'jwk' });
  return { status: 200, body: { host: 'h1', ledger } };
}

function isTrue(worker: FakeWorker, request: IncomingMessage, body: string): boolean {
  const header = (name: keyof typeof signedHeaders) => String(request.headers[signedHeaders[name]] ?? '');
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const { method = '', url: path = '' } = request;
  const text = signedText({
    method,
    path,
    host: header('host'),
    time: Number(header('time')),
    nonce: header('nonce'),
    bodyHash,
  });
  const signature = Buffer.from(header('signature'), 'base64url');
  const fresh = !nonces.has(header('nonce'));
  nonces.add(header('nonce'));
  const believed = worker.key !== null && fresh && verify(null, Buffer.from(text), worker.key, signature);
  if (!believed) worker.lies.push(`${method} ${path} ${fresh ? 'signature' : 'nonce used twice'}`);
  return believed;
}

function takeIn(worker: FakeWorker, body: string): Answer {
  if (Buffer.byteLength(body) > 64 * 1024) return problem(413, 'ERR_BODY_TOO_LARGE');
  const batch = EventBatch.parse(JSON.parse(body));
  worker.batches.push(batch);
  if (batch.first > worker.acked + 1) return problem(409, 'ERR_EVENTS_GAP', { expected: worker.acked + 1 });
  const refused: object[] = [];
  for (const [at, event] of batch.events.entries()) {
    const seq = batch.first + at;
    if (worker.refuse(event)) refused.push({ seq, code: 'ERR_GUARD_CLOUDFLARE', message: 'never' });
    else worker.taken.set(seq, event);
    worker.acked = Math.max(worker.acked, seq);
  }
  return { status: 200, body: { stream: batch.stream, acked: worker.acked, refused } };
}

function cursorOf(path: string): number {
  const query = new URL(path, 'http://x').searchParams;
  return query.get('ledger') === ledger ? Number(query.get('cursor')) : -1;
}

/** Pages of two, so that catching up takes several. */
function pageAfter(worker: FakeWorker, cursor: number): FeedPage {
  const from = Math.max(0, cursor);
  const changes = worker.changes.slice(from, from + 2);
  const more = from + 2 < worker.changes.length;
  return { ledger, cursor: from + changes.length, reset: cursor < 0, more, changes };
}

function upgrade(worker: FakeWorker, request: IncomingMessage, socket: Duplex): void {
  const path = request.url ?? '';
  worker.requests.push({ method: 'UPGRADE', path });
  socket.on('error', () => socket.destroy());
  const weather = worker.weather.live.shift();
  if (weather === 'stall') return;
  if (weather !== undefined && weather !== null) return void socket.destroy();
  if (!isTrue(worker, request, '')) return void socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
  shakeHands(request, socket);
  worker.sockets.add(socket);
  socket.on('close', () => worker.sockets.delete(socket));
  // an http server's sockets stay half open otherwise
  socket.on('end', () => socket.destroy());
  socket.on('data', (frame: Buffer) => answerFrame(worker, socket, frame));
  for (let cursor = cursorOf(path); ; ) {
    const page = pageAfter(worker, cursor);
    sendPage(socket, page);
    if (!page.more) break;
    cursor = page.cursor;
  }
}

function shakeHands(request: IncomingMessage, socket: Duplex): void {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
}

/** A ping without payload (0x89) gets its pong; nothing else is looked at. */
function answerFrame(worker: FakeWorker, socket: Duplex, frame: Buffer): void {
  if (frame[0] === 0x89 && worker.pongs) socket.write(Buffer.from([0x8a, 0]));
}

export function sendPage(socket: Duplex, page: unknown): void {
  sendText(socket, JSON.stringify(page));
}

/** One unmasked text frame. */
export function sendText(socket: Duplex, text: string): void {
  const body = Buffer.from(text);
  const head = Buffer.alloc(10);
  head[0] = 0x81;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(body.length), 2);
  socket.write(body.length < 126 ? Buffer.from([0x81, body.length]) : body.length < 65536 ? short(body.length) : head);
  socket.write(body);
}

function short(length: number): Buffer {
  return Buffer.from([0x81, 126, length >> 8, length & 255]);
}
