/** A filter: lines of one jail's logs go in, failures come out, by fail2ban's order of matching. */
import { EdgebanError } from '../errors.ts';
import type { Line } from '../ticket.ts';
import type { Seconds, UnixTime } from '../time.ts';
import type { LocalZone } from './calendar.ts';
import { dateConf } from './date-kit.ts';
import type { TemplateUse } from './datedetector.ts';
import { checkFailureId, compileRegex, type FilterRegex, type Groups, isSet, type RegexSource } from './failregex.ts';
import { addressInName, failureId, type UseDns } from './failure-id.ts';
import { cutMark, line_bytes_max, maxlines_max } from './limits.ts';
import { LineDates, type LineMode } from './line-date.ts';
import {
  failureOf,
  failuresOf,
  type LineResult,
  missed,
  newVerdict,
  type PendingFailure,
  resultOf,
  type Verdict,
} from './line-result.ts';
import { type LineParts, splitAtMatch, textOf, wholeLine } from './matched-lines.ts';
import { newDraft, Sessions } from './mlfid.ts';
import { compilePattern, newBudget } from './regex/compile.ts';
import type { PatternMatch, Re2 } from './regex/pattern.ts';
import { type Clock, Watch } from './regex/watch.ts';

export type { LocalZone } from './calendar.ts';
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

/** What a jail says about its filter, every tag of the configuration's own language already replaced. */
export interface FilterConf {
  readonly failregex: readonly RegexSource[];
  readonly ignoreregex: readonly RegexSource[];
  readonly prefregex?: RegexSource | null;
  /** How many lines a regex may see at once; 1 if not given. */
  readonly maxlines?: number;
  /** One pattern a line; fail2ban's default list if not given or empty. */
  readonly datepattern?: string | null;
  /** For dates without a zone; the host's zone if not given. */
  readonly logtimezone?: string | null;
  /** `warn` if not given. */
  readonly usedns?: UseDns;
  /** Older lines are left out in `initial` mode. */
  readonly findtime: Seconds;
  /** Try every failregex instead of stopping at the first hit, as fail2ban-regex does. */
  readonly checkAllRegex?: boolean;
}

/** What a filter is handed by the host. */
export interface FilterPorts {
  readonly re2: Re2;
  readonly zone: LocalZone;
  /** Text of a line by the jail's logencoding; bytes that are none become U+FFFD, nothing is thrown. */
  decode(bytes: Uint8Array): string;
  /** Addresses of a name from a cache; `pending` where the answer is still being fetched. Never waits. */
  resolve(name: string): readonly string[] | 'pending';
  /** Where the host has one, a line that takes too long is a miss; without one only steps are counted. */
  readonly clock?: Clock;
}

/** Compiled once, then fed line after line: dates, sessions and `maxlines` remember the lines before. */
export interface Filter {
  /** Never throws for what a line holds. `mode` is `operation` if not given. */
  process(line: Line, now: UnixTime, mode?: LineMode): LineResult;
  /** For a findtime that is changed at run time. */
  setFindtime(findtime: Seconds): void;
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
  readonly #maxlines: number;
  readonly #prefregex: FilterRegex | null;
  readonly #failregexes: readonly FilterRegex[];
  readonly #ignoreregexes: readonly FilterRegex[];
  readonly #dates: LineDates;
  readonly #sessions = new Sessions();
  readonly #watch: Watch | undefined;
  #buffer: readonly LineParts[] = [];

