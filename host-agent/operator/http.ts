/** One HTTP request of the operator's programs: bounded in time and size, no redirects, its answer as text. */
import { Agent, request } from 'undici';
import { EdgebanError } from '../../shared/errors.ts';

export const operatorLimits = {
  connect_seconds_max: 10,
  request_seconds_max: 20,
  answer_bytes_max: 8 * 1024 * 1024,
} as const;

export interface Asked {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  /** The bearer token; null: none. */
  readonly token: string | null;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  /** Seconds that the other side asks us to wait. */
  readonly retryAfter: number | null;
  /** The other side's clock (Date), in Unix seconds. */
  readonly date: number | null;
}

const agent = new Agent({
  connect: { timeout: operatorLimits.connect_seconds_max * 1000 },
  pipelining: 1,
  connections: 4,
  // a program that has done its work ends
  keepAliveTimeout: 1000,
});

/** Throws ERR_EDGE_UNREACHABLE or ERR_EDGE_TIMEOUT with the origin, never with a token. */
export async function exchange({ method, url, token, body }: Asked): Promise<Answered> {
  const deadline = AbortSignal.timeout(operatorLimits.request_seconds_max * 1000);
  const headers = {
    accept: 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  try {
    const sent = { method, headers, signal: deadline, dispatcher: agent, body: bodyText(body) };
    const answer = await request(url, sent);
    const text = await readText(answer.body);
    const header = (name: string) => [answer.headers[name]].flat()[0];
    return { status: answer.statusCode, text, ...timesOf(header('retry-after'), header('date')) };
  } catch (error) {
    throw networkError(url, error, deadline.aborted);
  }
}

function bodyText(body: unknown): string | null {
  return body === undefined ? null : JSON.stringify(body);
}

function timesOf(retryAfter: string | undefined, date: string | undefined): Pick<Answered, 'retryAfter' | 'date'> {
  const at = Date.parse(date ?? '') / 1000;
  return {
    retryAfter: retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : null,
    date: Number.isFinite(at) ? at : null,
  };
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > operatorLimits.answer_bytes_max) throw new Error('the answer is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function networkError(url: string, error: unknown, isLate: boolean): EdgebanError {
  const { origin } = new URL(url);
  if (isLate) return new EdgebanError('ERR_EDGE_TIMEOUT', `${origin} did not answer in time`, { cause: error });
  const reason = error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : '';
  return new EdgebanError('ERR_EDGE_UNREACHABLE', `${origin} cannot be reached: ${reason}`, { cause: error });
}
