/** The scan names every failregex that a line hits: of the filters that we ship and of fail2ban's, lines changed by chance too. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { compilePattern } from '../../../shared/filter/regex/compile.ts';
import { expandTags, localFlags } from '../../../shared/filter/tags.ts';
import { checkout } from '../../config/oracle.ts';
import { randomOf } from '../../random.ts';
import { re2 } from '../kit.ts';
import { readSamples, samplesDir, shippedConf } from '../shipped.ts';
import { newTally, Scanned, type Tally } from './scan-oracle.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? 20261123);
/** How many changed lines our filters see for each of their own; fail2ban's, which has many more lines, one. */
const changedPerLine = 3;

interface Subjects {
  readonly prefregex: string | null;
  readonly failregex: readonly string[];
  readonly multiline: boolean;
  readonly lines: readonly string[];
}

const datePattern = /^(?:\w{3} +\d+ [\d:]+|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)/;

/** Cuts, copies, overwrites, and joins lines; one in ten gets a character from beyond ASCII. */
class Changer {
  readonly #random: () => number;
  readonly #lines: readonly string[];

  constructor(lines: readonly string[]) {
    this.#random = randomOf(seed);
    this.#lines = lines;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  changed(line: string): string {
    let text = line;
    for (let times = 1 + this.#below(3); times > 0; times--) text = this.#once(text);
    return text;
  }

  #once(text: string): string {
    const at = this.#below(text.length + 1);
    const other = this.#lines[this.#below(this.#lines.length)] ?? '';
    const from = this.#below(other.length);
    const code = this.#below(this.#random() < 0.1 ? 0x300 : 128);
    switch (this.#below(4)) {
      case 0:
        return text.slice(0, at) + text.slice(at + 1 + this.#below(6));
      case 1:
        return text.slice(0, at) + other.slice(from, from + 8) + text.slice(at);
      case 2:
        return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
      default:
        return text.slice(0, at) + other.slice(from);
    }
  }
}

function compileAll(sources: readonly string[], multiline: boolean) {
  return sources.map((source) =>
    compilePattern(localFlags(expandTags(source, true)), { re2, multiline, briefSteps: 0 }),
  );
}

/** What is wrong with the scans of one filter, of its prefregex and of its failregexes behind that. */
function faultsOf(subjects: Subjects, changer: Changer, tally: Tally, changedEach = changedPerLine): string[] {
  const { prefregex, failregex, multiline, lines } = subjects;
  const all = new Scanned(compileAll(failregex, multiline));
  const first = prefregex === null ? null : new Scanned(compileAll([prefregex], false));
  const faults: string[] = [];
  for (const line of lines) {
    const changed = Array.from({ length: changedEach }, () => changer.changed(line));
    for (const text of [line, ...changed].map((each) => each.replace(datePattern, ''))) {
      if (first !== null) faults.push(...first.faults(text, tally));
      const content = first?.patterns[0]?.search(text)?.groups['content'] ?? text;
      faults.push(...all.faults(prefregex === null ? content : `${content}\n`, tally));
    }
  }
  return faults;
}

function expectUseful(tally: Tally): void {
  expect(tally.matches).toBeGreaterThan(tally.searches / 100);
  expect(tally.needless).toBeLessThan(tally.matches / 20);
  expect(tally.undecided).toBe(0);
}

describe('our own filters', () => {
  const files = readdirSync(samplesDir).filter((file) => file.endsWith('.txt'));
  const samples = files.map((file) => ({ name: file.replace(/\.txt$/, ''), samples: readSamples(file) }));
  const changer = new Changer(samples.flatMap((each) => each.samples.map(({ text }) => text)));
  const tally = newTally();

  it.each(samples)('$name', ({ name, samples }) => {
    for (const options of new Set(samples.map((sample) => sample.options))) {
      const { failregex, prefregex } = shippedConf(name, options);
      const lines = samples.filter((sample) => sample.options === options).map(({ text }) => text);
      const sources = failregex.map(({ regex }) => regex);
      const subjects = { prefregex: prefregex?.regex ?? null, failregex: sources, multiline: false, lines };
      expect(faultsOf(subjects, changer, tally)).toEqual([]);
    }
  });

  it('are told apart', () => expectUseful(tally));
});

const confSchema = z.object({
  failregex: z.array(z.string()),
  prefregex: z.string().optional(),
  maxlines: z.coerce.number().optional(),
});
const rowSchema = z.intersection(
  z.object({ key: z.string() }),
  z.union([z.object({ conf: confSchema }), z.object({ text: z.string() })]),
);

function readCorpus(path: string): Subjects[] {
  const program = new URL('../f2b-corpus.py', import.meta.url).pathname;
  const output = execFileSync('python3', [program, path], { maxBuffer: 1 << 28, encoding: 'utf8' });
  const filters = new Map<string, Subjects & { lines: string[] }>();
  for (const row of output.trim().split('\n')) {
    const parsed = rowSchema.parse(JSON.parse(row));
    if ('text' in parsed) filters.get(parsed.key)?.lines.push(parsed.text);
    else {
      const { failregex, prefregex = null, maxlines = 1 } = parsed.conf;
      filters.set(parsed.key, { prefregex, failregex, multiline: maxlines > 1, lines: [] });
    }
  }
  return [...filters.values()];
}

it("fail2ban's filters", { timeout: 300_000 }, (ctx) => {
  const filters = readCorpus(checkout(ctx));
  const changer = new Changer(filters.flatMap(({ lines }) => lines));
  const tally = newTally();
  for (const filter of filters) expect(faultsOf(filter, changer, tally, 1)).toEqual([]);
  expect(filters.length).toBeGreaterThan(100);
  expectUseful(tally);
});
