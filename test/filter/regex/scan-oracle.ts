/** Holds a scan against the searches of each of its expressions. */
import { compilePattern, newBudget } from '../../../shared/filter/regex/compile.ts';
import type { Pattern } from '../../../shared/filter/regex/pattern.ts';
import { cannotSay, createScan, type Scan } from '../../../shared/filter/regex/scan.ts';
import { someNode } from '../../../shared/filter/regex/tree.ts';
import { re2 } from '../kit.ts';

export interface Tally {
  searches: number;
  matches: number;
  /** Where the scan promises to say exactly what the search says. */
  exact: number;
  /** Named by the scan without a match. */
  needless: number;
  undecided: number;
}

export const newTally = (): Tally => ({ searches: 0, matches: 0, exact: 0, needless: 0, undecided: 0 });

const encoder = new TextEncoder();
const widened: ReadonlySet<string> = new Set(['look', 'backref', 'conditional', 'atomic']);

/** Regular, without counts that are not counted. */
function isExact(pattern: Pattern): boolean {
  return !someNode(pattern.tree.root, (node) => {
    return widened.has(node.kind) || (node.kind === 'repeat' && node.min > 0 && node.max !== Infinity && node.max > 90);
  });
}

export class Scanned {
  readonly patterns: readonly Pattern[];
  readonly scan: Scan;
  /** Names at least as many. */
  readonly #soon: Scan;
  readonly #exact: readonly boolean[];

  constructor(patterns: readonly Pattern[]) {
    this.patterns = patterns;
    const trees = patterns.map(({ tree }) => tree);
    this.scan = createScan(trees);
    this.#soon = createScan(trees, true);
    this.#exact = patterns.map(isExact);
  }

  /** The expressions that may match, or null where the scan cannot say. */
  named(text: string): readonly number[] | null {
    return namedBy(this.scan, text);
  }

  /** What is wrong with the scan's answer, put for a person to read; empty where it is right. */
  faults(text: string, tally: Tally): string[] {
    const named = this.named(text);
    const soon = namedBy(this.#soon, text);
    if (named === null) tally.undecided += 1;
    if (named === null) return [];
    return this.patterns.flatMap((pattern, index) => {
      const budget = newBudget();
      const matches = pattern.search(text, budget) !== null;
      if (budget.exhausted) return [];
      const isNamed = named.includes(index);
      // Python finds no \B in an empty text
      const exact = this.#exact[index] === true && /^[\0-\x7f]+$/.test(text);
      tally.searches += 1;
      tally.matches += Number(matches);
      tally.exact += Number(exact);
      tally.needless += Number(isNamed && !matches);
      const isWrong = matches ? !isNamed || soon?.includes(index) === false : isNamed && exact;
      return isWrong ? [`${pattern.source} in ${JSON.stringify(text)}: a match is ${matches}`] : [];
    });
  }
}

function namedBy(scan: Scan, text: string): readonly number[] | null {
  const bytes = encoder.encode(`<${text}>`);
  const set = scan.scan(bytes, 1, bytes.length - 1);
  if (set === cannotSay) return null;
  const named: number[] = [];
  for (let i = scan.next(set, 0); i !== -1; i = scan.next(set, i + 1)) named.push(i);
  return named;
}

export function scanned(sources: readonly string[], multiline = false): Scanned {
  return new Scanned(sources.map((source) => compilePattern(source, { re2, multiline })));
}
