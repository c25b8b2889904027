/** Compiles Python's regular expressions for searching: RE2 where it finds what Python finds, and the exact matcher behind it. */

import { EdgebanError } from '../../errors.ts';
import type { Alike } from './alike.ts';
import { dropLooks } from './analysis.ts';
import { assemble } from './assemble.ts';
import { Matcher } from './matcher.ts';
import { parsePattern } from './parse.ts';
import type { Budget, Pattern, PatternMatch, PatternOptions, Re2 } from './pattern.ts';
import { PricedProgram, spend } from './priced.ts';
import { compileProgram } from './program.ts';
import { type QuickSearch, quickSearch } from './quick.ts';
import { ascii_bytes_max, Subject } from './subject.ts';
import { type Alphabet, type Translation, toRe2 } from './to-re2.ts';
import type { Tree } from './tree.ts';
import type { Watch } from './watch.ts';

/** Steps that the searches of one line may take together; the matcher takes five to twenty million a second. */
export const lineStepsMax = 100_000;
/** Steps that the matcher may try for before RE2 is asked for the groups. */
const briefStepsMax = 2_000;
/** Steps that it counts as to generate the code, for each state of RE2's. */
const quickMakingCost = 100;
/** What the matcher must be able to spend, a character, to be started at all: it may go through a text in one step. */
const matcherCost = 1 / 4;

/** `watch` also limits the time; without one only steps count. */
export function newBudget(steps = lineStepsMax, watch?: Watch): Budget {
  watch?.begin();
  return { steps, exhausted: false, watch };
}

/** For the next line, as a new one. */
export function renewBudget(budget: Budget): void {
  budget.steps = lineStepsMax;
  budget.exhausted = false;
  budget.watch?.begin();
}

/** A translation, compiled; without a program where RE2 finds it too large. */
interface Route {
  readonly program: PricedProgram | null;
  readonly translation: Translation;
}

type Span = readonly [number, number];

class Match implements PatternMatch {
  readonly #text: Subject;
  readonly #marks: ArrayLike<number>;
  readonly #names: ReadonlyMap<string, number>;
  #groups: Readonly<Record<string, string | undefined>> | null = null;

  /** `marks` are the start and the end of the match and of each group that is kept, -1 where unset. */
  constructor(text: Subject, marks: ArrayLike<number>, names: ReadonlyMap<string, number>) {
    this.#text = text;
    this.#marks = marks;
    this.#names = names;
  }

