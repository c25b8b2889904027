/** The gate's challenge: a Turnstile widget, checked at Cloudflare, and a signed cookie for the address that has passed it. */
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { escaped, page } from './pages.ts';

/** A Worker cannot raise Cloudflare's own managed challenge; the widget is the same test on a page of ours. */
export interface TurnstileKeys {
  readonly site: string;
  readonly secret: string;
}

export const challengePath = '/.well-known/edgeban-challenge';
const cookieName = 'edgeban_passed';
/** How long a passed challenge counts. */
const passed_s: Seconds = 1_800;
const siteverify = 'https://challenges.cloudflare.com/turnstile/v0/siteverify';
const siteverify_ms_max = 5_000;
const form_bytes_max = 8_192;
const script = 'https://challenges.cloudflare.com/turnstile/v0/api.js';
const policy =
  "script-src https://challenges.cloudflare.com; frame-src https://challenges.cloudflare.com; form-action 'self'";

/** Null unless both are set. */
export function readKeys(env: { TURNSTILE_SITE_KEY?: string; TURNSTILE_SECRET?: string }): TurnstileKeys | null {
  const site = env.TURNSTILE_SITE_KEY?.trim() ?? '';
  const secret = env.TURNSTILE_SECRET?.trim() ?? '';
  return site === '' || secret === '' ? null : { site, secret };
}

export function challengePage(request: Request, { site }: TurnstileKeys, to = placeOf(request)): Response {
  const body = `<script src="${script}" async defer></script>
<form method="post" action="${challengePath}"><input type="hidden" name="to" value="${escaped(to)}">
<div class="cf-turnstile" data-sitekey="${escaped(site)}"></div><p><button>Continue</button></p></form>`;
  return page(request, { title: 'Are you human?', body, policy });
}

/** What a form is answered: on to where the visitor wanted to go, or the challenge once more. */
export async function challengeAnswer(
  request: Request,
  address: string,
  keys: TurnstileKeys,
  now: UnixTime,
): Promise<Response> {
  const form = new URLSearchParams(await readForm(request));
  const to = localPath(form.get('to') ?? '/');
  const passed = await verify(form.get('cf-turnstile-response') ?? '', address, keys);
  if (!passed) return challengePage(request, keys, to);
  const end = Math.ceil(now) + passed_s;
  const cookie = `${cookieName}=${end}.${await signature(address, end, keys)}`;
  const attributes = `Path=/; Max-Age=${passed_s}; Secure; HttpOnly; SameSite=Lax`;
  return new Response(null, {
    status: 303,
    headers: { location: to, 'set-cookie': `${cookie}; ${attributes}`, 'cache-control': 'private, no-store' },
  });
}

/** Has this address passed a challenge that still counts? */
export async function isCleared(
  request: Request,
  address: string,
  keys: TurnstileKeys,
  now: UnixTime,
): Promise<boolean> {
  const found = new RegExp(`(?:^|;\\s*)${cookieName}=(\\d{1,11})\\.([\\w-]{43})(?:;|$)`).exec(
    request.headers.get('cookie') ?? '',
  );
  const end = Number(found?.[1] ?? 0);
  if (end <= now || end > now + passed_s + 1) return false;
  return equal(found?.[2] ?? '', await signature(address, end, keys));
}

/** A Turnstile that does not answer lets the visitor pass: the gate fails open. */
async function verify(response: string, remoteip: string, { secret }: TurnstileKeys): Promise<boolean> {
  if (response === '') return false;
  try {
    const answer = await fetch(siteverify, {
      method: 'POST',
      body: new URLSearchParams({ secret, response, remoteip }),
      signal: AbortSignal.timeout(siteverify_ms_max),
    });
    if (answer.status >= 500) return true;
    const told: unknown = await answer.json();
    return typeof told === 'object' && told !== null && 'success' in told && told.success === true;
  } catch {
    return true;
  }
}

/** Empty for what no form of ours has sent: an error would open the gate to whoever makes one. */
async function readForm(request: Request): Promise<string> {
  const length = Number(request.headers.get('content-length') ?? Number.NaN);
  if (!(length <= form_bytes_max)) return '';
  return new TextDecoder().decode(await request.arrayBuffer().catch(() => new ArrayBuffer(0)));
}

function placeOf(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return pathname + search;
}

/** Never to another site. */
function localPath(to: string): string {
  return /^\/(?![/\\])[^\s\\]{0,2000}$/.test(to) ? to : '/';
}

async function signature(address: string, end: number, { secret }: TurnstileKeys): Promise<string> {
  const bytes = new TextEncoder();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes.encode(`edgeban gate ${secret}`), algorithm, false, ['sign']);
  const signed = await crypto.subtle.sign('HMAC', key, bytes.encode(`${address}\n${end}`));
  const text = btoa(String.fromCharCode(...new Uint8Array(signed)));
  return text.replace(/[+/=]/g, (char) => ({ '+': '-', '/': '_' })[char] ?? '');
}

/** Of the same length; takes the same time however far they agree. */
function equal(a: string, b: string): boolean {
  const bytes = new TextEncoder();
  return crypto.subtle.timingSafeEqual(bytes.encode(a), bytes.encode(b));
}
