/** RE2 at its slowest: where it keeps thousands of ways open in a text, a line's time is watched and not only its steps. */
import { describe, expect, it } from 'vitest';
import { threadClock } from '../../../host-agent/agent/ports.ts';
import { createRe2 } from '../../../host-agent/system/re2.ts';
import { randomOf } from '../../random.ts';
import { bytesOf, filterOf, portsWith } from '../kit.ts';

const cpu_ms_max = 50;
const now = 1_780_272_000;
const random = randomOf(7);
/** Letters without any order. */
const letters = (count: number) => Array.from({ length: count }, () => (random() < 0.5 ? 'a' : 'b')).join('');

const alternatives = (n: number) => Array.from({ length: 300 }, () => letters(20) + n).join('|');
const filters: Readonly<Record<string, (n: number) => string>> = {
  'many alternatives': (n) => `(?:${alternatives(n)}) <HOST>`,
  'counted repeats': (n) => `(?:[ab]{1,10}a){1,9}c${n} <HOST>`,
  'counted repeats in each other': (n) => `(?:[ab]{1,20}a[ab]{0,20}b){1,4}(?:a.{40}b.{30}|b.{20}a){1,2}c${n} <HOST>`,
  'a letter long before another': (n) => `(?:\\w|b)*a(?:\\w|\\d){${50 + n}}c${n} <HOST>`,
};

describe(`twenty expressions together cost a line at most ${cpu_ms_max} ms`, () => {
  it.each(Object.keys(filters))('%s', (name) => {
    const regexes = Array.from({ length: 20 }, (_, n) => filters[name]?.(n) ?? '');
    for (const length of [300, 2_000, 16_384, 65_536]) {
      const line = bytesOf(`${letters(length)} 192.0.2.1`);
      const spent = [1, 2].map(() => {
        // anew: what was learnt of an expression's price would make the second time cheap
        const filter = filterOf(regexes, { usedns: 'no' }, portsWith({ re2: createRe2(), clock: threadClock }));
        for (const text of ['a', 'b 192.0.2.1', 'é']) filter.process({ bytes: bytesOf(text) }, now);
        const begun = threadClock.cpu_ms();
        filter.process({ bytes: line }, now);
        return threadClock.cpu_ms() - begun;
      });
      expect(Math.min(...spent), `${length} letters`).toBeLessThanOrEqual(cpu_ms_max);
    }
  });

  it('a line that takes too long is a miss with its regex, and the next one is judged', () => {
    const regexes = [
      '^no <HOST>$',
      ...Array.from({ length: 20 }, (_, n) => filters['counted repeats']?.(n) ?? ''),
      '<HOST>$',
    ];
    const filter = filterOf(regexes, { usedns: 'no' }, portsWith({ clock: threadClock }));
    const result = filter.process({ bytes: bytesOf(`${letters(16_384)} 192.0.2.1`) }, now);
    expect(result).toMatchObject({ status: 'missed', failures: [], trouble: { kind: 'steps' } });
    expect(result.trouble?.where).toMatch(/^failregex \d+$/);
    expect(filter.process({ bytes: bytesOf('x 192.0.2.1') }, now).failures).toHaveLength(1);
  });

  it('the clock decides, and it is not read for ordinary lines', () => {
    let reads = 0;
    let clock_ms = 0;
    const clock = { cpu_ms: () => clock_ms, wall_ms: () => ++reads && clock_ms };
    const filter = filterOf(['^x+ <HOST>$'], { usedns: 'no' }, portsWith({ clock }));
    expect(filter.process({ bytes: bytesOf('xx 192.0.2.1') }, now).failures).toHaveLength(1);
    expect(reads).toBe(0);
    const long = bytesOf(`${'x'.repeat(30_000)} 192.0.2.1`);
    expect(filter.process({ bytes: long }, now)).toMatchObject({ trouble: null, failures: [{ id: '192.0.2.1' }] });
    expect(reads).toBeGreaterThan(0);
    const slow = { cpu_ms: () => (clock_ms += 30), wall_ms: () => clock_ms };
    const late = filterOf(['^x+ <HOST>$'], { usedns: 'no' }, portsWith({ clock: slow }));
    expect(late.process({ bytes: long }, now).trouble).toMatchObject({ kind: 'steps' });
    // others have the machine: the thread has not computed
    const busy = { cpu_ms: () => 0, wall_ms: () => (clock_ms += 30) };
    const regexes = [...Array.from({ length: 200 }, (_, n) => `^x*é${n} <HOST>$`), '^x+ <HOST>$'];
    const short = bytesOf(`${'x'.repeat(500)} 192.0.2.1`);
    const waiting = filterOf(regexes, { usedns: 'no' }, portsWith({ clock: busy }));
    expect(waiting.process({ bytes: short }, now).failures).toHaveLength(1);
    const working = filterOf(regexes, { usedns: 'no' }, portsWith({ clock: slow }));
    expect(working.process({ bytes: short }, now).trouble).toMatchObject({ kind: 'steps' });
  });
});