  /** Made when they are first asked for. */
  get groups(): Readonly<Record<string, string | undefined>> {
    if (this.#groups !== null) return this.#groups;
    const groups: Record<string, string | undefined> = {};
    for (const [name, group] of this.#names) groups[name] = this.caught(group);
    this.#groups = groups;
    return groups;
  }

  caught(group: number): string | undefined {
    const start = this.#marks[2 * group] ?? -1;
    const end = this.#marks[2 * group + 1] ?? -1;
    return start >= 0 && end >= start ? this.#text.slice(start, end) : undefined;
  }

  agrees(other: PatternMatch, from: number, otherFrom: number): boolean {
    if (!(other instanceof Match) || other.#names !== this.#names) return false;
    if (other.#marks === this.#marks && from === otherFrom) return true;
    for (let mark = 2; mark < this.#marks.length; mark += 1) {
      const here = this.#marks[mark] ?? -1;
      const there = other.#marks[mark] ?? -1;
      if (here < 0 || there < 0 ? here !== there : here - from !== there - otherFrom) return false;
    }
    return true;
  }

  get start(): number {
    return this.#marks[0] ?? 0;
  }

  get end(): number {
    return this.#marks[1] ?? 0;
  }

  span(group: string | number): Span | null {
    const index = typeof group === 'number' ? group : this.#names.get(group);
    return index === undefined ? null : this.#spanOf(index);
  }

  #spanOf(group: number): Span | null {
    const start = this.#marks[2 * group] ?? -1;
    const end = this.#marks[2 * group + 1] ?? -1;
    return start >= 0 && end >= start ? [start, end] : null;
  }
}

class CompiledPattern implements Pattern {
  readonly source: string;
  readonly names: readonly string[];
  readonly numbers: readonly number[];
  /** Python's numbers of the groups that a match keeps, and where it keeps those with names. */
  readonly #kept: readonly number[];
  readonly #places: ReadonlyMap<string, number>;
  readonly tree: Tree;
  readonly #re2: Re2;
  readonly #briefSteps: number;
  readonly #alike: boolean;
  readonly #ascii: Route;
  readonly #unicode: Route;
  #matcher: Matcher | null = null;
  /** Null where there is none; undefined until it is asked for. */
  #quick: QuickSearch | null | undefined;

  constructor(source: string, tree: Tree, options: PatternOptions) {
    this.source = source;
    this.names = [...tree.names.keys()];
    this.#re2 = options.re2;
    this.tree = tree;
    this.#briefSteps = options.briefSteps ?? briefStepsMax;
    this.#alike = options.alike ?? false;
    const all = Array.from({ length: tree.groups }, (_, i) => i + 1);
    this.#kept = options.numbered === true ? all : [...tree.names.values()];
    this.#places = new Map(this.names.map((name) => [name, 1 + this.#kept.indexOf(tree.names.get(name) ?? 0)]));
    this.numbers = [...this.#places.values()];
    this.#ascii = this.#route('ascii');
    // Now, and not when an attacker's line asks for it: it takes longer than a search.
    this.#unicode = this.#route('unicode');
    // The matcher is made when it is needed first; what is too large for it is refused now.
    compileProgram(tree);
  }

  /** How texts are searched, for tests and figures. */
  get fit(): Translation['fit'] {
    return this.#ascii.program === null ? 'wider' : this.#ascii.translation.fit;
  }

  get alike(): Alike | null {
    return this.#quick?.alike ?? null;
  }

  search(text: string | Subject, budget?: Budget): PatternMatch | null {
    const allowed = budget ?? newBudget();
    const subject = typeof text === 'string' ? Subject.ofText(text) : text;
    const match = allowed.exhausted ? null : this.#search(subject, allowed);
    if (budget === undefined && allowed.exhausted) {
      throw new EdgebanError('ERR_REGEX_STEPS', `a search took more than ${lineStepsMax} steps`, {
        remedy: 'make the regular expression more specific',
      });
    }
    return match;
  }

  #search(subject: Subject, budget: Budget): PatternMatch | null {
    const quickly = subject.bytes === null ? undefined : this.#searchQuickly(subject, subject.bytes, budget);
    return quickly === undefined ? this.#searchText(subject, budget) : quickly;
  }

  #searchText(subject: Subject, budget: Budget): PatternMatch | null {
    const given = subject.text;
    const bytes = this.#re2.encode(given);
    // as long in bytes as in characters: ASCII, and so well formed
    const isAscii = bytes.length === given.length;
    const text = isAscii || given.isWellFormed() ? subject : Subject.ofText(given.toWellFormed());
    const quickly = isAscii && subject.bytes === null ? this.#searchQuickly(subject, bytes, budget) : undefined;
    return quickly === undefined
      ? this.#searchByRoute(text, bytes, bytes.length === text.length ? this.#ascii : this.#unicode, budget)
      : quickly;
  }

  #searchByRoute(
    text: Subject,
    bytes: Uint8Array,
    { program, translation }: Route,
    budget: Budget,
  ): PatternMatch | null {
    if (program === null) return this.#searchExactly(text, budget);
    if (!program.test(bytes, budget)) return null;
    if (!fits(translation, text.text)) return this.#searchExactly(text, budget);
    // For its groups RE2 takes longer than the matcher does on most lines.
    const allowed = Math.min(this.#briefSteps, budget.steps);
    const brief: Budget = { steps: allowed, exhausted: false };
    const match = this.#runMatcher(text, brief);
    budget.steps -= allowed - brief.steps;
    return brief.exhausted ? this.#searchByRe2(text, program, translation, budget) : match;
  }

  /** Undefined where the generated code cannot tell. The text stands at its start in `bytes`. */
  #searchQuickly(text: Subject, bytes: Uint8Array, budget: Budget): PatternMatch | null | undefined {
    if (text.length > Math.min(ascii_bytes_max, budget.steps)) return undefined;
    if (this.#quick === undefined && !this.#makeQuick(budget)) return undefined;
    const marks = this.#quick?.search(bytes, text.start, text.end, budget, this.#briefSteps, text.base);
    return marks === undefined || marks === null ? marks : new Match(text, marks, this.#places);
  }

  /** A line makes a few at the most: each takes as long as many searches. False if it is another line's turn. */
  #makeQuick(budget: Budget): boolean {
    if (this.#briefSteps === 0) {
      this.#quick = null;
      return true;
    }
    if (budget.steps < (3 * lineStepsMax) / 4) return false;
    this.#quick = quickSearch(this.tree, this.#re2, { kept: this.#kept, alike: this.#alike });
    const cost = quickMakingCost * this.#ascii.translation.size;
    // what is left has to do for the searches of the line
    budget.steps = Math.max(lineStepsMax / 2, budget.steps - cost);
    return true;
  }

  #searchByRe2(text: Subject, program: PricedProgram, { groups }: Translation, budget: Budget): PatternMatch | null {
    const found = program.exec(text.text, budget);
    if (found === null) return null;
    const marks = [0, ...this.#kept].flatMap((group) => {
      const place = group === 0 ? 0 : 1 + groups.indexOf(group);
      return group > 0 && place === 0 ? [-1, -1] : [found[2 * place] ?? -1, found[2 * place + 1] ?? -1];
    });
    return new Match(text, marks, this.#places);
  }

  #searchExactly(text: Subject, budget: Budget): PatternMatch | null {
    return spend(budget, text.length * matcherCost) ? this.#runMatcher(text, budget) : null;
  }

