/** Requests to whoever serves the page: the session, the views, and acts that bear the session's secret. */
import type {
  Acts,
  AddressStory,
  AllowedRows,
  BanRows,
  Enforcement,
  Hosts,
  Series,
  Session,
  Summary,
  Top,
} from '../shared/view.ts';

interface Views {
  summary: Summary;
  series: Series;
  top: Top;
  bans: BanRows;
  hosts: Hosts;
  enforcement: Enforcement;
  allowed: AllowedRows;
  acts: Acts;
  story: AddressStory;
}
export type ViewName = keyof Views;
export type View<K extends ViewName> = Views[K];

/** What was answered instead of what was asked for. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** There is no session, or no longer. */
  get isLoggedOut(): boolean {
    return this.status === 401;
  }
}

/** Somebody before the server, such as Cloudflare Access, wants a login of its own: only a page that is loaded anew gets there. */
export class Intercepted extends Error {
  constructor() {
    super('somebody before the dashboard, such as Cloudflare Access, asks for a login: load the page again');
  }
}

export async function logIn(token: string, name: string): Promise<Session> {
  const reply = await send('POST', '/v1/session', { body: JSON.stringify({ token, name }) });
  const session: Session = await reply.json();
  return session;
}

/** Null: nobody is logged in. */
export async function findSession(): Promise<Session | null> {
  try {
    const session: Session = await (await send('GET', '/v1/session', {})).json();
    return session;
  } catch (error) {
    if (error instanceof Refused && error.isLoggedOut) return null;
    throw error;
  }
}

/** `rest`: what follows the view's name in its path, encoded; `query`: what is empty is left out. */
export async function look<K extends ViewName>(
  view: K,
  query: Readonly<Record<string, string | number>> = {},
  rest = '',
  signal?: AbortSignal,
): Promise<View<K>> {
  const given = Object.entries(query).flatMap(([name, value]) => (value === '' ? [] : [[name, String(value)]]));
  const text = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
  const reply = await send('GET', `/v1/view/${view}${rest}${text}`, signal === undefined ? {} : { signal });
  const found: View<K> = await reply.json();
  return found;
}

/** Changes something; the answer does not matter but for its failure. */
export async function act(session: Session, method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  await send(method, path, { ...sent, headers: { 'edgeban-csrf': session.csrf } });
}

async function send(method: string, path: string, init: RequestInit): Promise<Response> {
  const headers = { ...(init.body == null ? {} : { 'content-type': 'application/json' }), ...init.headers };
  const own = { credentials: 'same-origin', cache: 'no-store', redirect: 'manual' } as const;
  const reply = await fetch(path, { ...init, method, headers, ...own });
  // nothing here answers by leading elsewhere
  if (reply.type === 'opaqueredirect') throw new Intercepted();
  if (reply.ok) return reply;
  throw await refusal(reply);
}

async function refusal(reply: Response): Promise<Refused | Intercepted> {
  const wait = reply.headers.get('retry-after');
  const later = wait === null ? '' : ` Try again in ${wait} s.`;
  try {
    const { code, detail } = await reply.json();
    return new Refused(reply.status, String(code), `${String(detail)}.${later}`);
  } catch {
    // who serves this page says by JSON why
    if (reply.status === 401 || reply.status === 403) return new Intercepted();
    return new Refused(reply.status, 'ERR_INTERNAL', `the server answered ${reply.status}.${later}`);
  }
}
