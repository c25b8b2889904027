/** Requests to the Worker: signed, bounded in size and time, every answer checked. */
import { Agent, type Dispatcher, request } from 'undici';
import type { z } from 'zod';
import { AlertsPage } from '../../shared/alerts.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { EdgeAbility, EdgeStory, EnrollReply, type EnrollRequest, EventReceipt, FeedPage } from '../../shared/wire.ts';
import type { EdgeWorld, FeedPlace } from './ports.ts';
import { EdgeRefusal } from './refusal.ts';
import { type Identity, signRequest } from './sign.ts';

export interface ClientLimits {
  readonly connect_seconds_max: number;
  /** The whole of a request, from sending to the last byte of the answer. */
  readonly request_seconds_max: number;
  readonly answer_bytes_max: number;
}

export const clientLimits: ClientLimits = {
  connect_seconds_max: 10,
  request_seconds_max: 20,
  answer_bytes_max: 1024 * 1024,
};

const paths = {
  enroll: '/v1/enroll',
  events: '/v1/events',
  feed: '/v1/feed',
  explain: '/v1/explain',
  ability: '/v1/ability',
  alerts: '/v1/alerts',
} as const;

export interface ClientOptions {
  /** The Worker's origin (workerOrigin). */
  readonly url: string;
  readonly world: EdgeWorld;
  readonly limits?: Partial<ClientLimits>;
}

/** One Worker, as one host speaks to it. All methods throw EdgebanError: ERR_EDGE_UNREACHABLE, _TIMEOUT, _REPLY, or EdgeRefusal. */
export class EdgeClient {
  readonly url: string;
  readonly #identity: Identity;
  readonly #world: EdgeWorld;
  readonly #limits: ClientLimits;
  readonly #dispatcher: Agent;

  constructor(options: ClientOptions & { readonly identity: Identity }) {
    this.url = options.url;
    this.#identity = options.identity;
    this.#world = options.world;
    this.#limits = { ...clientLimits, ...options.limits };
    this.#dispatcher = newAgent(this.#limits);
  }

  /** `batch`: an EventBatch as JSON text, its events already in it. */
  async postEvents(batch: string, signal: AbortSignal): Promise<EventReceipt> {
    return check(EventReceipt, await this.#send('POST', paths.events, batch, signal));
  }

  async feedPage(place: FeedPlace, signal: AbortSignal): Promise<FeedPage> {
    return check(FeedPage, await this.#send('GET', feedPath(place), '', signal));
  }

  /** Where an address (canonical) stands at the edge. */
  async explain(address: string, signal: AbortSignal): Promise<EdgeStory> {
    return check(EdgeStory, await this.#send('GET', `${paths.explain}/${encodeURIComponent(address)}`, '', signal));
  }

  async ability(signal: AbortSignal): Promise<EdgeAbility> {
    return check(EdgeAbility, await this.#send('GET', paths.ability, '', signal));
  }

  /** What has begun or ended to be wrong at the edge, after a number; null: what is wrong now. */
  async alerts(after: number | null, signal: AbortSignal): Promise<AlertsPage> {
    const query = after === null ? '' : `?after=${after}`;
    return check(AlertsPage, await this.#send('GET', `${paths.alerts}${query}`, '', signal));
  }

  /** For the live feed's handshake. */
  signFeed(place: FeedPlace): { readonly url: string; readonly headers: Record<string, string> } {
    const path = feedPath(place);
    const headers = signRequest(this.#identity, { method: 'GET', path, body: '' }, this.#world.now());
    return { url: `${this.url.replace(/^http/, 'ws')}${path}`, headers };
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #send(method: 'GET' | 'POST', path: string, body: string, signal: AbortSignal): Promise<string> {
    const headers = signRequest(this.#identity, { method, path, body }, this.#world.now());
    return await exchange(this.url + path, { method, headers, body, signal }, this.#limits, this.#dispatcher);
  }
}

/** Enrols a key with a one-time token. */
export async function postEnroll(options: ClientOptions, enrolment: EnrollRequest): Promise<EnrollReply> {
  const limits = { ...clientLimits, ...options.limits };
  const dispatcher = newAgent(limits);
  try {
    const sent = {
      method: 'POST',
      headers: {},
      body: JSON.stringify(enrolment),
      signal: new AbortController().signal,
    } as const;
    return check(EnrollReply, await exchange(options.url + paths.enroll, sent, limits, dispatcher));
  } finally {
    await dispatcher.destroy();
  }
}

/** One signed request of a host, outside of the link. Throws as EdgeClient's do. */
export async function postSigned(
  options: ClientOptions & { readonly identity: Identity },
  path: string,
  body: string,
): Promise<string> {
  const limits = { ...clientLimits, ...options.limits };
  const dispatcher = newAgent(limits);
  try {
    const headers = signRequest(options.identity, { method: 'POST', path, body }, options.world.now());
    const sent = { method: 'POST', headers, body, signal: new AbortController().signal } as const;
    return await exchange(options.url + path, sent, limits, dispatcher);
  } finally {
    await dispatcher.destroy();
  }
}

function feedPath({ ledger, after, resetting }: FeedPlace): string {
  const query = new URLSearchParams({ ...(ledger === null ? {} : { ledger }), cursor: String(after) });
  if (resetting) query.set('resetting', '1');
  return `${paths.feed}?${query}`;
}

function newAgent(limits: ClientLimits): Agent {
  const seconds = limits.request_seconds_max;
  return new Agent({
    connections: 2,
    connect: { timeout: limits.connect_seconds_max * 1000 },
    headersTimeout: seconds * 1000,
    bodyTimeout: seconds * 1000,
  });
}

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** The text of a 200 answer. Redirects are not followed: a signature is for one place. */
async function exchange(url: string, sent: Sent, limits: ClientLimits, dispatcher: Dispatcher): Promise<string> {
  const deadline = AbortSignal.timeout(limits.request_seconds_max * 1000);
  const hasBody = sent.body !== '';
  try {
    const answer = await request(url, {
      method: sent.method,
      headers: {
        ...sent.headers,
        accept: 'application/json',
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
      },
      body: hasBody ? sent.body : null,
      signal: AbortSignal.any([deadline, sent.signal]),
      dispatcher,
    });
    const text = await readText(answer.body, limits.answer_bytes_max);
    if (answer.statusCode === 200) return text;
    throw new EdgeRefusal(answer.statusCode, text, firstOf(answer.headers['retry-after']));
  } catch (error) {
    throw networkError(url, error, deadline);
  }
}

async function readText(body: AsyncIterable<Uint8Array>, max: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > max) throw new EdgebanError('ERR_EDGE_REPLY', `the Worker's answer is longer than ${max} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function networkError(url: string, error: unknown, deadline: AbortSignal): EdgebanError {
  if (error instanceof EdgebanError) return error;
  const { origin } = new URL(url);
  if (deadline.aborted)
    return new EdgebanError('ERR_EDGE_TIMEOUT', `${origin} did not answer in time`, { cause: error });
  return new EdgebanError('ERR_EDGE_UNREACHABLE', `${origin} cannot be reached: ${reasonOf(error)}`, { cause: error });
}

/** Where several addresses failed, the error has a code and no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}

/** Throws ERR_EDGE_REPLY unless `text` is JSON of this shape. */
export function check<T extends z.ZodType>(schema: T, text: string): z.infer<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EdgebanError('ERR_EDGE_REPLY', "the Worker's answer is not JSON", { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : `: ${issue.path.join('.')}: ${issue.message}`;
  throw new EdgebanError('ERR_EDGE_REPLY', `the Worker's answer has another shape than expected${where}`);
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
