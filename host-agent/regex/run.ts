/** Takes the lines through the filter, one after the other, and counts or prints what comes out. */
import { pythonRepr } from '../../shared/config/python-text.ts';
import { type Filter, type FilterFailure, failuresOf, type LineResult } from '../../shared/filter/filter.ts';
import type { Line } from '../../shared/ticket.ts';
import { decoderOf } from '../agent/decoder.ts';
import { type Format, formatOf, verdictJson } from './formats.ts';
import type { Input } from './log.ts';
import type { RegexOptions } from './options.ts';
import { createProgress } from './progress.ts';
import type { Results } from './report.ts';
import type { Rules } from './rules.ts';
import type { Screen } from './screen.ts';
import { Tally } from './tally.ts';

export interface Trial {
  readonly options: RegexOptions;
  readonly rules: Rules;
  readonly filter: Filter;
  readonly input: Input;
  readonly ports: { resolve(name: string): Promise<readonly string[]>; now_ms(): number };
  readonly screen: Screen;
  readonly journal: boolean;
}

/** What is done with the verdict on each line. */
type Sink = (number: number, result: LineResult, failures: readonly FilterFailure[], line: Line) => void;

const hash = 0x23;
/** fail2ban-regex prints lists of fewer lines than this. */
const list_max = 20;

/** Null where each line has been printed already (`-o`). */
export async function run(trial: Trial): Promise<Results | null> {
  const { options, ports, input, screen } = trial;
  const begin = ports.now_ms();
  const progress = createProgress(screen, input.size, ports.now_ms);
  const collected = options.out === null ? collector(trial) : null;
  const sink = collected?.sink ?? printer(options.out ?? '', screen);
  const skips = options.out !== 'json' && !trial.journal;
  let number = 0;
  for await (const { lines, bytes } of input.chunks) {
    const now = ports.now_ms() / 1000;
    const before = number;
    for (const line of lines) {
      number += 1;
      if (skips && isSkipped(line.bytes)) continue;
      const result = trial.filter.process(line, now, 'unchecked');
      const failures = result.pending.length === 0 ? result.failures : await resolved(result, ports);
      sink(number, result, failures, line);
    }
    progress.add(bytes, number - before);
    if (!screen.open) break;
  }
  progress.end();
  return collected?.results((ports.now_ms() - begin) / 1000) ?? null;
}

/** Comments and empty lines. */
function isSkipped(bytes: Uint8Array): boolean {
  const [first] = bytes;
  if (first === undefined || first === hash) return true;
  return first === 0x0d && bytes.every((byte) => byte === 0x0d);
}

/** The failures with those of names, in the order of the regexes. */
async function resolved({ failures, pending }: LineResult, ports: Trial['ports']): Promise<readonly FilterFailure[]> {
  const late: FilterFailure[] = [];
  for (const one of pending) late.push(...failuresOf(one, await ports.resolve(one.name)));
  return [...failures, ...late].toSorted((a, b) => a.regex - b.regex);
}

function printer(out: string, screen: Screen): Sink {
  if (out === 'json') {
    return (number, result, failures) => screen.raw(`${verdictJson(number, result, failures)}\n`);
  }
  const format: Format = formatOf(out);
  return (_, result, failures) => {
    if (failures.length === 0 || result.ignoredBy !== null) return;
    screen.out(format(result, failures).join('\n'));
  };
}

function collector(trial: Trial): { sink: Sink; results(seconds: number): Results } {
  const { options, rules, filter, journal } = trial;
  const limit = options.maxlines === 0 ? list_max : options.maxlines;
  const keep = (none: boolean, all: boolean) => (none ? 0 : all ? Infinity : limit + 1);
  const tally = new Tally({
    failregex: rules.failregex.length,
    ignoreregex: rules.ignoreregex.length,
    keep: {
      matched: options.printAllMatched ? Infinity : 0,
      ignored: keep(options.printNoIgnored, options.printAllIgnored),
      missed: keep(options.printNoMissed, options.printAllMissed),
    },
    list: options.verbose > 0,
  });
  const decode = decoderOf(options.encoding);
  const prefixes: string[] = [];
  let buffered = filter.buffered;
  const sink: Sink = (_, result, failures, line) => {
    // the lines that a match takes along come before the one that made it
    if (filter.maxlines > 1) tally.moveTaken(buffered, filter.buffered, filter.maxlines);
    buffered = filter.buffered;
    tally.add(result, failures, () => decode(line.bytes).replace(/[\r\n]+$/, ''));
    if (options.verbose > 0 && result.prefix !== null && prefixes.length <= limit) {
      prefixes.push(prefixes.length === limit ? '...' : pythonRepr(result.prefix()));
    }
  };
  const dates = !journal || options.datepattern !== null || rules.datepattern !== null;
  const results = (seconds: number): Results => ({ options, rules, filter, tally, prefixes, dates, seconds, limit });
  return { sink, results };
}
