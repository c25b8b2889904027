/** Budgets as leaky buckets: how often we may call and how much we may change, kept well below what Cloudflare allows. */
import type { UnixTime } from '../../shared/time.ts';

export interface Bucket {
  readonly left: number;
  readonly at: UnixTime;
}

/** In any stretch of `window_s`, at most `burst` plus `refill` are spent. */
export interface BucketLimit {
  readonly burst: number;
  readonly refill: number;
  readonly window_s: number;
}

/**
 * Cloudflare's: 1,200 requests in 5 minutes for the token (or user, who may need some himself); 30,000 modifying
 * requests and 1,000,000 item changes in 12 hours for the account. Operations of a few items have a narrower budget of our own: each is
 * seven or eight written rows, of which a free plan has 100,000 a day; with one every 40 s the rest is enough for 5,000 bans a day.
 */
export const budgetLimits = {
  calls: { burst: 300, refill: 300, window_s: 300 },
  operations: { burst: 300, refill: 1_080, window_s: 12 * 3600 },
  changes: { burst: 300_000, refill: 300_000, window_s: 12 * 3600 },
  /** Calls in the mode `access-rules`, where every ban costs one or two of them. */
  ruleCalls: { burst: 300, refill: 600, window_s: 300 },
  /** The same in a panic: nearly all that Cloudflare allows, 300 + 870 in any five minutes. */
  panicCalls: { burst: 300, refill: 870, window_s: 300 },
  /** Calls for what a former mode has left, beside those of the present one. */
  formerCalls: { burst: 60, refill: 180, window_s: 300 },
} as const satisfies Record<string, BucketLimit>;

/** How long so many calls take, beginning with a full bucket, in seconds. */
export function secondsFor(calls: number, limit: BucketLimit): number {
  return (Math.max(0, calls - limit.burst) * limit.window_s) / limit.refill;
}

export function fullBucket(limit: BucketLimit, now: UnixTime): Bucket {
  return { left: limit.burst, at: now };
}

/** The bucket as it stands now; a clock that went back gives nothing and takes nothing. */
export function refill(bucket: Bucket, limit: BucketLimit, now: UnixTime): Bucket {
  const gained = (Math.max(0, now - bucket.at) * limit.refill) / limit.window_s;
  return { left: Math.min(limit.burst, bucket.left + gained), at: now };
}

/** A budget for people: what may be spent at once now, of how much, and what comes back in an hour. */
export interface BudgetStatus {
  readonly name: string;
  readonly left: number;
  readonly max: number;
  readonly refill_per_hour: number;
}

export function budgetStatus(name: string, bucket: Bucket, limit: BucketLimit, now: UnixTime): BudgetStatus {
  const { left } = refill(bucket, limit, now);
  return {
    name,
    left: Math.max(0, Math.floor(left)),
    max: limit.burst,
    refill_per_hour: (limit.refill * 3_600) / limit.window_s,
  };
}

/** When `amount` (at most the burst) will be there. */
export function readyAt(bucket: Bucket, limit: BucketLimit, amount: number): UnixTime {
  const lacking = Math.min(amount, limit.burst) - bucket.left;
  return lacking <= 0 ? bucket.at : bucket.at + (lacking * limit.window_s) / limit.refill;
}
