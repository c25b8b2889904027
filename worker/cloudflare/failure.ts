/** Cloudflare's failures: which of our codes, whether the request may have been done, and when to come again. */
import { EdgebanError, type ErrorCode } from '../../shared/errors.ts';
import type { Seconds } from '../../shared/time.ts';

export interface FailureFacts {
  /** `unknown`: the request may have been done all the same, so look before doing it again. */
  readonly outcome: 'refused' | 'unknown';
  readonly retryAfter: Seconds | null;
  /** Cloudflare's own codes. */
  readonly codes?: readonly number[];
}

/** A call to Cloudflare that did not succeed. */
export class CloudflareFailure extends EdgebanError {
  readonly outcome: 'refused' | 'unknown';
  readonly retryAfter: Seconds | null;
  readonly codes: readonly number[];

  constructor(code: ErrorCode, message: string, facts: FailureFacts, remedy?: string) {
    super(code, message, remedy === undefined ? {} : { remedy });
    this.outcome = facts.outcome;
    this.retryAfter = facts.retryAfter;
    this.codes = facts.codes ?? [];
  }
}

export interface FailedAnswer {
  readonly status: number;
  /** Cloudflare's own codes; none if the body was not its envelope. */
  readonly codes: readonly number[];
  readonly message: string;
  readonly retryAfter: Seconds | null;
}

const retry_after_max: Seconds = 3600;
/** 10000 and 9109: no permission or no such token; 1000, 6003, 6111, 9106: a token that is none. They come with 400, 401, 403 and even 200. */
const authCodes = new Set([1000, 6003, 6111, 9106, 9109, 10000]);
/** "Please wait and consider throttling your request speed": the token's 1,200 requests in five minutes are spent. */
const throttled_code = 971;

export function failureOf(answer: FailedAnswer): CloudflareFailure {
  const { status, codes, message, retryAfter } = answer;
  const outcome = status >= 500 ? 'unknown' : 'refused';
  const code = codeOf(status, codes);
  return new CloudflareFailure(code, `${message} (HTTP ${status})`, { outcome, retryAfter, codes }, remedies[code]);
}

function codeOf(status: number, codes: readonly number[]): ErrorCode {
  if (status >= 500) return 'ERR_CLOUDFLARE_UNREACHABLE';
  // the 429 of a pending operation has an undocumented code; the front door's is HTML, without any
  if (status === 429) {
    return codes.includes(throttled_code) || codes.length === 0 ? 'ERR_CLOUDFLARE_RATE' : 'ERR_CLOUDFLARE_BUSY';
  }
  if (status === 401 || status === 403 || codes.some((each) => authCodes.has(each))) return 'ERR_CLOUDFLARE_AUTH';
  return status === 404 ? 'ERR_CLOUDFLARE_GONE' : 'ERR_CLOUDFLARE_REFUSED';
}

const remedies: Partial<Record<ErrorCode, string>> = {
  ERR_CLOUDFLARE_AUTH:
    'check CLOUDFLARE_API_TOKEN: a list needs Account Rule Lists Write and, for the rule, Zone WAF Write; access rules need Account Firewall Access Rules Write or Firewall Services Write',
};

/** `retry-after` in seconds, as Cloudflare sends it; null for none or a date, at most an hour. */
export function readRetryAfter(text: string | null): Seconds | null {
  if (text === null || !/^\d{1,9}$/.test(text)) return null;
  return Math.min(Number(text), retry_after_max);
}
