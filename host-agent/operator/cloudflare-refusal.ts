/** What a call of Cloudflare's API can end with, as an error. */
import { EdgebanError, type ErrorCode } from '../../shared/errors.ts';
import type { Answered } from './http.ts';

type Reply = Pick<Answered, 'status' | 'retryAfter'>;

/** Cloudflare has said no, or nothing that can be understood. */
export class CloudflareRefusal extends EdgebanError {
  readonly httpStatus: number;
  /** Cloudflare's own codes. */
  readonly codes: readonly number[];
  /** Seconds that it asks us to wait. */
  readonly retryAfter: number | null;

  constructor(code: ErrorCode, message: string, { status, retryAfter }: Reply, codes: readonly number[] = []) {
    super(code, message);
    this.httpStatus = status;
    this.retryAfter = retryAfter;
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

/** 10000, 9109: no permission, or no such token; 1000, 6003, 6111, 9106: a token that is none. */
const authCodes: ReadonlySet<number> = new Set([1000, 6003, 6111, 9106, 9109, 10000]);

/** Of ours, for Cloudflare's status and codes. */
export function codeOf(status: number, codes: readonly number[]): ErrorCode {
  if (status >= 500) return 'ERR_CLOUDFLARE_UNREACHABLE';
  if (status === 429) return 'ERR_CLOUDFLARE_RATE';
  if (status === 401 || status === 403 || codes.some((code) => authCodes.has(code))) return 'ERR_CLOUDFLARE_AUTH';
  return status === 404 ? 'ERR_CLOUDFLARE_GONE' : 'ERR_CLOUDFLARE_REFUSED';
}

export function isGone(error: unknown): boolean {
  return error instanceof CloudflareRefusal && error.isGone;
}
