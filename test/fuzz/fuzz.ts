/** The fuzzer: filters, lines and dates at random to fail2ban's code and to ours, and what comes of the comparison. */
import { EdgebanError } from '../../shared/errors.ts';
import { randomFrom } from '../filter/random-dates.ts';
import { compare, isRefusedLate } from './compare.ts';
import type { Conf, Oracle, Sequence, TheirVerdict } from './oracle.ts';
import { ourConf, ourFilter, processed, sortedKeys } from './ours.ts';
import { lines_per_sequence, randomSequence } from './random-sequences.ts';
import type { Variant } from './variants.ts';

/** What can be given to `replay`: the shortest row of lines found, of which the last one differs. */
export interface Difference {
  readonly filter: string;
  readonly sequence: Sequence;
  readonly ours: unknown;
  readonly theirs: unknown;
}

export interface Tally {
  cases: number;
  agreed: number;
  failures: number;
  readonly named: Map<string, number>;
  readonly differences: Difference[];
  /** Configuration trees whose command streams differ; they are left on disk. */
  readonly trees: object[];
}

export function newTally(): Tally {
  return { cases: 0, agreed: 0, failures: 0, named: new Map(), differences: [], trees: [] };
}

/** Until there are so many cases, or `differences_max` differences. A case is one line's verdict, or one filter's conf. */
export async function fuzzFilters(
  oracle: Oracle,
  variants: readonly Variant[],
  options: { readonly cases: number; readonly seed: number; readonly differences_max: number },
  tally: Tally,
): Promise<void> {
  const { cases, seed, differences_max } = options;
  const confs = new Map<Variant, Conf | null>();
  const random = randomFrom(seed);
  for (let round = 0; tally.cases < cases && tally.differences.length < differences_max; round += 1) {
    // all of them in turn, however few cases there are
    const variant = cases > 20 * variants.length ? variants[round % variants.length] : random.pick(variants);
    if (variant === undefined) throw new Error('there are no filters');
    const known = confs.get(variant);
    const conf = known === undefined ? await readConf(oracle, variant, tally) : known;
    confs.set(variant, conf);
    if (conf === null) continue;
    const sequence = randomSequence(variant, conf, random);
    await judge(oracle, nameOf(variant), cutTo(sequence, cases - tally.cases), tally);
  }
}

function cutTo(sequence: Sequence, cases: number): Sequence {
  return cases >= lines_per_sequence ? sequence : { ...sequence, lines: sequence.lines.slice(0, Math.max(1, cases)) };
}

function nameOf({ base, name, options }: Variant): string {
  const given = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  return `${base}/filter.d/${name}[${given.join(', ')}]`;
}

/** Null where fail2ban refuses the filter, as we must, too. */
async function readConf(oracle: Oracle, variant: Variant, tally: Tally): Promise<Conf | null> {
  const { base, name, options } = variant;
  const theirs = await oracle.conf(base, name, options);
  const ours = attempt(() => ourConf(base, name, options));
  tally.cases += 1;
  const filled = (conf: Conf) => JSON.stringify(sortedKeys({ maxlines: 1, ...conf }));
  const same = 'error' in theirs ? ours === null : ours !== null && filled(ours) === filled(theirs.value);
  if (same) tally.agreed += 1;
  else tally.differences.push({ filter: nameOf(variant), sequence: emptySequence, ours, theirs });
  return 'error' in theirs ? null : theirs.value;
}

const emptySequence: Sequence = {
  conf: { failregex: [], ignoreregex: [] },
  all: false,
  usedns: 'warn',
  mode: 'unchecked',
  findtime: 600,
  lines: [],
};

async function judge(oracle: Oracle, filter: string, sequence: Sequence, tally: Tally): Promise<void> {
  const answer = oracle.judge(sequence);
  const ours = attempt(() => ourFilter(sequence));
  const theirs = await answer;
  if (ours === null || 'error' in theirs) {
    tally.cases += 1;
    if (ours === null && 'error' in theirs) tally.agreed += 1;
    else if (ours === null && 'value' in theirs && isRefusedLate(sequence, theirs.value))
      name(tally, 'broken datepattern');
    else tally.differences.push({ filter, sequence, ours: ours === null ? 'refused' : 'taken', theirs });
    return;
  }
  const found = countVerdicts(ours, theirs.value, sequence, tally);
  if (found !== null) tally.differences.push({ filter, ...(await shortest(oracle, sequence, found)) });
}

function name(tally: Tally, difference: string): void {
  tally.named.set(difference, (tally.named.get(difference) ?? 0) + 1);
}

/** Null for what we refuse. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof EdgebanError) return null;
    throw error;
  }
}

interface Found {
  /** The line that differs. */
  readonly at: number;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** The first difference that has no name; what comes after it, or after one that ends the comparison, is not counted. */
function countVerdicts(
  filter: ReturnType<typeof ourFilter>,
  theirs: readonly TheirVerdict[],
  sequence: Sequence,
  tally: Tally,
): Found | null {
  for (const [at, verdict] of theirs.entries()) {
    const line = sequence.lines[at];
    if (line === undefined) throw new Error('more verdicts than lines');
    const result = processed(filter, line, sequence.mode);
    const outcome = compare({ sequence, line, theirs: verdict, result });
    tally.cases += 1;
    tally.failures += result.failures.length;
    if (outcome.kind === 'differs') return { at, ours: outcome.ours, theirs: outcome.theirs };
    if (outcome.kind === 'agrees') tally.agreed += 1;
    else name(tally, outcome.name);
    if (outcome.kind === 'named' && outcome.ends) return null;
  }
  return null;
}

/** Leaves out lines before the one that differs as long as something differs. */
async function shortest(oracle: Oracle, sequence: Sequence, found: Found): Promise<Omit<Difference, 'filter'>> {
  let best = { sequence: { ...sequence, lines: sequence.lines.slice(0, found.at + 1) }, found };
  for (let left = best.sequence.lines.length - 2; left >= 0; left -= 1) {
    const lines = best.sequence.lines.filter((_, index) => index !== left);
    const shorter = { ...sequence, lines };
    const again = await replay(oracle, shorter);
    if (again !== null) best = { sequence: { ...shorter, lines: lines.slice(0, again.at + 1) }, found: again };
    left = Math.min(left, best.sequence.lines.length - 1);
  }
  const { ours, theirs } = best.found;
  return { sequence: best.sequence, ours, theirs };
}

/** Asks both about a sequence once more; null if they agree. */
export async function replay(oracle: Pick<Oracle, 'judge'>, sequence: Sequence): Promise<Found | null> {
  const theirs = await oracle.judge(sequence);
  const ours = attempt(() => ourFilter(sequence));
  if (ours === null || 'error' in theirs) {
    if (ours === null && ('error' in theirs || isRefusedLate(sequence, theirs.value))) return null;
    return { at: 0, ours: ours === null ? 'refused' : 'taken', theirs };
  }
  return countVerdicts(ours, theirs.value, sequence, newTally());
}
