/** Who may look: one link, good for one login, is shown at the terminal; a cookie holds from then on. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { UnixTime } from '../../shared/time.ts';

export const dashboardSessionLimits = {
  session_life_s: 12 * 3_600,
  /** Beyond it the oldest is over. */
  sessions_max: 8,
} as const;

export interface HostSession {
  readonly who: string;
  readonly csrf: string;
  readonly until: UnixTime;
}

const cookieName = 'edgeban';
const attributes = 'Path=/; HttpOnly; SameSite=Strict';

export class HostSessions {
  /** By the cookie's value. */
  readonly #sessions = new Map<string, HostSession>();
  readonly #user: string;
  /** Who logs in makes it worthless: a new one is told. */
  readonly #renewed: (token: string) => void;
  #token = randomText();

  constructor(user: string, renewed: (token: string) => void) {
    this.#user = user;
    this.#renewed = renewed;
  }

  get token(): string {
    return this.#token;
  }

  /** Null: it is not the token that is good now. */
  login(token: string, name: string, now: UnixTime): { readonly session: HostSession; readonly cookie: string } | null {
    if (!isSame(token, this.#token)) return null;
    this.#token = randomText();
    this.#renewed(this.#token);
    const { session_life_s, sessions_max } = dashboardSessionLimits;
    const who = name === '' ? this.#user : `${this.#user} (${name})`;
    const session = { who, csrf: randomText(), until: now + session_life_s };
    const value = randomText();
    this.#sessions.set(value, session);
    const oldest = this.#sessions.keys().next();
    if (this.#sessions.size > sessions_max && oldest.done !== true) this.#sessions.delete(oldest.value);
    return { session, cookie: `${cookieName}=${value}; Max-Age=${session_life_s}; ${attributes}` };
  }

  /** By the header `cookie`; null: there is no session, or no longer. */
  find(header: string, now: UnixTime): HostSession | null {
    const session = this.#sessions.get(valueIn(header));
    return session === undefined || session.until <= now ? null : session;
  }

  /** Returns what takes the cookie out of the browser. */
  logout(header: string): string {
    this.#sessions.delete(valueIn(header));
    return `${cookieName}=; Max-Age=0; ${attributes}`;
  }
}

export function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

function valueIn(header: string): string {
  const found = header.split(/; */).find((part) => part.startsWith(`${cookieName}=`));
  return found?.slice(cookieName.length + 1) ?? '';
}

function randomText(): string {
  return randomBytes(24).toString('base64url');
}
