/** The values of a jail in the types that the rest of edgeban works with; what cannot be is said, with its place. */
import { type Prefix, parsePrefix } from '../address.ts';
import { EdgebanError, type ErrorCode } from '../errors.ts';
import type { Seconds } from '../time.ts';
import { factorOf, formulaOf, parseSeconds } from './arithmetic.ts';
import { configError, type Finding, findingOf, mildFinding } from './finding.ts';
import type { JailOption, JailReading } from './jail-reading.ts';
import { codecOf } from './logencoding.ts';
import { parseNamedOptions } from './options-syntax.ts';
import { linesOf, type Origin, originAt, type Sourced } from './sourced.ts';

/** Takes the options of one jail, and keeps what is to be said about them. */
export class JailValues {
  readonly reading: JailReading;
  readonly findings: Finding[] = [];

  constructor(reading: JailReading) {
    this.reading = reading;
  }

  option(name: string): JailOption | undefined {
    return this.reading.options.get(name);
  }

  /** Once for each place: one value may have come to several options (maxmatches = %(maxretry)s). */
  error(code: ErrorCode, message: string, source: Sourced, remedy: string): void {
    const { file, line } = originAt(source);
    if (this.findings.some((finding) => finding.code === code && finding.file === file && finding.line === line))
      return;
    this.findings.push(findingOf(configError(code, message, { file, line }, remedy), this.reading.name));
  }

  mild(severity: 'warning' | 'notice', code: ErrorCode, message: string, source: Sourced, remedy: string): void {
    this.findings.push(mildFinding(severity, configError(code, message, originAt(source), remedy), this.reading.name));
  }

  /** The text of an option; null if it is not set or empty. */
  text(name: string): string | null {
    const text = this.option(name)?.source.text ?? '';
    return text === '' ? null : text;
  }

  bool(name: string, otherwise: boolean): boolean {
    const value = this.option(name)?.value;
    return typeof value === 'boolean' ? value : otherwise;
  }

