/** The fake Cloudflare API over HTTP: strict at the door, stateful behind it, as unkind as it is told to be. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tokenOf } from './account.ts';
import { type Control, createControl, type Seen } from './control.ts';
import { controlReply } from './control-http.ts';
import { partsOf } from './multipart.ts';
import { settleOperations } from './operations.ts';
import { FakeOptions, type FakeOptionsInput } from './options.ts';
import { granted, Refusal, type Reply, refused } from './reply.ts';
import { findRoute } from './routes.ts';
import type { Fault } from './state.ts';
import { createThrottle, type Throttle } from './throttle.ts';
import { createWorld, type World } from './world.ts';

const base_path = '/client/v4';
export const control_path = '/__fake/';

export interface FakeParts {
  readonly options: FakeOptionsInput;
  /** Where the state is kept; in memory only if null. */
  readonly file: string | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface FakeCloudflare {
  readonly control: Control;
  /** Listens and gives the API's base, `http://…/client/v4`. Port 0 takes a free one. */
  listen(port: number, ip: string): Promise<string>;
  /** Answers without a network in between; what hangs is given up at once. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** A request as it has come. */
interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly type: string;
  readonly body: string;
}

/** What comes of a request: an answer, or none. */
type Outcome = { readonly reply: Reply } | { readonly page: string } | { readonly silence: 'cut' | 'hang' };

/** What answers the requests of one fake. */
interface Desk {
  readonly world: World;
  readonly throttle: Throttle;
  readonly journal: Seen[];
  readonly control: Control;
}

