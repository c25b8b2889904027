/** Cloudflare's API as the operator's programs speak to it: bearer token, envelope, failures in our codes, no token in any text. */
import { z } from 'zod';
import { type Envelope, readEnvelope, reasonText } from '../../shared/cloudflare-answer.ts';
import { workerOrigin } from '../edge/settings.ts';
import { CloudflareRefusal, codeOf } from './cloudflare-refusal.ts';
import { type Answered, type Asked, exchange } from './http.ts';
import { type Patience, patiently, setbackOf } from './patience.ts';

export const defaultApiBase = 'https://api.cloudflare.com/client/v4';
const said_length_max = 300;

export interface CloudflareCall {
  readonly method?: Asked['method'];
  /** Below the base, with its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Whoever calls has patience of his own. */
  readonly once?: true;
}

interface Page<T> {
  readonly result: T;
  readonly info: Envelope['result_info'];
}

export class CloudflareApi {
  readonly base: string;
  readonly #token: string;
  readonly #patience: Patience;

  /** Throws ERR_EDGE_URL for a base that is not https (but for a laboratory's). */
  constructor(base: string, token: string, patience: Patience) {
    const url = URL.parse(base);
    workerOrigin(url === null ? base : url.origin);
    this.base = base.replace(/\/+$/, '');
    this.#token = token;
    this.#patience = patience;
  }

  /**
   * One call, repeated with patience (patience.ts); a POST that may have been done is not. Throws CloudflareRefusal,
   * ERR_EDGE_UNREACHABLE, _TIMEOUT.
   */
  async call<T extends z.ZodType>(asked: CloudflareCall, shape: T): Promise<z.infer<T>> {
    return (await this.#page(asked, shape)).result;
  }

  /** A POST that makes something: where its answer is lost, `find` looks for the thing before it is asked for again. */
  async make<T extends z.ZodType>(
    asked: Pick<CloudflareCall, 'path' | 'body'>,
    shape: T,
    find: () => Promise<z.infer<T> | null>,
  ): Promise<z.infer<T>> {
    let isLost = false;
    return await patiently(this.#patience, true, async () => {
      const there = isLost ? await find() : null;
      if (there !== null) return there;
      try {
        return (await this.#once({ ...asked, method: 'POST' }, shape)).result;
      } catch (error) {
        isLost ||= setbackOf(error)?.kind === 'lost';
        throw error;
      }
    });
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
    throw new CloudflareRefusal('ERR_CLOUDFLARE_REFUSED', message, { status: 200, retryAfter: null });
  }

  async #page<T extends z.ZodType>(asked: CloudflareCall, shape: T): Promise<Page<z.infer<T>>> {
    if (asked.once) return await this.#once(asked, shape);
    return await patiently(this.#patience, isRepeatable(asked), () => this.#once(asked, shape));
  }

  async #once<T extends z.ZodType>(asked: CloudflareCall, shape: T): Promise<Page<z.infer<T>>> {
    const { method = 'GET', path, body } = asked;
    const answer = await exchange({ method, url: this.base + path, token: this.#token, body });
    const envelope = readEnvelope(answer.text);
    if (answer.status >= 400 || envelope?.success !== true) throw refusalOf(asked, answer, envelope, this.#token);
    const parsed = shape.safeParse(envelope.result);
    if (parsed.success) return { result: parsed.data, info: envelope.result_info };
    const why = `${label(asked)}: ${z.prettifyError(parsed.error)}`.slice(0, said_length_max);
    throw new CloudflareRefusal('ERR_CLOUDFLARE_ANSWER', why, answer);
  }
}

/** All but a POST name what they change, and how it is to be; a dry run changes nothing. */
function isRepeatable({ method, path }: CloudflareCall): boolean {
  return method !== 'POST' || path.includes('dry_run=true');
}

function refusalOf(asked: CloudflareCall, answer: Answered, envelope: Envelope | null, token: string) {
  const errors = envelope?.errors ?? [];
  const text = reasonText(label(asked), envelope, token).slice(0, said_length_max);
  const codes = errors.map(({ code }) => code);
  // somebody on the way has answered, or Cloudflare's own front
  const code = envelope === null && answer.status < 400 ? 'ERR_CLOUDFLARE_ANSWER' : codeOf(answer.status, codes);
  return new CloudflareRefusal(code, `${text} (HTTP ${answer.status})`, answer, codes);
}

function label({ method = 'GET', path }: CloudflareCall): string {
  return `${method} ${bare(path)}`;
}

function bare(path: string): string {
  return path.replace(/\?.*/, '');
}
