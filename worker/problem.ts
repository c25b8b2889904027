/** Errors on their way to the client: RFC 9457 problem JSON, the same from the Durable Object as from the routes. */
import { EdgebanError, type ErrorCode, type ErrorPlace, errorCodes } from '../shared/errors.ts';
import type { Problem } from '../shared/wire.ts';

/** RFC 9457 extension members of ours. */
export interface ProblemExtras {
  /** ERR_EVENTS_GAP: the number that the next batch must start with (or lie below). */
  readonly expected?: number;
  /** Seconds to wait; also sent as Retry-After. */
  readonly retry_after?: number;
  readonly remedy?: string;
}

export type ProblemBody = Problem & ProblemExtras;

/** A refusal that tells the client more than its code. */
export class RequestRefusal extends EdgebanError {
  readonly extras: ProblemExtras;

  constructor(code: ErrorCode, message: string, extras: ProblemExtras, place: ErrorPlace = {}) {
    super(code, message, place);
    this.extras = extras;
  }
}

/** What a method of the Durable Object answers: errors do not keep their class on the way, so they go as problems. */
export type Answer<T> = { readonly value: T } | { readonly problem: ProblemBody };

export async function answer<T>(body: () => T | Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await body() };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

/** A bug of ours is logged in full and told to the client only as ERR_INTERNAL. */
export function problemOf(error: unknown): ProblemBody {
  if (!(error instanceof EdgebanError)) {
    log('ERR_INTERNAL', { message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    return problem('ERR_INTERNAL', 'the request failed; the log says why');
  }
  const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
  return problem(error.code, error.message, { ...remedy, ...(error instanceof RequestRefusal ? error.extras : {}) });
}

export function problem(code: ErrorCode, detail: string, extras: ProblemExtras = {}): ProblemBody {
  const { status, title } = errorCodes[code];
  return { type: `urn:edgeban:error:${code}`, title, status, detail, code, ...extras };
}

export function problemResponse(body: ProblemBody): Response {
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (body.retry_after !== undefined) headers.set('retry-after', String(Math.ceil(body.retry_after)));
  if (body.status === 401) headers.set('www-authenticate', 'Bearer realm="edgeban"');
  return new Response(JSON.stringify(body), { status: body.status, headers });
}

/** One JSON line for the operator; never a secret. */
export function log(code: string, facts: Readonly<Record<string, string | number | boolean | null>> = {}): void {
  console.log(JSON.stringify({ code, ...facts }));
}