  constructor(conf: FilterConf, ports: FilterPorts, now: UnixTime) {
    this.#ports = ports;
    this.#watch = ports.clock === undefined ? undefined : new Watch(ports.clock);
    this.#usedns = conf.usedns ?? 'warn';
    this.#checkAll = conf.checkAllRegex ?? false;
    this.#maxlines = checkedMaxlines(conf.maxlines ?? 1);
    const compile = (source: string, multiline: boolean) => compilePattern(source, { re2: ports.re2, multiline });
    const options = { compile, names: this.#usedns !== 'no', multiline: false };
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
    this.#dates = new LineDates(dateConf(conf, ports, now), conf.findtime);
  }

  get templates(): Filter['templates'] {
    return this.#dates.templates;
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
    this.#dates.findtime = findtime;
  }

  process(line: Line, now: UnixTime, mode: LineMode = 'operation'): LineResult {
    const budget = newBudget(undefined, this.#watch);
    const text = this.#textOf(line.bytes);
    const dated =
      line.time === undefined
        ? this.#dates.find(text, now, mode, budget)
        : this.#dates.known(text, line.time, now, mode);
    if (dated === 'error') return missed({ kind: 'date', where: 'datepattern' });
    const verdict = newVerdict(dated, now, mode, budget);
    if (budget.exhausted) verdict.trouble = { kind: 'steps', where: 'datepattern' };
    else if (dated.notice !== 'too-old') this.#judge(verdict);
    return resultOf(verdict);
  }

  #textOf(bytes: Uint8Array): string {
    const text = this.#ports.decode(bytes.length > line_bytes_max ? bytes.subarray(0, line_bytes_max) : bytes);
    return bytes.length > line_bytes_max ? text + cutMark : text.replace(/[\r\n]+$/, '');
  }

  #judge(verdict: Verdict): void {
    this.#buffer =
      this.#maxlines > 1 ? [...this.#buffer, verdict.line.parts].slice(-this.#maxlines) : [verdict.line.parts];
    const lines = this.#buffer;
    const text = textOf(lines);
    const early = this.#ignoreregexes.length < this.#failregexes.length - 2;
    if (early && this.#isIgnored(text, verdict)) return;
    const prefix = this.#prefix(text, verdict);
    if (prefix !== null) this.#searchAll(lines, prefix, verdict);
  }

  /** The text that the failregexes see; null where the prefregex does not match. */
  #prefix(text: string, verdict: Verdict): string | null {
    if (this.#prefregex === null) return text;
    const match = this.#search(this.#prefregex, text, 'prefregex', verdict);
    verdict.prefregex = match !== null;
    if (match === null) return null;
    const { groupsOf } = this.#prefregex;
    verdict.prefix = () => groupsOf(match);
    const content = this.#prefregex.merges ? groupsOf(match)['content'] : match.groups['content'];
    if (typeof content !== 'string' || content === '') return text;
    this.#buffer = [{ before: '', date: '', after: content }];
    return `${content}\n`;
  }

  /** `lines` are what the text was made of; a hit takes its lines out of the buffer. */
  #searchAll(lines: readonly LineParts[], text: string, verdict: Verdict): void {
    let current = text;
    for (const [index, regex] of this.#failregexes.entries()) {
      if (!mayStart(regex, current)) continue;
      const match = this.#search(regex, current, `failregex ${index}`, verdict);
      if (verdict.trouble !== null) return;
      if (match === null) continue;
      verdict.hits.push(index);
      const { matched, rest } = splitAtMatch(lines, current, match);
      const takesOut = !this.#checkAll || this.#maxlines > 1;
      const ignored = this.#isIgnored(this.#maxlines > 1 ? textOf(matched) : current, verdict);
      if (verdict.line.time === null && verdict.mode !== 'unchecked' && !ignored) continue;
      if (takesOut) this.#buffer = rest;
      if (takesOut || ignored) current = textOf(this.#buffer);
      if (ignored && !this.#checkAll) return;
      if (ignored) continue;
      const groups = { ...prefixGroups(verdict), ...regex.groupsOf(match) };
      const done = this.#take(groups, matched.map(wholeLine), index, verdict);
      if (done && !this.#checkAll) return;
    }
  }

  /** Takes a hit as a failure, a part of a session, or neither. False where fail2ban goes on to the next regex. */
  #take(groups: Groups, lines: readonly string[], regex: number, verdict: Verdict): boolean {
    const mlfid = groups['mlfid'];
    const inSession = typeof mlfid === 'string';
    const draft = inSession ? this.#sessions.merge(mlfid, groups, lines, verdict.now) : newDraft(groups);
    if (!inSession) draft.matches.push(...lines);
    const quiet = isSet(draft.groups['nofail']);
    if (quiet && inSession && !this.#checkAll) {
      verdict.others.push({ kind: 'held', regex, id: null });
      return true;
    }
    const id = failureId(draft.groups, this.#usedns);
    if (id.kind === 'none') draft.pending = inSession;
    if (quiet || id.kind === 'none') {
      const name = id.kind === 'none' ? null : id.kind === 'name' ? id.name : id.id;
      if (quiet || inSession) verdict.others.push({ kind: quiet ? 'quiet' : 'waiting', regex, id: name });
      return quiet || inSession;
    }
    const failure = failureOf(draft, regex, verdict.time);
    if (id.kind === 'id') verdict.failures.push({ ...failure, id: id.id, ip: id.ip });
    else this.#named({ name: id.name, failure }, verdict);
    return true;
  }

  /** One failure for each address of a name. */
  #named(pending: PendingFailure, verdict: Verdict): void {
    const plain = addressInName(pending.name);
    if (plain !== null) verdict.failures.push(...failuresOf(pending, [plain]));
    else if (this.#usedns === 'yes' || this.#usedns === 'warn') {
      const addresses = this.#ports.resolve(pending.name);
      if (addresses === 'pending') verdict.pending.push(pending);
      else verdict.failures.push(...failuresOf(pending, addresses));
    }
  }

  #isIgnored(text: string, verdict: Verdict): boolean {
    for (const [index, regex] of this.#ignoreregexes.entries()) {
      if (this.#search(regex, text, `ignoreregex ${index}`, verdict) === null) continue;
      verdict.ignoredBy = index;
      return true;
    }
    return false;
  }

  #search(regex: FilterRegex, text: string, where: string, verdict: Verdict): PatternMatch | null {
    const match = regex.pattern.search(text, verdict.budget);
    if (verdict.budget.exhausted) verdict.trouble ??= { kind: 'steps', where };
    return match;
  }
}

/** What the prefregex caught goes along, but for the text that the failregexes have seen. */
function prefixGroups({ prefix }: Verdict): Groups {
  if (prefix === null) return {};
  const { content: _, ...groups } = prefix();
  return groups;
}

/** Of twenty failregexes that begin with a word, most need not be searched for at all. */
function mayStart({ pattern: { start } }: FilterRegex, text: string): boolean {
  return start === null || (start[text.charCodeAt(0)] ?? 1) === 1;
}

function checkedMaxlines(maxlines: number): number {
  if (Number.isInteger(maxlines) && maxlines > 0 && maxlines <= maxlines_max) return maxlines;
  const remedy = `give a whole number from 1 to ${maxlines_max}`;
  throw new EdgebanError('ERR_FILTER_MAXLINES', `maxlines ${maxlines} cannot be used`, { remedy });
}
