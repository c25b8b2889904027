/** Bantimes grow as fail2ban's do. */
import { expect, test } from 'vitest';
import { type BantimeRules, bantimeOf, type Increment, restoredBan, weightOf } from '../../shared/engine/bantime.ts';
import type { Ban } from '../../shared/ticket.ts';

const plain: Increment = {
  factor: 1,
  multipliers: [],
  formula: null,
  maxtime: null,
  rndtime: null,
  overalljails: false,
};

function grown(count: number, increment: Partial<Increment>, bantime = 600, random = 0): number {
  return bantimeOf({ bantime, increment: { ...plain, ...increment } }, { count, at: 0 }, () => random);
}

test('the first ban, and every ban without increments, lasts the bantime', () => {
  expect(bantimeOf({ bantime: 600, increment: plain }, null, Math.random)).toBe(600);
  expect(bantimeOf({ bantime: 600, increment: null }, { count: 5, at: 0 }, Math.random)).toBe(600);
});

test('by default it doubles with each earlier ban, up to 20 times', () => {
  expect([1, 2, 3, 20, 21, 1000].map((count) => grown(count, {}))).toEqual(
    [2, 4, 8, 2 ** 20, 2 ** 20, 2 ** 20].map((n) => n * 600),
  );
});

test('a factor below one never shortens a ban, multipliers may', () => {
  expect(grown(1, { factor: 0.25 })).toBe(600);
  expect(grown(3, { factor: 0.25 })).toBe(1200);
  expect(grown(1, { factor: 0.5, multipliers: [1, 1] })).toBe(300);
});

test('multipliers are taken by the number of earlier bans, the last one serves for the rest', () => {
  const multipliers = [1, 5, 30, 60, 300];
  expect([1, 2, 4, 5, 99].map((count) => grown(count, { multipliers }))).toEqual(
    [5, 30, 300, 300, 300].map((n) => n * 600),
  );
});

test('a formula is handed bantime, count and factor; one that goes wrong leaves the bantime', () => {
  const formula = (bantime: number, count: number, factor: number) => bantime * Math.exp((count + 1) * factor);
  expect(grown(1, { formula, factor: 2 })).toBeCloseTo(600 * Math.exp(4), 6);
  expect([Number.NaN, Number.POSITIVE_INFINITY, -5].map((bad) => grown(1, { formula: () => bad }))).toEqual([
    600, 600, 600,
  ]);
});

test('maxtime bounds the growth, and the random part comes on top of it', () => {
  expect(grown(10, { maxtime: 5000 })).toBe(5000);
  expect(grown(10, { maxtime: 5000, rndtime: 100 }, 600, 0.5)).toBe(5050);
});

test('a permanent ban never increments', () => {
  expect(grown(3, { maxtime: 5000, rndtime: 100 }, -1, 0.5)).toBe(-1);
});

test('a failure of a known id weighs 2, 3, 5, 9 … and no more than maxretry', () => {
  expect([0, 1, 2, 3, 4, 21].map((count) => weightOf(count, 100))).toEqual([1, 2, 3, 5, 9, 100]);
  expect(weightOf(40, 10_000_000)).toBe(2 ** 19 + 1);
});

const ban: Ban = {
  jail: 'sshd',
  id: '192.0.2.1',
  ip: '192.0.2.1',
  at: 1000,
  bantime: 600,
  until: 1600,
  count: 1,
  failures: 5,
  matches: [],
};
const lasting = (bantime: number, increment: Increment | null = null): BantimeRules => ({ bantime, increment });

test('a ban is restored as it was, unless it is longer than today’s longest or over', () => {
  expect(restoredBan(ban, lasting(3600), 1500)).toEqual(ban);
  expect(restoredBan(ban, lasting(3600), 1600)).toBeNull();
  expect(restoredBan(ban, lasting(300), 1200)).toEqual({ ...ban, bantime: 300, until: 1300 });
  expect(restoredBan(ban, lasting(300), 1300)).toBeNull();
});

test('a permanent ban stays so only where today’s bantime has no end', () => {
  const permanent = { ...ban, bantime: -1, until: null };
  expect(restoredBan(permanent, lasting(-1), 9999)).toEqual(permanent);
  expect(restoredBan(permanent, lasting(600), 1500)).toEqual({ ...ban, bantime: 600, until: 1600 });
  expect(restoredBan(permanent, lasting(600, plain), 9999)).toEqual(permanent);
  expect(restoredBan(permanent, lasting(600, { ...plain, maxtime: 700 }), 1500)).toMatchObject({ until: 1700 });
});
