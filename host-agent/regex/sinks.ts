/** What becomes of the verdict on each line: it is printed in a form (`-o`), or counted for the report. */
import { pythonRepr } from '../../shared/config/python-text.ts';
import type { FilterFailure, LineResult } from '../../shared/filter/filter.ts';
import { isoLocal } from '../../shared/filter/line-date.ts';
import type { Line } from '../../shared/ticket.ts';
import { localZone } from '../agent/ports.ts';
import { asksNames, type Format, formatOf, type Names, verdictJson } from './formats.ts';
import type { Results } from './report.ts';
import type { Trial } from './run.ts';
import { Tally } from './tally.ts';
import { traceLine } from './trace.ts';

/** Returns a promise only where something has to be waited for. */
export type Sink = (
  number: number,
  result: LineResult,
  failures: readonly FilterFailure[],
  line: Line,
) => Promise<void> | void;

/** fail2ban-regex prints lists of fewer lines than this. */
const list_max = 20;

/** `results` is called once behind the last line; null where each line has been printed already. */
export function sinkOf(trial: Trial): { readonly sink: Sink; results(seconds: number): Results | null } {
  const { out } = trial.options;
  const { sink, results } = out === null ? collector(trial) : { sink: printer(out, trial), results: () => null };
  const { trace } = trial;
  if (trace === null) return { sink, results };
  const text = textOf(trial);
  const traced: Sink = (number, result, failures, line) => {
    traceLine(trace, text(line), result, failures, trial.filter);
    return sink(number, result, failures, line);
  };
  return { sink: traced, results };
}

/** A line as it is shown: one of the journal has its time in front. */
function textOf({ decode }: Trial): (line: Line) => string {
  return ({ bytes, time }) => {
    const date = time === undefined ? '' : `${isoLocal(time, localZone)} `;
    return date + decode(bytes).replace(/[\r\n]+$/, '');
  };
}

function printer(out: string, trial: Trial): Sink {
  const { screen, options } = trial;
  if (out === 'json') {
    return (number, result, failures) => {
      if (!options.invert || failures.length === 0) screen.raw(`${verdictJson(number, result, failures)}\n`);
    };
  }
  const format = formatOf(out, trial.ports.hostname);
  if (options.invert) return inverted(format, trial);
  if (asksNames(out)) return naming(format, trial);
  return (_, result, failures) => {
    if (failures.length === 0 || result.ignoredBy !== null) return;
    screen.out(format(result, failures, new Map()).join('\n'));
  };
}

/** `-i`: the lines that give no failure, each as one without id whose only match is the line. */
function inverted(format: Format, trial: Trial): Sink {
  const text = textOf(trial);
  let last: number | null = null;
  return (_, result, failures, line) => {
    last = result.time ?? last;
    if (failures.length > 0 && result.ignoredBy === null) return;
    const nobody = { id: '', ip: null, regex: -1, time: last ?? 0, groups: { fid: '' }, users: [] };
    const shown = format({ time: last }, [{ ...nobody, matches: [text(line)] }], new Map());
    trial.screen.out(shown.join('\n'));
  };
}

/** Asks for the name of each address first: `<ip-host>`. */
function naming(format: Format, { screen, ports }: Trial): Sink {
  return async (_, result, failures) => {
    if (failures.length === 0 || result.ignoredBy !== null) return;
    const names: Names = new Map();
    for (const { ip } of failures) if (ip !== null) names.set(ip, await ports.nameOf(ip));
    screen.out(format(result, failures, names).join('\n'));
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
  const text = textOf(trial);
  const prefixes: string[] = [];
  let buffered = filter.buffered;
  const sink: Sink = (_, result, failures, line) => {
    // the lines that a match takes along come before the one that made it
    if (filter.maxlines > 1) tally.moveTaken(buffered, filter.buffered, filter.maxlines);
    buffered = filter.buffered;
    tally.add(result, failures, () => text(line));
    if (options.verbose > 0 && result.prefix !== null && prefixes.length <= limit) {
      prefixes.push(prefixes.length === limit ? '...' : pythonRepr(result.prefix()));
    }
  };
  const dates = !journal || options.datepattern !== null || rules.datepattern !== null;
  const results = (seconds: number): Results => ({ options, rules, filter, tally, prefixes, dates, seconds, limit });
  return { sink, results };
}
