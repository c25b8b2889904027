/** A filter: lines of one jail's logs go in, failures come out, by fail2ban's order of matching. */
import { EdgebanError } from '../errors.ts';
import type { Line } from '../ticket.ts';
import type { Seconds, UnixTime } from '../time.ts';
import { Candidates, Sieve } from './candidates.ts';
import type { FilterConf, FilterPorts } from './conf.ts';
import type { TemplateUse } from './datedetector.ts';
import { checkFailureId, compileRegex, type FilterRegex } from './failregex.ts';
import { addressInName, failureId, type UseDns } from './failure-id.ts';
import { type Caught, GroupNames, isSet, slot } from './groups.ts';
import { maxlines_max } from './limits.ts';
import type { LineMode } from './line-date.ts';
import { FoundFailure, failuresOf, type LineResult, missed, type PendingFailure, Verdict } from './line-result.ts';
import { LogLines } from './log-lines.ts';
import { type LineParts, splitAtMatch, textOf, wholeLine } from './matched-lines.ts';
import { newDraft, Sessions } from './mlfid.ts';
import { Prefix } from './prefix.ts';
import { compilePattern, newBudget, renewBudget } from './regex/compile.ts';
import type { Budget, PatternMatch } from './regex/pattern.ts';
import { Subject } from './regex/subject.ts';
import { Watch } from './regex/watch.ts';

export type { LocalZone } from './calendar.ts';
export type { FilterConf, FilterPorts } from './conf.ts';
export type { TemplateUse } from './datedetector.ts';
export type { RegexSource } from './failregex.ts';
export type { UseDns } from './failure-id.ts';
export type { DateNotice, LineMode } from './line-date.ts';
export {
  type FilterFailure,
  failuresOf,
  type LineResult,
  type LineStatus,
  type LineTrouble,
  type OtherHit,
  type PendingFailure,
} from './line-result.ts';
export type { LineParts } from './matched-lines.ts';

/** Compiled once, then fed line after line: dates, sessions and `maxlines` remember the lines before. */
export interface Filter {
  /** Never throws for what a line holds. `mode` is `operation` if not given. */
  process(line: Line, now: UnixTime, mode?: LineMode): LineResult;
  /** For a findtime that is changed at run time. */
  setFindtime(findtime: Seconds): void;
  /** Where its lines come from, for other filters of the same logs. */
  readonly lines: LogLines;
  /** The date templates in their present order, with hits. */
  readonly templates: readonly TemplateUse[];
  /** With its tags expanded. */
  readonly prefregex: string | null;
  /** The regexes as configured. */
  readonly failregex: readonly string[];
  /** How many lines a regex sees at once. */
  readonly maxlines: number;
  /** The lines that the next one will be looked at together with (`maxlines`), another array whenever they change. */
  readonly buffered: readonly LineParts[];
}

/**
 * Compiles a filter. `now` says which years are plausible. Throws EdgebanError: ERR_FILTER_NO_ID, ERR_FILTER_EMPTY,
 * ERR_FILTER_REGEX (each with file and line of the regex), ERR_FILTER_DATEPATTERN, ERR_FILTER_TIMEZONE, ERR_FILTER_MAXLINES.
 */
export function createFilter(conf: FilterConf, ports: FilterPorts, now: UnixTime): Filter {
  return new LineFilter(conf, ports, now);
}

class LineFilter implements Filter {
  readonly #ports: FilterPorts;
  readonly #usedns: UseDns;
  readonly #checkAll: boolean;
  readonly #withoutMatches: boolean;
  readonly #maxlines: number;
  readonly #groups = new GroupNames();
  readonly #prefregex: FilterRegex | null;
  readonly #failregexes: readonly FilterRegex[];
  readonly #ignoreregexes: readonly FilterRegex[];
  /** In which order a failure of each failregex shows its groups. */
  readonly #orders: readonly (readonly number[])[];
  readonly #sieve: Sieve | null;
  readonly #candidates: Candidates;
  readonly lines: LogLines;
  #findtime: Seconds;
  readonly #sessions = new Sessions();
  /** Of the line that is being judged. */
  readonly #budget: Budget;
  #buffer: readonly LineParts[] = [];

