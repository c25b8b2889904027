/** Counting is fail2ban's: an estimate of the rate, not a sliding window. */
import { expect, test } from 'vitest';
import { Counters, countingLimits, roundHalfEven } from '../../shared/engine/findtime.ts';

const rules = { findtime: 600, maxretry: 5, maxmatches: 5, sliding: false };

function failure(time: number, id = '192.0.2.1', matches = [`at ${time}`]) {
  return { id, ip: id, time, matches };
}

function countsOf(times: readonly number[], findtime = 600): number[] {
  const counters = new Counters('sshd');
  return times.map((time) => counters.add(failure(time), { ...rules, findtime }));
}

test.each([
  [0.5, 0],
  [1.5, 2],
  [2.5, 2],
  [3.5, 4],
  [2.4999, 2],
  [2.5001, 3],
  [7, 7],
])('round(%f) is %i, as in Python', (value, rounded) => {
  expect(roundHalfEven(value)).toBe(rounded);
});

// the counts were read off FailTicket.adjustTime and inc by hand: retry = round(retry / (time - first) * findtime) + 1
test.each([
  ['all inside findtime', [0, 100, 200, 300], [1, 2, 3, 4]],
  ['the interval is as long as findtime: nothing is estimated', [0, 600], [1, 2]],
  ['one failure long ago still weighs almost one', [0, 601], [1, 2]],
  ['two thirds of one round up to one', [0, 900], [1, 2]],
  ['a half goes to the even neighbour: none', [0, 1200], [1, 1]],
  ['2 / 800 * 600 = 1.5 goes to 2', [0, 10, 800], [1, 2, 3]],
  ['5 / 1200 * 600 = 2.5 goes to 2', [0, 1, 2, 3, 4, 1200], [1, 2, 3, 4, 5, 3]],
  ['the interval then begins findtime ago', [0, 1, 2, 3, 4, 1200, 1800], [1, 2, 3, 4, 5, 3, 3]],
  ['an older failure counts, but moves nothing', [1000, 10, 1000], [1, 2, 3]],
])('%s', (_name, times, counts) => {
  expect(countsOf(times)).toEqual(counts);
});

test('what is findtime old goes at a purge, what is younger stays', () => {
  const counters = new Counters('sshd');
  counters.add(failure(0, 'a'), rules);
  counters.add(failure(1, 'b'), rules);
  counters.purge(600, 600);
  expect([counters.get('a'), counters.get('b')?.retry]).toEqual([null, 1]);
});

test('the newest matches are kept, all of the first failure included', () => {
  const counters = new Counters('sshd');
  counters.add(failure(0, 'a', ['1', '2', '3']), { ...rules, maxmatches: 2 });
  expect(counters.get('a')?.matches).toEqual(['1', '2', '3']);
  counters.add(failure(1, 'a', ['4']), { ...rules, maxmatches: 2 });
  expect(counters.get('a')?.matches).toEqual(['3', '4']);
  counters.add(failure(2, 'a', ['5']), { ...rules, maxmatches: 0 });
  expect(counters.get('a')?.matches).toEqual([]);
});

test('beyond the limit the counter that failed longest ago goes', () => {
  const counters = new Counters('sshd', { ...countingLimits, counters_per_jail_max: 2 });
  counters.add(failure(0, 'a'), rules);
  counters.add(failure(1, 'b'), rules);
  counters.add(failure(2, 'a'), rules);
  counters.add(failure(3, 'c'), rules);
  expect(['a', 'b', 'c'].map((id) => counters.get(id)?.retry)).toEqual([2, undefined, 1]);
});

test('lines are forgotten before counts are', () => {
  const counters = new Counters('sshd', { ...countingLimits, matches_chars_per_jail_max: 10, match_chars_max: 6 });
  counters.add(failure(0, 'a', ['aaaaaaaaaaaa']), rules);
  expect(counters.get('a')?.matches).toEqual(['aaaaaa']);
  counters.add(failure(1, 'b', ['bbbbbb']), rules);
  expect([counters.get('a'), counters.get('b')]).toMatchObject([
    { retry: 1, matches: [] },
    { retry: 1, matches: ['bbbbbb'] },
  ]);
});

test('only what changed since the last call is dirty; what is loaded is not', () => {
  const counters = new Counters('sshd');
  counters.load({ jail: 'sshd', first: 0, retry: 2, failures: 2, times: [], ...failure(5, 'a') });
  expect(counters.takeDirty().size).toBe(0);
  expect(counters.add(failure(6, 'a'), rules)).toBe(3);
  counters.drop('b');
  expect([...counters.takeDirty()]).toEqual(['a']);
  counters.drop('a');
  expect([[...counters.takeDirty()], counters.size]).toEqual([['a'], 0]);
});
