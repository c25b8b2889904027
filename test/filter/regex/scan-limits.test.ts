/** No line and no number of lines takes a scan beyond its limits of time and memory, and what they do is forgotten. */
import { describe, expect, it } from 'vitest';
import { compilePattern } from '../../../shared/filter/regex/compile.ts';
import { columnsOf } from '../../../shared/filter/regex/scan-classes.ts';
import { scanNfa } from '../../../shared/filter/regex/scan-nfa.ts';
import { ScanStates, wordsMax } from '../../../shared/filter/regex/scan-states.ts';
import { randomOf } from '../../random.ts';
import { re2 } from '../kit.ts';
import { cpuMs } from './cpu.ts';
import { newTally, scanned } from './scan-oracle.ts';

const cpu_ms_max = 20;
/** Each text leads to new states. */
const exploding = ['(a|b)*a(a|b){12}c', '(a|b)*b(a|b){14}d', '^x(?:[ab]{0,9}a){1,9}z', '.*a.{20}b.{20}c'];

function letters(random: () => number, length: number): string {
  return Array.from({ length }, () => (random() < 0.5 ? 'a' : 'b')).join('');
}

describe('an expression with ever new states', () => {
  it(`costs at most ${cpu_ms_max} ms a line`, () => {
    const all = scanned(exploding);
    const random = randomOf(1);
    for (let i = 0; i < 20; i++) {
      const text = letters(random, 20_000);
      expect(cpuMs(cpu_ms_max, () => all.named(text))).toBeLessThan(cpu_ms_max);
    }
  });

  it('is given up for a line, never wrong', () => {
    const all = scanned(exploding);
    const random = randomOf(2);
    const tally = newTally();
    for (let i = 0; i < 150; i++) {
      const text = letters(random, i % 3 === 0 ? 300 : 18) + (random() < 0.5 ? 'c' : 'd');
      expect(all.faults(text, tally)).toEqual([]);
    }
    expect(tally.undecided).toBeGreaterThan(0);
    expect(tally.matches).toBeGreaterThan(0);
  });

  it('makes a few hundred states for one line at the most', () => {
    const made = walk(statesOf(exploding), letters(randomOf(5), 100_000));
    expect(made).toBeGreaterThan(20);
    expect(made).toBeLessThan(1_000);
  });

  it('takes bounded memory', () => {
    const states = statesOf(exploding);
    const random = randomOf(3);
    let most = 0;
    let forgotten = 0;
    for (let i = 0; i < 400; i++) {
      const before = states.words;
      walk(states, letters(random, 200));
      if (states.words < before) forgotten += 1;
      most = Math.max(most, states.words);
    }
    expect(forgotten).toBeGreaterThan(0);
    // one state more than the limit lets be made
    expect(most).toBeLessThan(wordsMax * 1.1);
    expect(states.table.length).toBeLessThanOrEqual(2 * wordsMax);
  });

  it('makes few states more once they have cost too much over many lines', () => {
    const states = statesOf(['^x(a|b)*a(a|b){14}c']);
    const random = randomOf(4);
    const steps = (lines: number) => {
      let made = 0;
      for (let i = 0; i < lines; i++) made += walk(states, `x${letters(random, 400)}c`);
      return made;
    };
    expect(steps(200)).toBeGreaterThan(10_000);
    // what each line earns is good for a few
    expect(steps(500)).toBeLessThan(500 * 5);
    // and so are lines of the ordinary kind, by and by
    for (let i = 0; i < 10; i++) walk(states, 'no x');
    expect(walk(states, 'no x')).toBe(0);
  });
});

function statesOf(sources: readonly string[]): ScanStates {
  return new ScanStates(scanNfa(sources.map((source) => compilePattern(source, { re2 }).tree)));
}

/** How many states or ways to them had to be made. */
function walk(states: ScanStates, text: string): number {
  let state = states.begin();
  let made = 0;
  for (let at = 0; at < text.length && state >= 0; at++) {
    const column = states.columns.ofByte[text.charCodeAt(at)] ?? 0;
    const next = states.table[state + column] ?? -1;
    if (next === -1) made += 1;
    state = next === -1 ? states.step(state, column) : next;
  }
  return made;
}

describe('the end of a scan', () => {
  const leadOf = (source: string, text: string) => {
    const states = statesOf([source]);
    return states.step(states.begin(), states.columns.ofByte[text.charCodeAt(0)] ?? 0);
  };

  it('comes as soon as nothing can match any more', () => {
    expect(leadOf('^a.*$', 'b')).toBeLessThan(0);
    expect(leadOf('^a.*$', 'a')).toBeGreaterThanOrEqual(0);
    expect(leadOf('a.*$', 'b')).toBeGreaterThanOrEqual(0);
  });

  it('comes as soon as all have matched', () => {
    expect(leadOf('a.*', 'a')).toBeLessThan(0);
    expect(statesOf(['a*', 'b?']).begin()).toBeLessThan(0);
  });

  it('is without a match where there are no expressions', () => {
    expect(scanned([]).named('a')).toEqual([]);
  });
});

describe('columns', () => {
  it('are as few as the expressions need', () => {
    const count = (source: string) => columnsOf(scanNfa([compilePattern(source, { re2 }).tree]).code).count;
    // besides ASCII: what is beyond, a last newline, the end
    expect(count('^(?s:.)*')).toBe(4 + 2);
    expect(count('(?s:[a-f]+[^0-9])')).toBe(3 + 3);
    expect(count('\\d\\w')).toBeLessThan(10);
  });
});
