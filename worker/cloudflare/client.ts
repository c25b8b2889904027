/** A small client of Cloudflare's API: bearer token, envelope, limits of time and size, failures with our codes. */

import { z } from 'zod';
import { type Envelope, readEnvelope, reasonText, redactToken } from '../../shared/cloudflare-answer.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Fetch } from './contract.ts';
import { CloudflareFailure, failureOf, readRetryAfter } from './failure.ts';

export const clientLimits = {
  answer_bytes_max: 4 * 1024 * 1024,
  message_length_max: 300,
} as const;

export interface ClientParts {
  readonly base: string;
  readonly token: string;
  readonly fetch: Fetch;
  readonly timeout_ms: number;
  /** Called before each request; what it throws stops the request. */
  readonly beforeCall: () => void;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the base, with its query; ids in it come from settings or from Cloudflare. */
  readonly path: string;
  readonly body?: unknown;
}

export interface Answer<T> {
  readonly result: T;
  /** Cursor of the next page; null on the last. */
  readonly after: string | null;
  /** Where results come in numbered pages: what Cloudflare says of this one. */
  readonly page: PageInfo;
}

export interface PageInfo {
  readonly per_page: number | null;
  readonly total_count: number | null;
}

export interface Client {
  /** Throws CloudflareFailure for anything but `success: true` with a result of this shape. */
  call<T>(call: Call, shape: z.ZodType<T>): Promise<Answer<T>>;
}

export function createClient(parts: ClientParts): Client {
  async function call<T>(asked: Call, shape: z.ZodType<T>): Promise<Answer<T>> {
    parts.beforeCall();
    const { response, text } = await exchange(parts, asked);
    const envelope = readEnvelope(text);
    if (!response.ok || envelope?.success !== true) throw refusal(parts.token, asked, response, envelope);
    const result = shape.safeParse(envelope.result);
    if (!result.success) throw unreadable(asked, z.prettifyError(result.error));
    const { cursors, per_page = null, total_count = null } = envelope.result_info ?? {};
    return { result: result.data, after: cursors?.after || null, page: { per_page, total_count } };
  }
  return { call };
}

/** Sends the request and reads the whole answer within the time and size allowed. */
async function exchange(parts: ClientParts, asked: Call): Promise<{ response: Response; text: string }> {
  try {
    // called bare: workerd's fetch refuses to be another object's method
    const { fetch } = parts;
    const response = await fetch(`${parts.base}${asked.path}`, requestInit(parts, asked));
    return { response, text: await readBounded(response) };
  } catch (error) {
    if (error instanceof CloudflareFailure) throw error;
    const why = redactToken(messageOf(error), parts.token);
    const message = `${label(asked)}: ${why}`;
    throw new CloudflareFailure('ERR_CLOUDFLARE_UNREACHABLE', message, { outcome: 'unknown', retryAfter: null });
  }
}

function requestInit(parts: ClientParts, asked: Call): RequestInit {
  const headers: Record<string, string> = { authorization: `Bearer ${parts.token}`, accept: 'application/json' };
  const signal = AbortSignal.timeout(parts.timeout_ms);
  // a redirect would carry the token to wherever it points
  const init: RequestInit = { method: asked.method, headers, signal, redirect: 'manual' };
  if (asked.body === undefined) return init;
  headers['content-type'] = 'application/json';
  return { ...init, body: JSON.stringify(asked.body) };
}

async function readBounded(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let size = 0;
  let text = '';
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > clientLimits.answer_bytes_max) throw new Error('the answer is too large');
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function refusal(token: string, asked: Call, response: Response, envelope: Envelope | null): CloudflareFailure {
  const errors = envelope?.errors ?? [];
  // a refusal has a reason or at least a status: anything else is no answer to what was asked
  if (response.status < 400 && errors.length === 0)
    return unreadable(asked, `no answer of the usual form (HTTP ${response.status})`);
  return failureOf({
    status: response.status,
    codes: errors.map(({ code }) => code),
    message: reasonText(label(asked), envelope, token).slice(0, clientLimits.message_length_max),
    retryAfter: readRetryAfter(response.headers.get('retry-after')),
  });
}

function unreadable(asked: Call, why: string): CloudflareFailure {
  const message = `${label(asked)}: ${why}`.slice(0, clientLimits.message_length_max);
  return new CloudflareFailure('ERR_CLOUDFLARE_ANSWER', message, { outcome: 'unknown', retryAfter: null });
}

/** What was asked, without its query. */
function label(asked: Call): string {
  return `${asked.method} ${asked.path.replace(/\?.*/, '')}`;
}