  #runMatcher(text: Subject, budget: Budget): PatternMatch | null {
    this.#matcher ??= new Matcher(assemble(compileProgram(this.tree)));
    const marks = this.#matcher.search(text.text, budget);
    if (marks === null) return null;
    const kept = [0, ...this.#kept].flatMap((group) => [marks[2 * group] ?? -1, marks[2 * group + 1] ?? -1]);
    return new Match(text, kept, this.#places);
  }

  #route(alphabet: Alphabet): Route {
    const translation = toRe2(this.tree, alphabet, new Set(this.#kept));
    if (alphabet === 'unicode' && translation.source === this.#ascii.translation.source) {
      return { program: this.#ascii.program, translation };
    }
    return { program: compiled(this.#re2, translation), translation };
  }
}

/** Null where RE2 refuses: what it is given is sound, so it can only be too large for it. */
function compiled(re2: Re2, { source, size }: Translation): PricedProgram | null {
  try {
    return new PricedProgram(re2.compile(source), size);
  } catch {
    return null;
  }
}

/** Whether RE2's match is Python's in this text. */
function fits({ fit }: Translation, text: string): boolean {
  if (text === '' || fit === 'wider') return false;
  if (fit === 'exact') return true;
  const at = text.indexOf('\n');
  return at === -1 || at === text.length - 1;
}

/**
 * Compiles a regular expression of Python's. Throws ERR_REGEX_SYNTAX for what Python refuses, and ERR_REGEX_UNSUPPORTED for
 * what we do, with the construct and its place.
 */
export function compilePattern(source: string, options: PatternOptions): CompiledPattern {
  const tree = parsePattern(source, options);
  return new CompiledPattern(source, { ...tree, root: dropLooks(tree.root) }, options);
}
