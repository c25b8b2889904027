/** The mode `gate`: the Worker on a route before the origin refuses or challenges who is banned, and lets all else through untouched. */
import type { UnixTime } from '../../shared/time.ts';
import { challengeAnswer, challengePage, challengePath, isCleared, readKeys, type TurnstileKeys } from './challenge.ts';
import { blockPage } from './pages.ts';
import { type Refused, refusedBy } from './refused.ts';
import { SnapshotCache, type SnapshotReader } from './snapshot-cache.ts';

/** What the gate needs of the Worker's environment; it reads no other setting, so that a wrong one cannot shut a site. */
export interface GateEnv {
  readonly BANS: SnapshotReader;
  readonly ENFORCEMENT?: string;
  readonly API_HOSTNAME?: string;
  readonly TURNSTILE_SITE_KEY?: string;
  readonly TURNSTILE_SECRET?: string;
}

/** What the platform gives a request. */
interface GateContext {
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
}

/**
 * Is the request one for a site behind the gate? The API is at workers.dev, at what API_HOSTNAME names, and on the machine of
 * who develops; there the gate never looks at anything.
 */
export function isGated(hostname: string, env: GateEnv): boolean {
  if (env.ENFORCEMENT?.trim() !== 'gate') return false;
  const own = env.API_HOSTNAME?.trim().toLowerCase();
  return !(
    hostname === own ||
    hostname.endsWith('.workers.dev') ||
    /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(hostname)
  );
}

/** One for an isolate. */
export class Gate {
  readonly #cache = new SnapshotCache();

  /** Fails open: what goes wrong here sends the visitor on to the origin. */
  async pass(request: Request, env: GateEnv, context: GateContext): Promise<Response> {
    context.passThroughOnException();
    const answer = await this.#answer(request, env, context).catch(() => null);
    return answer ?? fetch(request);
  }

  /** Null: the origin answers. */
  async #answer(request: Request, env: GateEnv, context: GateContext): Promise<Response | null> {
    const now = Date.now() / 1000;
    const list = await this.#cache.current(env.BANS, now, (refresh) => context.waitUntil(refresh));
    const refused = list === null ? null : refusedBy(list, request.headers, now);
    if (refused === null) return null;
    const keys = readKeys(env);
    // without Turnstile a ban is still a ban
    if (refused.action === 'block' || keys === null) return withReason(blockPage(request), refused);
    return challenged(request, refused, keys, now);
  }
}

async function challenged(
  request: Request,
  refused: Refused,
  keys: TurnstileKeys,
  now: UnixTime,
): Promise<Response | null> {
  const { address } = refused;
  const { pathname } = new URL(request.url);
  if (request.method === 'POST' && pathname === challengePath)
    return withReason(await challengeAnswer(request, address, keys, now), refused);
  // a preflight has no cookies: the request after it has
  if (request.method === 'OPTIONS' || (await isCleared(request, address, keys, now))) return null;
  return withReason(challengePage(request, keys), refused);
}

/** `edgeban explain ADDRESS` on a host, or `GET /v1/bans/ADDRESS`, tells who banned it and why. */
function withReason(response: Response, { action, address }: Refused): Response {
  response.headers.set('edgeban-reason', `${action} ${address}`);
  return response;
}
