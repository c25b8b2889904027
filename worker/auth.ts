/** Who is speaking: a host by its Ed25519 signature over method, path, time, nonce and body; the operator by a bearer token. */
import { formatPrefix, parseAddress } from '../shared/address.ts';
import { EdgebanError } from '../shared/errors.ts';
import { type SignedParts, signedHeaders, signedText, versionHeader, wireLimits } from '../shared/wire.ts';

/** A signed request as received: nothing of it is believed before checkSignature. */
export interface SignedRequest extends SignedParts {
  /** Ed25519, 64 bytes in base64url. */
  readonly signature: string;
  /** The address from which it came, as Cloudflare says; null where there is no Cloudflare in front. */
  readonly place: string | null;
  /** Which edgeban the host says that it runs; not signed. */
  readonly version: string | null;
}

const shapes = {
  host: /^[A-Za-z0-9._-]{1,64}$/,
  time: /^[0-9]{1,11}$/,
  nonce: /^[A-Za-z0-9_-]{22}$/,
  signature: /^[A-Za-z0-9_-]{86}$/,
} as const;

/** The signed parts of a request; throws ERR_AUTH_MISSING if a header is absent or out of shape. */
export function readSigned(request: Request, bodyHash: string): SignedRequest {
  const header = (name: keyof typeof shapes) => {
    const value = request.headers.get(signedHeaders[name]) ?? '';
    if (shapes[name].test(value)) return value;
    throw new EdgebanError('ERR_AUTH_MISSING', `header ${signedHeaders[name]} is missing or out of shape`);
  };
  const { pathname, search } = new URL(request.url);
  return {
    method: request.method,
    path: pathname + search,
    host: header('host'),
    time: Number(header('time')),
    nonce: header('nonce'),
    bodyHash,
    signature: header('signature'),
    place: placeOf(request.headers.get('cf-connecting-ip')),
    version: /^[\w.+-]{1,32}$/.exec(request.headers.get(versionHeader) ?? '')?.[0] ?? null,
  };
}

/** The sender's address in canonical form: Cloudflare sets the header itself, whatever the sender wrote there. */
export function placeOf(header: string | null | undefined): string | null {
  const address = parseAddress(header ?? '');
  return address === null ? null : formatPrefix(address);
}

/** Throws ERR_AUTH_STALE if the request's clock is off by more than the window; both in Unix seconds. */
export function checkClock(time: number, now: number): void {
  const off = Math.round(time - now);
  if (Math.abs(off) <= wireLimits.clock_skew_max) return;
  throw new EdgebanError('ERR_AUTH_STALE', `the request's time is ${Math.abs(off)} s ${off < 0 ? 'behind' : 'ahead'}`, {
    remedy: 'set the clock of the host (timedatectl set-ntp true)',
  });
}

/** `key`: the host's public key in base64url. Throws ERR_AUTH_SIGNATURE unless the signature is that key's. */
export async function checkSignature(request: SignedRequest, key: string): Promise<void> {
  const text = new TextEncoder().encode(signedText(request));
  const signature = fromBase64url(request.signature);
  if (await crypto.subtle.verify('Ed25519', await importKey(key), signature, text)) return;
  throw new EdgebanError('ERR_AUTH_SIGNATURE', 'the signature does not fit the request');
}

/**
 * Throws ERR_AUTH_OPERATOR unless `authorization` is `Bearer <one of the tokens>`; takes the same time however far they
 * agree.
 */
export async function checkBearer(authorization: string | undefined, ...tokens: readonly string[]): Promise<void> {
  if (await isToken(/^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '', ...tokens)) return;
  throw new EdgebanError('ERR_AUTH_OPERATOR', "the operator's token is missing or wrong");
}

/** Is it one of the tokens? Takes the same time however far they agree. */
export async function isToken(given: string, ...tokens: readonly string[]): Promise<boolean> {
  const [hash, ...wanted] = await Promise.all([given, ...tokens].map(digest));
  return wanted.filter((token) => hash !== undefined && crypto.subtle.timingSafeEqual(hash, token)).length > 0;
}

/** SHA-256 in lower-case hex. */
export async function sha256(bytes: Uint8Array | string): Promise<string> {
  const hash = new Uint8Array(await digest(bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `bytes` random bytes in base64url. */
export function randomText(bytes: number): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(bytes)));
}

export function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (char) => ({ '+': '-', '/': '_' })[char] ?? '');
}

function digest(bytes: Uint8Array | string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
}

function importKey(key: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', fromBase64url(key), 'Ed25519', false, ['verify']);
}

/** Throws for what is not base64url. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replace(/[-_]/g, (char) => (char === '-' ? '+' : '/')));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