  constructor(conf: FilterConf, ports: FilterPorts, now: UnixTime) {
    this.#ports = ports;
    this.#budget = newBudget(undefined, ports.clock === undefined ? undefined : new Watch(ports.clock));
    this.#usedns = conf.usedns ?? 'warn';
    this.#checkAll = conf.checkAllRegex ?? false;
    this.#withoutMatches = conf.withoutMatches ?? false;
    this.#maxlines = checkedMaxlines(conf.maxlines ?? 1);
    const compile = (source: string, multiline: boolean) => compilePattern(source, { re2: ports.re2, multiline });
    const options = { compile, names: this.#usedns !== 'no', multiline: false, groups: this.#groups };
    const prefregex = conf.prefregex ?? null;
    this.#prefregex = prefregex === null ? null : compileRegex(prefregex, { ...options, what: 'prefregex' });
    this.#failregexes = conf.failregex.map((source, index) => {
      const what = `failregex ${index}`;
      const regex = compileRegex(source, { ...options, multiline: this.#maxlines > 1, what });
      checkFailureId(regex, source, this.#prefregex, what);
      return regex;
    });
    this.#ignoreregexes = conf.ignoreregex.map((source, index) =>
      compileRegex(source, { ...options, what: `ignoreregex ${index}` }),
    );
    this.#sieve = this.#prefregex === null ? null : new Sieve(this.#prefregex, ports.re2.encode);
    const first = this.#prefregex?.order ?? [];
    this.#orders = this.#failregexes.map(({ order }) => [...first, ...order]);
    this.#candidates = new Candidates(this.#failregexes, ports.re2.encode);
    this.lines = ports.lines ?? new LogLines(conf, ports, now);
    this.#findtime = conf.findtime;
  }

  get templates(): Filter['templates'] {
    return this.lines.templates;
  }

  get prefregex(): string | null {
    return this.#prefregex?.pattern.source ?? null;
  }

  get failregex(): readonly string[] {
    return this.#failregexes.map((regex) => regex.source);
  }

  get maxlines(): number {
    return this.#maxlines;
  }

  get buffered(): readonly LineParts[] {
    return this.#buffer;
  }

  setFindtime(findtime: Seconds): void {
    this.#findtime = findtime;
  }

  process(line: Line, now: UnixTime, mode: LineMode = 'operation'): LineResult {
    const budget = this.#budget;
    renewBudget(budget);
    const { dated, exhausted } = this.lines.read(line, now, mode, budget);
    if (dated === 'error') return missed({ kind: 'date', where: 'datepattern' });
    const isOld = mode === 'initial' && dated.time !== null && dated.time < now - this.#findtime;
    const verdict = new Verdict(isOld ? { ...dated, notice: 'too-old' } : dated, now, mode, budget);
    if (exhausted) verdict.giveUp('datepattern');
    else if (!isOld) this.#judge(verdict);
    return verdict.end();
  }

  #judge(verdict: Verdict): void {
    const { parts } = verdict.line;
    const lines = this.#maxlines > 1 ? this.#linesWith(parts) : null;
    const text = lines === null ? this.lines.searched(parts) : Subject.ofText(textOf(lines));
    const early = this.#ignoreregexes.length < this.#failregexes.length - 2;
    if (early && this.#isIgnored(text, verdict)) return;
    const prefix = this.#prefregex === null ? null : this.#prefix(this.#prefregex, text, verdict);
    if (this.#prefregex === null || prefix !== null)
      this.#searchAll({ lines, prefix }, prefix?.line() ?? text, verdict);
  }

  /** The line, with those before it that are still looked at. */
  #linesWith({ before, date, after }: LineParts): readonly LineParts[] {
    this.#buffer = [...this.#buffer, { before, date, after }].slice(-this.#maxlines);
    return this.#buffer;
  }

  /** Null where the prefregex does not match. */
  #prefix(prefregex: FilterRegex, text: Subject, verdict: Verdict): Prefix | null {
    const may = this.#sieve?.mayMatch(text) ?? true;
    const match = may ? this.#search(prefregex, text, 'prefregex', -1, verdict) : null;
    verdict.prefregex = match !== null;
    if (match === null) return null;
    const prefix = new Prefix(prefregex, match, text, this.#groups);
    verdict.prefixed = prefix;
    const content = this.#maxlines > 1 ? prefix.content() : null;
    if (content !== null) this.#buffer = [{ before: '', date: '', after: content }];
    return prefix;
  }

  /** A hit takes its lines out of the buffer. */
  #searchAll({ lines, prefix }: Searched, text: Subject, verdict: Verdict): void {
    let current = text;
    const candidates = this.#candidates;
    candidates.look(text);
    for (let index = candidates.next(0); index >= 0; index = candidates.next(index + 1)) {
      const regex = this.#failregexes[index];
      if (regex === undefined) return;
      const match = this.#search(regex, current, 'failregex', index, verdict);
      if (verdict.trouble !== null) return;
      if (match === null) continue;
      verdict.hit(index);
      const { matched, rest } =
        lines === null ? { matched: [verdict.line.parts], rest: noLines } : splitAtMatch(lines, current.text, match);
      const takesOut = !this.#checkAll || this.#maxlines > 1;
      const ignored = this.#isIgnored(this.#maxlines > 1 ? Subject.ofText(textOf(matched)) : current, verdict);
      if (verdict.line.time === null && verdict.mode !== 'unchecked' && !ignored) continue;
      if (takesOut) this.#buffer = rest;
      const done = ignored || this.#hit({ regex, match, index, prefix }, matched, verdict);
      if (done && !this.#checkAll) return;
      if (!takesOut) continue;
      current = Subject.ofText(textOf(rest));
      candidates.look(current);
    }
  }

  /** False where fail2ban goes on to the next regex. */
  #hit({ regex, match, index, prefix }: Found, lines: readonly LineParts[], verdict: Verdict): boolean {
    const groups = prefix?.groups() ?? this.#groups.none();
    regex.take(match, groups);
    const order = this.#orders[index] ?? regex.order;
    return this.#take({ groups, order, index }, this.#withoutMatches ? noMatches : lines.map(wholeLine), verdict);
  }

