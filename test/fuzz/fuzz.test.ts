/** A short row of the fuzzer (`npm run fuzz` makes a long one), and that it can fail. */
import { afterAll, expect, it } from 'vitest';
import { fuzzFilters, newTally, replay } from './fuzz.ts';
import { Oracle, obstacle } from './oracle.ts';
import { variantsOf } from './variants.ts';

const checkout = process.env['F2B_CHECKOUT'] ?? '';
const reason = obstacle(checkout);
const oracle = reason === null ? new Oracle(checkout) : null;
afterAll(() => oracle?.close());

it('agrees with fail2ban on changed lines, or differs as the README says', async (ctx) => {
  if (oracle === null) return ctx.skip(reason ?? '');
  const tally = newTally();
  await fuzzFilters(oracle, variantsOf(checkout), { cases: 2_000, seed: 20_261_123, differences_max: 3 }, tally);
  expect(tally.differences).toEqual([]);
  expect(tally.failures).toBeGreaterThan(100);
  const named = [...tally.named.values()].reduce((sum, count) => sum + count, 0);
  expect(tally.agreed + named).toBe(tally.cases);
});

it('sees a difference', async (ctx) => {
  if (oracle === null) return ctx.skip(reason ?? '');
  const line = { text: 'from 192.0.2.1', now: 1_124_013_600 };
  const manner = { all: false, usedns: 'warn', mode: 'unchecked', findtime: 600 } as const;
  const sequence = { ...manner, conf: { failregex: ['^from <HOST>$'], ignoreregex: [] }, lines: [line] };
  expect(await replay(oracle, sequence)).toBeNull();
  const blind = { judge: () => oracle.judge({ ...sequence, lines: [{ ...line, text: 'none' }] }) };
  expect(await replay(blind, sequence)).toMatchObject({
    at: 0,
    ours: { status: 'match' },
    theirs: { status: 'missed' },
  });
});
