/** The engine against fail2ban's own code, on random series; needs a checkout of fail2ban 1.1 and python3. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { bantimeOf, type Increment } from '../../shared/engine/bantime.ts';
import type { Decision, History } from '../../shared/engine/decision.ts';
import { Engine } from '../../shared/engine/engine.ts';
import { Guard } from '../../shared/engine/guard.ts';
import type { PastBan } from '../../shared/ticket.ts';
import { below, oneOf, randomOf } from '../random.ts';

const checkout = process.env['F2B_CHECKOUT'] ?? '';
const isThere = existsSync(join(checkout, 'fail2ban', 'server', 'failmanager.py'));
const missing = 'needs F2B_CHECKOUT, the folder of a fail2ban 1.1 checkout';

const Answer = z.object({
  series: z.array(
    z.array(
      z.object({
        bans: z.array(
          z.object({
            id: z.string(),
            time: z.number(),
            retry: z.number(),
            failures: z.number(),
            matches: z.array(z.string()),
          }),
        ),
        failing: z.number(),
      }),
    ),
  ),
  bantimes: z.array(z.number()),
});

interface Series {
  readonly findtime: number;
  readonly maxretry: number;
  readonly maxmatches: number;
  readonly failures: readonly { id: string; time: number; now: number; matches: string[] }[];
  /** By id: how many bans there were, when the last was, how long it lasted. Empty turns increments off. */
  readonly past: Readonly<Record<string, readonly [number, number, number]>>;
}

interface Bantime {
  readonly bantime: number;
  readonly count: number;
  readonly random: number;
  readonly extra: Readonly<Record<string, string>>;
}

function ask(asked: { series: readonly Series[]; bantimes: readonly Bantime[] }): z.infer<typeof Answer> {
  const script = fileURLToPath(new URL('./fail2ban.py', import.meta.url));
  const input = JSON.stringify(asked);
  const run = spawnSync('python3', [script], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`fail2ban's side failed: ${run.stderr}`);
  return Answer.parse(JSON.parse(run.stdout));
}

const ids = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1'];

function randomSeries(random: () => number): Series {
  const findtime = oneOf(random, [10, 60, 600, 86_400]);
  let now = 1_000_000;
  const failures = Array.from({ length: 120 }, (_, index) => {
    now += random() < 0.2 ? below(random, findtime * 2) : below(random, Math.ceil(findtime / 3));
    const late = random() < 0.2 ? below(random, findtime) : 0;
    const fraction = random() < 0.3 ? Math.floor(random() * 1000) / 1000 : 0;
    const matches = Array.from({ length: 1 + below(random, 3) }, (__, line) => `line ${index}.${line}`);
    return { id: oneOf(random, ids), time: now - late - fraction, now, matches };
  });
  const past: Record<string, readonly [number, number, number]> = {};
  if (random() < 0.5)
    for (const id of ids)
      if (random() < 0.6) past[id] = [1 + below(random, 6), 1_000_000 + below(random, findtime * 5), 600];
  return { findtime, maxretry: 1 + below(random, 9), maxmatches: below(random, 6), failures, past };
}

const plain: Increment = {
  factor: 1,
  multipliers: [],
  formula: null,
  maxtime: null,
  rndtime: null,
  overalljails: false,
};

/** The engine's decisions on a series. No ban is held, so that each one is told. */
function decide(series: Series): { decision: Decision; failing: number }[] {
  const past = (_jail: string | null, id: string): PastBan | null => {
    const its = series.past[id];
    return its === undefined ? null : { count: its[0], at: its[1] };
  };
  const history: History = { held: () => null, heldIn: () => [], past };
  const engine = new Engine({ guard: new Guard(), history, random: () => 0 });
  const increment = Object.keys(series.past).length === 0 ? null : plain;
  const { findtime, maxretry, maxmatches } = series;
  const ours = { ignoreip: [], ignoreself: false, sliding: false, prefix6: 128 };
  engine.setRules('j', { findtime, maxretry, maxmatches, bantime: -1, increment, ...ours });
  return series.failures.map(({ now, ...failure }) => {
    const decision = engine.failure('j', { ...failure, ip: failure.id, groups: {} }, now);
    return { decision, failing: engine.failing('j') };
  });
}

type Told = z.infer<typeof Answer>['series'][number][number];

/** With increments fail2ban counts a failure of a known id, and its lines, a second time; we count what happened. */
function comparable({ bans, failing }: Told, increments: boolean) {
  return { failing, bans: bans.map((ban) => (increments ? { id: ban.id, time: ban.time } : { ...ban, retry: 0 })) };
}

function toldBy({ decision, failing }: ReturnType<typeof decide>[number]): Told {
  if (decision.kind !== 'ban') return { failing, bans: [] };
  const { id, at, failures, matches } = decision.ban;
  return { failing, bans: [{ id, time: at, retry: 0, failures, matches: [...matches] }] };
}

test('counts, bans and purges of random series are fail2ban’s', (ctx) => {
  if (!isThere) ctx.skip(missing);
  const random = randomOf(Number(process.env['SEED'] ?? 2026));
  const series = Array.from({ length: 60 }, () => randomSeries(random));
  const answers = ask({ series, bantimes: [] }).series;
  for (const [index, one] of series.entries()) {
    const increments = Object.keys(one.past).length > 0;
    const ours = decide(one).map((step) => comparable(toldBy(step), increments));
    const theirs = answers[index]?.map((step) => comparable(step, increments));
    expect(ours, `series ${index}`).toEqual(theirs);
  }
  const bans = answers.flat().flatMap((step) => step.bans).length;
  expect(bans).toBeGreaterThan(1000);
});

function randomBantime(random: () => number): { asked: Bantime; increment: Increment } {
  const factor = oneOf(random, [1, 1, 0.5, 2, 24]);
  const multipliers = random() < 0.4 ? Array.from({ length: 1 + below(random, 5) }, () => 1 + below(random, 50)) : [];
  const maxtime = random() < 0.4 ? 600 * (1 + below(random, 100)) : null;
  const rndtime = random() < 0.4 ? below(random, 600) : null;
  const extra: Record<string, string> = { increment: 'true', factor: String(factor) };
  if (multipliers.length > 0) extra['multipliers'] = multipliers.join(' ');
  if (maxtime !== null) extra['maxtime'] = String(maxtime);
  if (rndtime !== null) extra['rndtime'] = String(rndtime);
  const asked = { bantime: oneOf(random, [1, 60, 600, 86_400]), count: 1 + below(random, 30), random: random(), extra };
  return { asked, increment: { ...plain, factor, multipliers, maxtime, rndtime } };
}

test('bantimes that grow are fail2ban’s', (ctx) => {
  if (!isThere) ctx.skip(missing);
  const random = randomOf(7);
  const cases = Array.from({ length: 2000 }, () => randomBantime(random));
  const answers = ask({ series: [], bantimes: cases.map(({ asked }) => asked) }).bantimes;
  const ours = cases.map(({ asked: { bantime, count, random: drawn }, increment }) =>
    bantimeOf({ bantime, increment }, { count, at: 0 }, () => drawn),
  );
  expect(ours).toEqual(answers);
});