export function createFakeCloudflare(parts: FakeParts): FakeCloudflare {
  const world = createWorld(FakeOptions.parse(parts.options), parts.file, parts.now);
  const journal: Seen[] = [];
  const control = createControl(world, journal);
  const desk: Desk = { world, throttle: createThrottle(world.options.limits, world.now), journal, control };
  const server = createServer((request, response) => {
    respond(desk, request, response).catch(() => response.destroy());
  });

  async function listen(port: number, ip: string): Promise<string> {
    server.listen(port, ip);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}${base_path}`;
  }

  async function close(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async function fetchHere(url: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const asked = {
      method: init.method ?? 'GET',
      url: new URL(url),
      authorization: headers.get('authorization') ?? undefined,
      type: headers.get('content-type') ?? '',
      body: typeof init.body === 'string' ? init.body : '',
    };
    return responseOf(handle(desk, asked));
  }

  return { control, listen, fetch: fetchHere, close };
}

async function respond(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { world, control } = desk;
  const url = new URL(request.url ?? '/', 'http://fake.invalid');
  const body = await readBody(request, world.options.limits.body_bytes_max);
  if (url.pathname.startsWith(control_path)) {
    const reply = controlReply(control, url.pathname.slice(control_path.length), body);
    // before the answer: who has it may kill us at once
    world.save();
    return send(response, reply);
  }
  if (world.state.latency_ms > 0) await new Promise((resolve) => setTimeout(resolve, world.state.latency_ms));
  const { authorization, 'content-type': type = '' } = request.headers;
  const outcome = handle(desk, { method: request.method ?? 'GET', url, authorization, type, body });
  if ('reply' in outcome) return send(response, outcome.reply);
  if ('page' in outcome) return sendHtml(response, outcome.page);
  // or never answers, and leaves it to the other side to give up
  if (outcome.silence === 'cut') response.destroy();
}

function handle(desk: Desk, asked: Asked): Outcome {
  const { world } = desk;
  const fault = takeFault(world, asked.method);
  const reply = fault === null || after(fault) ? answer(desk, asked) : faulty(fault);
  note(desk, asked, reply);
  world.save();
  if (fault !== null && silent(fault)) return { silence: fault.kind.startsWith('cut') ? 'cut' : 'hang' };
  return fault?.kind === 'html-429' ? { page: limited } : { reply };
}

function responseOf(outcome: Outcome): Response {
  if ('silence' in outcome) throw new TypeError(outcome.silence === 'cut' ? 'fetch failed' : 'it hangs');
  if ('page' in outcome) return new Response(outcome.page, { status: 429, headers: pageHeaders });
  const { status, headers, body } = outcome.reply;
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
}

function answer(desk: Desk, asked: Asked): Reply {
  settleOperations(desk.world);
  try {
    return admitted(desk, asked);
  } catch (error) {
    if (error instanceof Refusal) return refused(error);
    throw error;
  }
}

function admitted({ world, throttle }: Desk, asked: Asked): Reply {
  const { method, url, type, body } = asked;
  if (!url.pathname.startsWith(`${base_path}/`)) throw new Refusal(404, 7000, 'No route for that URI');
  const { route, params } = findRoute(world.options, method, url.pathname.slice(base_path.length));
  const query = url.searchParams;
  if (route.scopes === null) return route.run(world, { params, query, body: undefined, parts: null, token: null });
  const token = tokenOf(world, asked.authorization, route.path.endsWith('/verify'));
  throttle.request(token);
  if (route.scopes.length > 0 && !route.scopes.some((scope) => token.scopes.includes(scope))) {
    throw new Refusal(403, 10000, 'Authentication error');
  }
  if (token.zones !== undefined && params['zone'] !== undefined && !token.zones.includes(params['zone'])) {
    throw new Refusal(403, 10000, 'Authentication error');
  }
  const parts = partsOf(type, body);
  const parsed = parts === null ? parseBody(type, body) : undefined;
  if (route.path.endsWith('/items') && method !== 'GET') throttle.change(changes(parsed));
  return route.run(world, { params, query, body: parsed, parts, token });
}

function note({ world, journal }: Desk, { method, url, body }: Asked, reply: Reply): void {
  const codes = reply.body.errors.map(({ code }) => code);
  const path = `${url.pathname.replace(base_path, '')}${url.search}`;
  journal.push({ at_ms: world.now(), method, path, status: reply.status, codes, body: body.slice(0, 2000) });
  if (journal.length > world.options.limits.journal_max) journal.shift();
}

async function readBody(request: IncomingMessage, bytes_max: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > bytes_max) throw new Error('body too large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(type: string, body: string): unknown {
  if (body === '') return undefined;
  if (!/^application\/json\b/.test(type)) throw new Refusal(400, 6003, 'Invalid request headers');
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, 6007, 'Malformed JSON in request body');
  }
}

function changes(body: unknown): number {
  if (Array.isArray(body)) return body.length;
  const { items } = typeof body === 'object' && body !== null && 'items' in body ? body : { items: [] };
  return Array.isArray(items) ? items.length : 0;
}

function takeFault(world: World, method: string): Fault | null {
  const index = world.state.faults.findIndex(({ methods }) => methods.length === 0 || methods.includes(method));
  const fault = world.state.faults[index];
  if (fault === undefined) return null;
  fault.left -= 1;
  if (fault.left <= 0) world.state.faults.splice(index, 1);
  return fault;
}

/** Is the request done, and only its answer spoiled? */
function after(fault: Fault): boolean {
  return fault.kind === 'cut-after' || fault.kind === 'hang-after';
}

function silent(fault: Fault): boolean {
  return fault.kind.startsWith('cut') || fault.kind.startsWith('hang');
}

function faulty(fault: Fault): Reply {
  const headers: Record<string, string> =
    fault.retry_after === null ? {} : { 'retry-after': String(fault.retry_after) };
  if (fault.kind === '429')
    return refused(new Refusal(429, 971, 'Please wait and consider throttling your request speed', headers));
  if (fault.kind === '302')
    return { ...granted(null), status: 302, headers: { location: 'https://elsewhere.invalid/' } };
  if (fault.kind === '400') return refused(new Refusal(400, 10026, 'could not parse request body', headers));
  if (fault.kind === 'false-200')
    return { ...refused(new Refusal(200, 10000, 'Authentication error', headers)), status: 200 };
  if (fault.kind === '503') return refused(new Refusal(503, 10013, 'service temporarily unavailable', headers));
  if (fault.kind === '500') return refused(new Refusal(500, 10013, 'internal server error', headers));
  return granted(null);
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
  response.end(JSON.stringify(reply.body));
}

/** Cloudflare's front door answers in HTML when it limits before the API does. */
const limited = '<!DOCTYPE html><title>Access denied | Error 1015</title>';
const pageHeaders = { 'content-type': 'text/html', 'retry-after': '5' };

function sendHtml(response: ServerResponse, page: string): void {
  response.writeHead(429, pageHeaders);
  response.end(page);
}