  /** A whole number of at least `least`, and of no more than `most`. */
  int(name: string, otherwise: number, least: number, most = Number.POSITIVE_INFINITY): number {
    const option = this.option(name);
    if (option === undefined) return otherwise;
    const { value, source } = option;
    if (typeof value === 'number' && value >= least && value <= most) return value;
    const range = Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`;
    const remedy = commentHint(source.text) ?? `write a whole number ${range}`;
    this.error('ERR_CONFIG_VALUE', `${name} = ${source.text}: not a number that it takes`, source, remedy);
    return otherwise;
  }

  /** A length of time; `otherwise` if it is not set. */
  seconds<T extends Seconds | null>(name: string, otherwise: T, allowed: (value: Seconds) => boolean): Seconds | T {
    const option = this.option(name);
    if (option === undefined || (otherwise === null && option.source.text === '')) return otherwise;
    const remedy = commentHint(option.source.text) ?? 'write a time such as 600, 10m, 1h 30m or 1d12h';
    const value = this.evaluated(name, 'ERR_CONFIG_TIME', parseSeconds, remedy);
    if (value === null) return otherwise;
    if (Number.isFinite(value) && allowed(value)) return value;
    this.error('ERR_CONFIG_TIME', `${name} = ${option.source.text}: out of its range`, option.source, remedy);
    return otherwise;
  }

  /** What `evaluate` makes of an option's text; null if that is refused, or the option is not set or empty. */
  evaluated<T>(name: string, code: ErrorCode, evaluate: (text: string) => T, remedy?: string): T | null {
    const source = this.option(name)?.source;
    if (source === undefined || source.text === '') {
      if (source !== undefined && code === 'ERR_CONFIG_TIME')
        this.error(code, `${name} is empty`, source, remedy ?? '');
      return null;
    }
    try {
      return evaluate(source.text);
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      this.error(code, `${name} = ${source.text}: ${error.message}`, source, remedy ?? error.remedy ?? '');
      return null;
    }
  }
}

function commentHint(text: string): string | null {
  return text.includes('#')
    ? '# in a line is part of the value: begin the comment with ; or put it into a line of its own'
    : null;
}

/** fail2ban's `bantime.*` options, in the form in which the engine takes them. */
export interface IncrementConf {
  readonly factor: number;
  readonly multipliers: readonly number[];
  readonly formula: ((bantime: Seconds, count: number, factor: number) => number) | null;
  readonly maxtime: Seconds | null;
  readonly rndtime: Seconds | null;
  readonly overalljails: boolean;
}

/** Null where `bantime.increment` is off. `random`: in [0, 1), for formulas that use it. */
export function incrementOf(values: JailValues, random: () => number): IncrementConf | null {
  const conf = {
    factor: values.evaluated('bantime.factor', 'ERR_CONFIG_EXPRESSION', factorOf) ?? 1,
    multipliers: multipliersOf(values),
    formula: values.evaluated('bantime.formula', 'ERR_CONFIG_EXPRESSION', (text) => formulaOf(text, random)),
    maxtime: values.seconds('bantime.maxtime', null, () => true),
    rndtime: values.seconds('bantime.rndtime', null, () => true),
    overalljails: values.bool('bantime.overalljails', false),
  };
  return values.bool('bantime.increment', false) ? conf : null;
}

function multipliersOf(values: JailValues): number[] {
  const source = values.option('bantime.multipliers')?.source;
  const numbers = (source?.text ?? '').split(/\s+/).filter((word) => word !== '');
  if (source === undefined || numbers.every((word) => /^[+-]?\d+$/.test(word))) return numbers.map(Number);
  const message = `bantime.multipliers = ${source.text}: not a list of whole numbers`;
  values.error('ERR_CONFIG_VALUE', message, source, 'write numbers with blanks between: 1 2 4 8');
  return [];
}

/** A name that something can be decoded by. */
export function logencodingOf(values: JailValues): string {
  const name = values.text('logencoding') ?? 'auto';
  values.evaluated('logencoding', 'ERR_FILTER_ENCODING', codecOf);
  return name;
}

export interface LogPath {
  /** May hold `*`, `?`, `[…]`. */
  readonly glob: string;
  /** Where a file that is new to edgeban is read from. */
  readonly from: 'head' | 'tail';
  readonly file: string;
  readonly line: number;
}

export function logpathsOf(values: JailValues): LogPath[] {
  const source = values.option('logpath')?.source;
  if (source === undefined) return [];
  return linesOf(source)
    .filter((line) => line.text.trim() !== '')
    .flatMap((line) => {
      const { path, position } = logpathOf(line.text);
      const from = position.toLowerCase();
      if (from === 'head' || from === 'tail') return [{ glob: path, from, ...originAt(line) }];
      const remedy = 'write one path a line, and behind a blank only head or tail';
      values.error('ERR_CONFIG_VALUE', `logpath = ${line.text}: '${position}' is neither head nor tail`, line, remedy);
      return [];
    });
}

/** `path` or `path position`, split at the last blank. */
export function logpathOf(line: string): { path: string; position: string } {
  const blank = line.lastIndexOf(' ');
  return blank < 0 ? { path: line, position: 'head' } : { path: line.slice(0, blank), position: line.slice(blank + 1) };
}

/** One entry of `ignoreip`, `text` as written: a network, a name to be resolved, or a file of entries (1.1.1's `file:PATH`). */
export type IgnoreConf =
  | { readonly kind: 'network'; readonly text: string; readonly prefix: Prefix }
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'file'; readonly text: string; readonly path: string; readonly origin: Origin | null };

export function ignoreipOf(values: JailValues): IgnoreConf[] {
  const source = values.option('ignoreip')?.source;
  if (source === undefined) return [];
  return linesOf(source).flatMap((line) => words(line.text).map((text) => checkedEntry(values, text, line)));
}

function checkedEntry(values: JailValues, text: string, line: Sourced): IgnoreConf {
  const entry = ignoreEntryOf(text);
  if (entry.kind === 'name' && (!/^[\w-]+(?:\.[\w-]+)*\.?$/.test(text) || /^[\d.]+$/.test(text))) {
    const message = `ignoreip: '${text}' is no address, network or name`;
    values.mild('warning', 'ERR_CONFIG_VALUE', message, line, 'correct it: it lets nobody off');
  }
  if (entry.kind === 'file' && !entry.path.startsWith('/'))
    values.error('ERR_CONFIG_VALUE', `ignoreip: '${text}' is no absolute path`, line, 'write file:/path/to/file');
  return entry.kind === 'file' ? { ...entry, origin: originAt(line) } : entry;
}

export function ignoreEntryOf(text: string): IgnoreConf {
  if (text.startsWith('file:')) return { kind: 'file', text, path: text.slice('file:'.length), origin: null };
  const prefix = parsePrefix(text);
  return prefix === null ? { kind: 'name', text } : { kind: 'network', text, prefix };
}

/** Words between commas and white space. */
export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

/** `ignorecache = key="<ip>", max-count=100, max-time=5m` */
export interface IgnoreCache {
  readonly key: string;
  readonly max_count: number;
  readonly max_time: Seconds;
}

export function ignorecacheOf(values: JailValues): IgnoreCache | null {
  const source = values.option('ignorecache')?.source;
  if (source === undefined) return null;
  return values.evaluated('ignorecache', 'ERR_CONFIG_VALUE', () => ignorecacheFrom(source));
}

/** Throws ERR_CONFIG_VALUE, or what is wrong with its time. */
export function ignorecacheFrom(source: Sourced): IgnoreCache {
  const { options } = parseNamedOptions({ text: `cache[${source.text}]`, origins: source.origins });
  const remedy = 'write key="<ip>", max-count=100, max-time=5m';
  const key = options.get('key')?.text;
  const count = options.get('max-count')?.text ?? '100';
  if (key === undefined) throw configError('ERR_CONFIG_VALUE', 'it has no key', originAt(source), remedy);
  if (!/^\d{1,6}$/.test(count))
    throw configError('ERR_CONFIG_VALUE', `max-count=${count} is no number up to 999999`, originAt(source), remedy);
  return { key, max_count: Number(count), max_time: parseSeconds(options.get('max-time')?.text ?? '300') };
}
