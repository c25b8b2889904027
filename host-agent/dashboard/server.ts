/** Serves the dashboard's page and its answers on loopback, to who has the link, and to no page of another site. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { z } from 'zod';
import { EdgebanError, type ErrorCode, errorCodes } from '../../shared/errors.ts';
import { type Act, BansQuery, SeriesQuery, type Session, SessionRequest, viewLimits } from '../../shared/view.ts';
import { type HostSession, type HostSessions, isSame } from './sessions.ts';
import type { HostViews } from './views.ts';

export const serverLimits = {
  connections_max: 64,
  body_bytes_max: 16 * 1024,
  request_ms_max: 10_000,
  url_chars_max: 2_000,
} as const;

export interface ServerParts {
  readonly views: HostViews;
  readonly sessions: HostSessions;
  readonly live: {
    open(response: ServerResponse, headers: Readonly<Record<string, string>>): Promise<boolean>;
    tellAct(act: Act): void;
  };
  readonly page: { readonly html: string; readonly policy: string };
  readonly version: string;
  /** As browsers name this server: `name.localhost:8472`. Another name is somebody's trick (DNS rebinding). */
  readonly host: () => string;
  readonly now: () => number;
}

const common = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const Ban = z.object({ address: z.string().min(1).max(200), bantime: z.number(), jail: z.string().min(1).max(64) });
const Allow = z.object({ address: z.string().min(1).max(200), note: z.string().max(200).default('') });
const ActsQuery = z.object({
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(viewLimits.rows_max).default(100),
});

export function openServer(parts: ServerParts): Server {
  const server = createServer({ requestTimeout: serverLimits.request_ms_max }, (request, response) => {
    answer(parts, request, response).catch((error: unknown) => refuse(response, error));
  });
  server.maxConnections = serverLimits.connections_max;
  return server;
}

async function answer(parts: ServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', headers } = request;
  const url = new URL((request.url ?? '/').slice(0, serverLimits.url_chars_max), 'http://localhost');
  refuseForeign(parts, request);
  if (method === 'GET' && url.pathname === '/login') return enter(parts, url.searchParams.get('token') ?? '', response);
  if (method === 'GET' && url.pathname === '/') {
    const { html, policy } = parts.page;
    return send(response, 200, html, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy });
  }
  if (method === 'POST' && url.pathname === '/v1/session') return await logIn(parts, request, response);
  if (!url.pathname.startsWith('/v1/')) throw new EdgebanError('ERR_ROUTE', `${method} ${url.pathname}`);
  const session = parts.sessions.find(headers.cookie ?? '', parts.now());
  if (session === null)
    throw new EdgebanError('ERR_AUTH_SESSION', 'there is no session: open a link from the terminal');
  if (method === 'GET') return await look(parts, session, url, response);
  if (!isSame(String(headers['edgeban-csrf'] ?? ''), session.csrf))
    throw new EdgebanError('ERR_AUTH_CSRF', 'the header edgeban-csrf is missing or wrong');
  if (method === 'DELETE' && url.pathname === '/v1/session')
    return send(response, 204, '', { 'set-cookie': parts.sessions.logout(headers.cookie ?? '') });
  const act = await doAct(parts, session.who, method, url.pathname, () => readJson(request));
  if (act === null) throw new EdgebanError('ERR_ALLOWED_UNKNOWN', 'it was not allowed here');
  parts.live.tellAct(act);
  json(response, act);
}

