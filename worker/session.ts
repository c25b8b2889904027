/** The operator's session in a browser: a signed cookie, and the proof that a request comes from the dashboard itself. */
import { z } from 'zod';
import { EdgebanError } from '../shared/errors.ts';
import type { UnixTime } from '../shared/time.ts';
import { fromBase64url, isToken, randomText, toBase64url } from './auth.ts';

export const sessionLimits = {
  /** How long a login holds, in seconds. */
  session_life: 12 * 3_600,
  cookie_length_max: 1_000,
} as const;

/** `__Host-`: of this host alone, for all paths, never without encryption (RFC 6265bis). */
const cookieName = '__Host-edgeban';
const attributes = 'Path=/; HttpOnly; Secure; SameSite=Strict';

const Claims = z.strictObject({ id: z.string(), name: z.string(), until: z.number() });
export type Claims = z.infer<typeof Claims>;

/** One who has logged in, and what proves that a request is the dashboard's. */
export interface BrowserSession extends Claims {
  readonly csrf: string;
}

/** `secret`: the operator's token; whoever changes it ends all sessions. */
export async function newSession(secret: string, name: string, now: UnixTime) {
  const claims = { id: randomText(16), name, until: Math.floor(now) + sessionLimits.session_life };
  const payload = toBase64url(new TextEncoder().encode(JSON.stringify(claims)));
  const cookie = `${cookieName}=${payload}.${await sign(secret, `session ${payload}`)}`;
  const session: BrowserSession = { ...claims, csrf: await csrfOf(secret, claims.id) };
  return { session, cookie: `${cookie}; Max-Age=${sessionLimits.session_life}; ${attributes}` };
}

/** What takes the cookie out of the browser. */
export const noCookie = `${cookieName}=; Max-Age=0; ${attributes}`;

/** Null: the request has no cookie of ours. Throws ERR_AUTH_SESSION for one that is forged, or over. */
export async function readSession(request: Request, secret: string, now: UnixTime): Promise<BrowserSession | null> {
  const value = cookieOf(request.headers.get('cookie') ?? '');
  if (value === null) return null;
  const [payload = '', signature = ''] = value.split('.');
  if (!(await isSigned(secret, `session ${payload}`, signature))) throw over('the session is not one of ours');
  const claims = Claims.parse(JSON.parse(new TextDecoder().decode(fromBase64url(payload))));
  if (claims.until <= now) throw over('the session has ended');
  return { ...claims, csrf: await csrfOf(secret, claims.id) };
}

/**
 * What a browser sends by itself is no proof of what its user wants: a request that changes something must bear the
 * session's own secret, and none that opens a line or changes something may come from another site. Throws ERR_AUTH_CSRF.
 */
export async function checkOrigin(request: Request, { csrf }: BrowserSession): Promise<void> {
  refuseForeign(request);
  if (/^(GET|HEAD)$/.test(request.method)) return;
  const given = request.headers.get('edgeban-csrf') ?? '';
  if (!(await isToken(given, csrf)))
    throw new EdgebanError('ERR_AUTH_CSRF', 'the header edgeban-csrf is missing or wrong');
}

/** Throws ERR_AUTH_CSRF for a request that a page of another site has made. */
export function refuseForeign(request: Request): void {
  const origin = request.headers.get('origin');
  const site = request.headers.get('sec-fetch-site') ?? 'same-origin';
  const isOwn = origin === null || origin === new URL(request.url).origin;
  if (isOwn && /^(same-origin|none)$/.test(site)) return;
  throw new EdgebanError('ERR_AUTH_CSRF', 'the request was made by another site');
}

function cookieOf(header: string): string | null {
  const found = header.split(/; */).find((part) => part.startsWith(`${cookieName}=`));
  const value = found?.slice(cookieName.length + 1) ?? '';
  return value === '' || value.length > sessionLimits.cookie_length_max ? null : value;
}

function over(message: string): EdgebanError {
  return new EdgebanError('ERR_AUTH_SESSION', `${message}: log in again`);
}

function csrfOf(secret: string, id: string): Promise<string> {
  return sign(secret, `csrf ${id}`);
}

async function sign(secret: string, text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', await keyOf(secret), encode(text))));
}

async function isSigned(secret: string, text: string, signature: string): Promise<boolean> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(signature)) return false;
  return crypto.subtle.verify('HMAC', await keyOf(secret), fromBase64url(signature), encode(text));
}

/** Derived, so that nothing that is signed with it says anything of the token. */
async function keyOf(secret: string): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey('raw', encode(secret), 'HKDF', false, ['deriveKey']);
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: encode('edgeban'), info: encode('dashboard session v1') };
  return crypto.subtle.deriveKey(derivation, base, { name: 'HMAC', hash: 'SHA-256', length: 256 }, false, [
    'sign',
    'verify',
  ]);
}

function encode(text: string) {
  return new TextEncoder().encode(text);
}
