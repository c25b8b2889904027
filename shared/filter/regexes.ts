/** The regexes of a filter, compiled, and which of them a text is to be searched for. */
import { Candidates } from './candidates.ts';
import type { FilterConf } from './conf.ts';
import { checkFailureId, compileRegex, type FilterRegex } from './failregex.ts';
import { GroupNames } from './groups.ts';
import { compilePattern } from './regex/compile.ts';
import type { Budget, PatternMatch, Re2 } from './regex/pattern.ts';
import type { Subject } from './regex/subject.ts';

export class Regexes {
  readonly groups = new GroupNames();
  readonly prefregex: FilterRegex | null;
  readonly failregexes: readonly FilterRegex[];
  readonly ignoreregexes: readonly FilterRegex[];
  /** In which order a failure of each failregex shows its groups. */
  readonly orders: readonly (readonly number[])[];
  /** Which failregexes may match a text. */
  readonly candidates: Candidates;
  readonly #mayHavePrefix: Candidates | null;

  /** Throws ERR_FILTER_NO_ID, ERR_FILTER_EMPTY, ERR_FILTER_REGEX, each with file and line of the regex. */
  constructor(conf: FilterConf, re2: Re2, maxlines: number) {
    const compile = (source: string, multiline: boolean) => compilePattern(source, { re2, multiline });
    const options = { compile, names: conf.usedns !== 'no', multiline: false, groups: this.groups };
    const prefregex = conf.prefregex ?? null;
    this.prefregex = prefregex === null ? null : compileRegex(prefregex, { ...options, what: 'prefregex' });
    this.failregexes = conf.failregex.map((source, index) => {
      const what = `failregex ${index}`;
      const regex = compileRegex(source, { ...options, multiline: maxlines > 1, what });
      checkFailureId(regex, source, this.prefregex, what);
      return regex;
    });
    this.ignoreregexes = conf.ignoreregex.map((source, index) =>
      compileRegex(source, { ...options, what: `ignoreregex ${index}` }),
    );
    const first = this.prefregex?.order ?? [];
    this.orders = this.failregexes.map(({ order }) => [...first, ...order]);
    this.candidates = new Candidates(this.failregexes, re2.encode);
    this.#mayHavePrefix = this.prefregex === null ? null : new Candidates([this.prefregex], re2.encode);
  }

  /** Null where the prefregex does not match, or there is none. */
  matchPrefix(text: Subject, budget: Budget): PatternMatch | null {
    const may = this.#mayHavePrefix?.look(text) ?? false;
    return may ? (this.prefregex?.pattern.search(text, budget) ?? null) : null;
  }
}