  /** Takes a hit as a failure, a part of a session, or neither. */
  #take({ groups, order, index }: Hit, lines: readonly string[], verdict: Verdict): boolean {
    const mlfid = groups[slot.mlfid];
    const inSession = typeof mlfid === 'string';
    const draft = inSession ? this.#sessions.merge(mlfid, groups, lines, verdict.now) : newDraft(groups);
    if (!inSession) draft.matches = lines;
    const quiet = isSet(draft.groups[slot.nofail]);
    if (quiet && inSession && !this.#checkAll) {
      verdict.other({ kind: 'held', regex: index, id: null });
      return true;
    }
    const id = failureId(draft.groups, this.#usedns);
    if (id.kind === 'none') draft.pending = inSession;
    if (quiet || id.kind === 'none') {
      const name = id.kind === 'none' ? null : id.kind === 'name' ? id.name : id.id;
      if (quiet || inSession) verdict.other({ kind: quiet ? 'quiet' : 'waiting', regex: index, id: name });
      return quiet || inSession;
    }
    const found = { regex: index, time: verdict.failureTime };
    const failure = new FoundFailure(draft, found, this.#groups, order);
    if (id.kind === 'id') verdict.fail([failure.of(id.id, id.ip)]);
    else this.#named({ name: id.name, failure }, verdict);
    return true;
  }

  /** One failure for each address of a name. */
  #named(pending: PendingFailure, verdict: Verdict): void {
    const plain = addressInName(pending.name);
    if (plain !== null) verdict.fail(failuresOf(pending, [plain]));
    else if (this.#usedns === 'yes' || this.#usedns === 'warn') {
      const addresses = this.#ports.resolve(pending.name);
      if (addresses === 'pending') verdict.wait(pending);
      else verdict.fail(failuresOf(pending, addresses));
    }
  }

  #isIgnored(text: Subject, verdict: Verdict): boolean {
    if (this.#ignoreregexes.length === 0) return false;
    for (const [index, regex] of this.#ignoreregexes.entries()) {
      if (this.#search(regex, text, 'ignoreregex', index, verdict) === null) continue;
      verdict.ignoredBy = index;
      return true;
    }
    return false;
  }

  /** `index` is that of one regex among several; -1 for the only one. */
  #search(regex: FilterRegex, text: Subject, what: string, index: number, verdict: Verdict): PatternMatch | null {
    const match = regex.pattern.search(text, verdict.budget);
    if (verdict.budget.exhausted) verdict.giveUp(index < 0 ? what : `${what} ${index}`);
    return match;
  }
}

/** What the prefregex caught of a text, and the lines that it was made of, where they are several (`maxlines`). */
interface Searched {
  readonly lines: readonly LineParts[] | null;
  readonly prefix: Prefix | null;
}

const noLines: readonly LineParts[] = [];
const noMatches: readonly string[] = [];

interface Found {
  readonly regex: FilterRegex;
  readonly match: PatternMatch;
  /** Of the failregex. */
  readonly index: number;
  readonly prefix: Prefix | null;
}

interface Hit {
  readonly groups: Caught;
  readonly order: readonly number[];
  /** Of the failregex. */
  readonly index: number;
}

function checkedMaxlines(maxlines: number): number {
  if (Number.isInteger(maxlines) && maxlines > 0 && maxlines <= maxlines_max) return maxlines;
  const remedy = `give a whole number from 1 to ${maxlines_max}`;
  throw new EdgebanError('ERR_FILTER_MAXLINES', `maxlines ${maxlines} cannot be used`, { remedy });
}