/** A name that leads here is not enough: it must be the one that was shown, and the page must be this one. */
function refuseForeign({ host }: ServerParts, { headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'] ?? 'none';
  const isOwn = headers.origin === undefined || headers.origin === `http://${host()}`;
  if (headers.host === host() && isOwn && (site === 'same-origin' || site === 'none')) return;
  throw new EdgebanError('ERR_AUTH_CSRF', 'the request was made by another site, or by another name');
}

function enter({ sessions, now }: ServerParts, token: string, response: ServerResponse): void {
  const entered = sessions.login(token, '', now());
  if (entered === null) throw new EdgebanError('ERR_AUTH_OPERATOR', 'this link was used already: take the newest one');
  send(response, 303, '', { location: '/', 'set-cookie': entered.cookie });
}

async function logIn(parts: ServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { token, name } = parse(SessionRequest, await readJson(request));
  const entered = parts.sessions.login(token, name, parts.now());
  if (entered === null) throw new EdgebanError('ERR_AUTH_OPERATOR', 'not the token that the terminal shows now');
  json(response, await viewSession(parts, entered.session), { 'set-cookie': entered.cookie });
}

async function viewSession({ views, version }: ServerParts, { who, until, csrf }: HostSession): Promise<Session> {
  const own = { serves: 'host', name: hostname(), version, live: 'events' } as const;
  const jails = await views.jails();
  return { ...own, who, csrf, expires_at: until, acts: ['ban', 'unban', 'allow', 'disallow'], jails };
}

async function look(parts: ServerParts, session: HostSession, url: URL, response: ServerResponse): Promise<void> {
  const { views, live } = parts;
  const query = Object.fromEntries(url.searchParams);
  const story = /^\/v1\/view\/story\/([^/]{1,600})$/.exec(url.pathname)?.[1];
  if (story !== undefined) return json(response, await views.story(decoded(story)));
  switch (url.pathname) {
    case '/v1/session':
      return json(response, await viewSession(parts, session));
    case '/v1/view/summary':
      return json(response, await views.summary());
    case '/v1/view/series':
      return json(response, views.series(parse(SeriesQuery, query)));
    case '/v1/view/top':
      return json(response, await views.top());
    case '/v1/view/bans':
      return json(response, await views.bans(parse(BansQuery, query)));
    case '/v1/view/allowed':
      return json(response, await views.allowed());
    case '/v1/view/acts': {
      const { before, limit } = parse(ActsQuery, query);
      return json(response, views.acts({ before: before ?? null, limit }));
    }
    case '/v1/view/live':
      if (await live.open(response, common)) return;
      throw new EdgebanError('ERR_CONTROL_SOCKET', 'too many pages listen');
    default:
      throw new EdgebanError('ERR_ROUTE', `GET ${url.pathname}`);
  }
}

/** Null: there is nothing to be undone. */
async function doAct({ views }: ServerParts, who: string, method: string, path: string, body: () => Promise<unknown>) {
  const [, room, address] = /^\/v1\/(bans|allow)(?:\/([^/]{1,600}))?$/.exec(path) ?? [];
  if (method === 'POST' && room === 'bans' && address === undefined)
    return await views.ban(who, parse(Ban, await body()));
  if (method === 'DELETE' && room === 'bans' && address !== undefined) return await views.unban(who, decoded(address));
  if (method === 'POST' && room === 'allow' && address === undefined) {
    const asked = parse(Allow, await body());
    return await views.allow(who, asked.address, asked.note);
  }
  if (method === 'DELETE' && room === 'allow' && address !== undefined)
    return await views.disallow(who, decoded(address));
  throw new EdgebanError('ERR_ROUTE', `${method} ${path}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new EdgebanError('ERR_REQUEST_INVALID', 'the path is not UTF-8');
  }
}

function parse<T extends z.ZodType>(shape: T, value: unknown): z.infer<T> {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new EdgebanError('ERR_REQUEST_INVALID', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as asked'}`);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    const chunk = Buffer.from(part);
    bytes += chunk.length;
    if (bytes > serverLimits.body_bytes_max) throw new EdgebanError('ERR_BODY_TOO_LARGE', 'the body is too large');
    parts.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new EdgebanError('ERR_REQUEST_INVALID', 'the body is not JSON');
  }
}

function json(response: ServerResponse, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  send(response, 200, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
}

function send(response: ServerResponse, status: number, text: string, headers: Readonly<Record<string, string>>): void {
  response.writeHead(status, { ...common, ...headers }).end(text);
}

function refuse(response: ServerResponse, error: unknown): void {
  if (!(error instanceof EdgebanError)) console.error(error);
  const code: ErrorCode = error instanceof EdgebanError ? error.code : 'ERR_INTERNAL';
  const { status, title } = errorCodes[code];
  const detail = error instanceof EdgebanError ? error.message : 'the request failed; the terminal says why';
  if (response.headersSent) return void response.destroy();
  const problem = { type: `urn:edgeban:error:${code}`, title, status, detail, code };
  // what was not read of a body must not be taken for the next request
  send(response, status, JSON.stringify(problem), { 'content-type': 'application/problem+json', connection: 'close' });
}
