/** Test hosts: keys, signed requests, batches, and the operator's calls, against the Worker in this isolate. */
import { runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { afterEach, beforeEach, vi } from 'vitest';
import {
  EnrollReply,
  EventReceipt,
  FeedPage,
  Problem,
  signedHeaders,
  signedText,
  type ToldEvent,
} from '../../shared/wire.ts';
import { randomText, sha256 } from '../../worker/auth.ts';
import type { Ledger } from '../../worker/ledger.ts';

export const base = 'https://edgeban.test';

/** What is counted by the day is not to meet a midnight: for the tests of this group the clock stands at noon. */
export function atNoon(): void {
  const day_ms = 86_400_000;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: Math.floor(Date.now() / day_ms) * day_ms + day_ms / 2 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

export interface TestHost {
  readonly id: string;
  readonly ledger: string;
  readonly pair: CryptoKeyPair;
}

export type Reply = { readonly status: number; readonly body: unknown; readonly headers: Headers };

export function call(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(new Request(base + path, init));
}

export async function read(response: Response): Promise<Reply> {
  const text = await response.text();
  const body: unknown = text === '' ? null : JSON.parse(text);
  return { status: response.status, body, headers: response.headers };
}

export async function operator(method: string, path: string, body?: unknown): Promise<Reply> {
  const headers = { authorization: `Bearer ${env.OPERATOR_TOKEN}`, 'content-type': 'application/json' };
  return read(await call(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
}

export async function newKey(): Promise<{ pair: CryptoKeyPair; key: string }> {
  const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  if (!('privateKey' in pair)) throw new Error('no pair');
  const raw = await crypto.subtle.exportKey('raw', pair.publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new Error('no raw key');
  return { pair, key: base64url(new Uint8Array(raw)) };
}

export async function newToken(): Promise<string> {
  const { body } = await operator('POST', '/v1/enroll-tokens');
  if (typeof body === 'object' && body !== null && 'token' in body && typeof body.token === 'string') return body.token;
  throw new Error(`no token: ${JSON.stringify(body)}`);
}

export function enroll(token: string, name: string, key: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return call('/v1/enroll', { method: 'POST', headers, body: JSON.stringify({ token, name, key }) });
}

export async function newHost(name: string): Promise<TestHost> {
  const { pair, key } = await newKey();
  const { body } = await read(await enroll(await newToken(), name, key));
  const { host, ledger } = EnrollReply.parse(body);
  return { id: host, ledger, pair };
}

/** What a test may get wrong on purpose. */
export interface Signing {
  readonly host?: string;
  readonly time?: number;
  readonly nonce?: string;
  readonly signedBody?: string;
  readonly signedPath?: string;
}

export async function sign(
  host: TestHost,
  method: string,
  path: string,
  body: string,
  wrong: Signing = {},
): Promise<Headers> {
  const time = wrong.time ?? Math.floor(Date.now() / 1000);
  const nonce = wrong.nonce ?? randomText(16);
  const id = wrong.host ?? host.id;
  const bodyHash = await sha256(wrong.signedBody ?? body);
  const text = signedText({ method, path: wrong.signedPath ?? path, host: id, time, nonce, bodyHash });
  const signature = await crypto.subtle.sign('Ed25519', host.pair.privateKey, new TextEncoder().encode(text));
  return new Headers({
    [signedHeaders.host]: id,
    [signedHeaders.time]: String(time),
    [signedHeaders.nonce]: nonce,
    [signedHeaders.signature]: base64url(new Uint8Array(signature)),
  });
}

export async function signed(
  host: TestHost,
  method: string,
  path: string,
  body = '',
  wrong: Signing = {},
): Promise<Reply> {
  for (;;) {
    const headers = await sign(host, method, path, body, wrong);
    const reply = await read(await call(path, { method, headers, ...(body === '' ? {} : { body }) }));
    // as hosts do: a ledger that has just woken takes what is signed in a later second
    if (reply.status !== 503 || wrong.time !== undefined) return reply;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const streams = new Map<string, { stream: string; next: number }>();

export function streamOf(host: TestHost): { stream: string; next: number } {
  const known = streams.get(host.id) ?? { stream: crypto.randomUUID(), next: 1 };
  streams.set(host.id, known);
  return known;
}

/** Sends the next events of the host's stream. */
export async function tell(host: TestHost, ...events: readonly unknown[]): Promise<EventReceipt> {
  const state = streamOf(host);
  const reply = await batch(host, state.stream, state.next, events);
  if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
  const receipt = EventReceipt.parse(reply.body);
  state.next = receipt.acked + 1;
  return receipt;
}

export function batch(host: TestHost, stream: string, first: number, events: readonly unknown[]): Promise<Reply> {
  return signed(host, 'POST', '/v1/events', JSON.stringify({ stream, first, events }));
}

export function ban(address: string, changes: Partial<Extract<ToldEvent, { kind: 'ban' }>> = {}): ToldEvent {
  const at = Date.now() / 1000;
  return { kind: 'ban', jail: 'sshd', address, at, until: at + 3600, failures: 5, count: 1, ...changes };
}

export function unban(address: string, jail = 'sshd'): ToldEvent {
  return { kind: 'unban', jail, address, at: Date.now() / 1000 };
}

export async function feed(host: TestHost, query: string): Promise<FeedPage> {
  const { body } = await signed(host, 'GET', `/v1/feed${query}`);
  return FeedPage.parse(body);
}

export function codeOf(reply: Reply): string {
  return Problem.parse(reply.body).code;
}

export function ledgerStub(): DurableObjectStub<Ledger> {
  return env.LEDGER.getByName('main');
}

/** Runs `body` on the ledger's own SQLite. */
export function withSql<T>(body: (sql: SqlStorage) => T): Promise<T> {
  return runInDurableObject(ledgerStub(), (_ledger: Ledger, state: DurableObjectState) => body(state.storage.sql));
}

export function withState<T>(body: (state: DurableObjectState) => Promise<T>): Promise<T> {
  return runInDurableObject(ledgerStub(), (_ledger: Ledger, state: DurableObjectState) => body(state));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
