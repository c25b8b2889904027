/** What several holders of an address come to at the edge. */
import { expect, test } from 'vitest';
import { edgeStateOf, edgeStatesOf } from '../../shared/store/edge-state.ts';
import { type EdgeAction, edgeActions } from '../../shared/ticket.ts';
import { isOver, laterOf, type Until } from '../../shared/time.ts';
import { below, oneOf, randomOf } from '../random.ts';

const told = (...words: readonly [EdgeAction, Until][]) => words.map(([edge, until]) => ({ edge, until }));

test.each([
  ['nobody', told(), null, []],
  ['off', told(['off', 5]), 'off 5', []],
  ['one', told(['challenge', 5]), 'challenge 5', ['challenge 5']],
  ['a block goes first', told(['challenge', null], ['block', 10]), 'block 10', ['block 10', 'challenge null']],
  ['the last block counts', told(['block', 10], ['block', 12], ['challenge', 11]), 'block 12', ['block 12']],
  ['the same end', told(['block', 10], ['challenge', 10]), 'block 10', ['block 10']],
  ['for ever', told(['block', null], ['challenge', null], ['off', null]), 'block null', ['block null']],
  ['off adds nothing', told(['off', null], ['challenge', 3]), 'challenge 3', ['challenge 3']],
])('%s', (_name, holders, now, states) => {
  const state = edgeStateOf(holders);
  expect(state === null ? null : `${state.edge} ${state.until}`).toBe(now);
  expect(edgeStatesOf(holders).map(({ edge, until }) => `${edge} ${until}`)).toEqual(states);
});

test('at every moment the states say what the strongest live holder asks for', () => {
  const random = randomOf(7);
  for (let round = 0; round < 500; round++) {
    const holders = Array.from({ length: 1 + below(random, 5) }, () => ({
      edge: oneOf(random, edgeActions),
      until: random() < 0.2 ? null : 1 + below(random, 12),
    }));
    const states = edgeStatesOf(holders);
    for (let now = 0; now < 14; now += 0.5) {
      const live = holders.filter(({ until }) => !isOver(until, now));
      const strongest = ['block', 'challenge'].find((action) => live.some(({ edge }) => edge === action));
      const found = states.find(({ until }) => !isOver(until, now));
      expect(found?.edge).toBe(strongest);
      const ends = live.filter(({ edge }) => edge === strongest).map(({ until }) => until);
      if (found !== undefined) expect(found.until).toBe(ends.reduce(laterOf));
    }
  }
});
