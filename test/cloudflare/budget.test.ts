/** Budgets: no stretch of time gets more than burst and refill, and nothing that is due waits for ever. */
import { describe, expect, it } from 'vitest';
import { budgetLimits, fullBucket, readyAt, refill } from '../../worker/cloudflare/budget.ts';

const cloudflare = { calls: 1_200, operations: 30_000, changes: 1_000_000 } as const;

describe.each(['calls', 'operations', 'changes'] as const)('the budget of %s', (name) => {
  const limit = budgetLimits[name];

  it('stays below what Cloudflare allows in any window', () => {
    expect(limit.burst + limit.refill).toBeLessThanOrEqual(cloudflare[name] * 0.7);
    let bucket = fullBucket(limit, 1_000);
    let spent = 0;
    const unit = limit.burst / 100;
    for (let step = 0; step < 1_000; step++) {
      bucket = refill(bucket, limit, 1_000 + (step * limit.window_s) / 1_000);
      while (bucket.left >= unit) {
        bucket = { ...bucket, left: bucket.left - unit };
        spent += unit;
      }
    }
    expect(spent).toBeGreaterThan(limit.burst + limit.refill * 0.9);
    expect(spent).toBeLessThanOrEqual(limit.burst + limit.refill);
  });

  it('says when there will be enough', () => {
    const empty = { left: 0, at: 50 };
    const some = Math.min(limit.burst, limit.refill / 2);
    expect(readyAt(empty, limit, some)).toBeCloseTo(50 + (some / limit.refill) * limit.window_s);
    const ready = readyAt(empty, limit, 10);
    expect(refill(empty, limit, ready).left).toBeCloseTo(10);
    expect(readyAt(empty, limit, limit.burst * 5)).toBe(readyAt(empty, limit, limit.burst));
  });

  it('gives nothing for a clock that goes back', () => {
    expect(refill({ left: 3, at: 100 }, limit, 50).left).toBe(3);
  });
});
