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
  const reply = await fetch(path, { ...init, method, headers, credentials: 'same-origin', cache: 'no-store' });
  if (reply.ok) return reply;
  throw await refusal(reply);
}

async function refusal(reply: Response): Promise<Refused> {
  const wait = reply.headers.get('retry-after');
  const later = wait === null ? '' : ` Try again in ${wait} s.`;
  try {
    const { code, detail } = await reply.json();
    return new Refused(reply.status, String(code), `${String(detail)}.${later}`);
  } catch {
    return new Refused(reply.status, 'ERR_INTERNAL', `the server answered ${reply.status}.${later}`);
  }
}
