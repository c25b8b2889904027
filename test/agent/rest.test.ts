/** A daemon gives memory back when it has nothing to do, and only then. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { restWhenQuiet } from '../../host-agent/system/rest.ts';

const look_ms = 15_000;
const MiB = 1024 * 1024;

let world: { heap: number; held: number; cpu: number; collected: number; given: number; unused: number };
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  world = { heap: 60 * MiB, held: 60 * MiB, cpu: 900, collected: 0, given: 0, unused: 30 * MiB };
  stop = restWhenQuiet({
    heap_bytes: () => world.heap,
    cpu_ms: () => world.cpu,
    held_bytes: () => world.held,
    giveBack: () => {
      world.given += 1;
      world.held -= world.unused;
    },
    collect: () => {
      world.collected += 1;
      world.heap = 20 * MiB;
    },
  });
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

function look(cpu_ms: number): number {
  world.cpu += cpu_ms;
  vi.advanceTimersByTime(look_ms);
  return world.collected;
}

test('what the start has needed goes at the first quiet look: soon, or after what keeps it busy', () => {
  world.cpu += 30;
  vi.advanceTimersByTime(2_000);
  expect(world.collected).toBe(1);
});

test('a start that goes on working is left alone', () => {
  world.cpu += 500;
  vi.advanceTimersByTime(2_000);
  expect([world.collected, look(2_000), look(100)]).toEqual([0, 0, 1]);
});

test('nothing is collected for what is not worth it, nor in a burst, but behind it', () => {
  expect(look(10)).toBe(1);
  world.heap = 23 * MiB;
  expect(look(10)).toBe(1);
  world.heap = 90 * MiB;
  expect([look(9_000), look(9_000)]).toEqual([1, 1]);
  expect([look(10), look(10)]).toEqual([2, 2]);
});

test('in a burst the program gives back of itself what is not in use, and again when that much has come together', () => {
  const crowd = (held: number) => {
    world.held = held * MiB;
    world.cpu += 990;
    vi.advanceTimersByTime(1_000);
    return world.given;
  };
  expect([crowd(119), crowd(150), crowd(124), crowd(127), crowd(128)]).toEqual([0, 1, 1, 1, 2]);
  // what is in use comes back, and is not given back every second
  world.unused = 0;
  expect([crowd(135), crowd(136), crowd(142), crowd(143)]).toEqual([3, 3, 3, 4]);
  expect(world.collected).toBe(0);
});

test('it ends', () => {
  stop();
  world.held = 200 * MiB;
  expect([look(10), world.given]).toEqual([0, 0]);
});
