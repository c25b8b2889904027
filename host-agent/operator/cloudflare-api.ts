/** Cloudflare's API as the operator's programs speak to it: bearer token, envelope, failures in our codes, no token in any text. */
import { z } from 'zod';
import { type Envelope, readEnvelope, reasonText } from '../../shared/cloudflare-answer.ts';
import { EdgebanError, type ErrorCode } from '../../shared/errors.ts';
import { workerOrigin } from '../edge/settings.ts';
import { type Answered, type Asked, exchange } from './http.ts';

export const defaultApiBase = 'https://api.cloudflare.com/client/v4';
const said_length_max = 300;
const throttled_seconds_max = 30;

/** Cloudflare has said no. */
export class CloudflareRefusal extends EdgebanError {
  readonly httpStatus: number;
  /** Cloudflare's own codes. */
  readonly codes: readonly number[];

  constructor(code: ErrorCode, message: string, httpStatus: number, codes: readonly number[], remedy?: string) {
    super(code, message, remedy === undefined ? {} : { remedy });
    this.httpStatus = httpStatus;
    this.codes = codes;
  }

  /** The thing is not there (any more). */
  get isGone(): boolean {
    return this.code === 'ERR_CLOUDFLARE_GONE';
  }

  get isForbidden(): boolean {
    return this.code === 'ERR_CLOUDFLARE_AUTH';
  }
}

export interface CloudflareCall {
  readonly method?: Asked['method'];
  /** Below the base, with its query. */
  readonly path: string;
  readonly body?: unknown;
}

export class CloudflareApi {
  readonly base: string;
  readonly #token: string;
  readonly #sleep: (ms: number) => Promise<void>;

  /** Throws ERR_EDGE_URL for a base that is not https (but for a laboratory's). */
  constructor(base: string, token: string, sleep: (ms: number) => Promise<void>) {
    const url = URL.parse(base);
    workerOrigin(url === null ? base : url.origin);
    this.base = base.replace(/\/+$/, '');
    this.#token = token;
    this.#sleep = sleep;
  }

  /** One call; a request for patience (429) is obeyed once. Throws CloudflareRefusal, ERR_EDGE_UNREACHABLE, _TIMEOUT. */
  async call<T extends z.ZodType>(asked: CloudflareCall, shape: T): Promise<z.infer<T>> {
    return (await this.#page(asked, shape)).result;
  }

  /** All pages of a list, by cursor or by number; `pages_max` bounds them. */
  async all<T extends z.ZodType>(path: string, shape: T, pages_max = 60): Promise<z.infer<T>[]> {
    const found: z.infer<T>[] = [];
    let next = '';
    for (let page = 1; page <= pages_max; page++) {
      const query = next === '' ? '' : `${path.includes('?') ? '&' : '?'}${next}`;
      const { result, info } = await this.#page({ path: path + query }, z.array(shape));
      found.push(...result);
      const after = info?.cursors?.after;
      if (after) next = `cursor=${encodeURIComponent(after)}`;
      else if (page < (info?.total_pages ?? 1)) next = `page=${page + 1}`;
      else return found;
    }
    const message = `GET ${bare(path)}: more than ${pages_max} pages`;
    throw new CloudflareRefusal('ERR_CLOUDFLARE_ANSWER', message, 200, []);
  }

  async #page<T extends z.ZodType>(
    asked: CloudflareCall,
    shape: T,
  ): Promise<{ result: z.infer<T>; info: Envelope['result_info'] }> {
    const answer = await this.#patient(asked);
    const envelope = readEnvelope(answer.text);
    if (answer.status >= 400 || envelope?.success !== true) throw refusalOf(asked, answer, envelope, this.#token);
    const parsed = shape.safeParse(envelope.result);
    if (parsed.success) return { result: parsed.data, info: envelope.result_info };
    const why = `${label(asked)}: ${z.prettifyError(parsed.error)}`.slice(0, said_length_max);
    throw new CloudflareRefusal('ERR_CLOUDFLARE_ANSWER', why, answer.status, []);
  }

  async #patient({ method = 'GET', path, body }: CloudflareCall): Promise<Answered> {
    const asked = { method, url: this.base + path, token: this.#token, body };
    const answer = await exchange(asked);
    if (answer.status !== 429) return answer;
    await this.#sleep(Math.min(answer.retryAfter ?? 2, throttled_seconds_max) * 1000);
    return await exchange(asked);
  }
}

/** 10000, 9109: no permission, or no such token; 1000, 6003, 6111, 9106: a token that is none. */
const authCodes: ReadonlySet<number> = new Set([1000, 6003, 6111, 9106, 9109, 10000]);

function refusalOf(asked: CloudflareCall, answer: Answered, envelope: Envelope | null, token: string) {
  const errors = envelope?.errors ?? [];
  const text = reasonText(label(asked), envelope, token).slice(0, said_length_max);
  const codes = errors.map(({ code }) => code);
  return new CloudflareRefusal(codeOf(answer.status, codes), `${text} (HTTP ${answer.status})`, answer.status, codes);
}

function codeOf(status: number, codes: readonly number[]): ErrorCode {
  if (status >= 500) return 'ERR_CLOUDFLARE_UNREACHABLE';
  if (status === 429) return 'ERR_CLOUDFLARE_RATE';
  if (status === 401 || status === 403 || codes.some((code) => authCodes.has(code))) return 'ERR_CLOUDFLARE_AUTH';
  return status === 404 ? 'ERR_CLOUDFLARE_GONE' : 'ERR_CLOUDFLARE_REFUSED';
}

function label({ method = 'GET', path }: CloudflareCall): string {
  return `${method} ${bare(path)}`;
}

function bare(path: string): string {
  return path.replace(/\?.*/, '');
}

export function isGone(error: unknown): boolean {
  return error instanceof CloudflareRefusal && error.isGone;
}
