/** Takes the lines through the filter, one after the other, and counts or prints what comes out. */
import { type Filter, type FilterFailure, failuresOf, type LineResult } from '../../shared/filter/filter.ts';
import type { Line } from '../../shared/ticket.ts';
import type { Decode } from '../agent/decoder.ts';
import type { Input } from './log.ts';
import type { RegexOptions } from './options.ts';
import { createProgress } from './progress.ts';
import type { Results } from './report.ts';
import type { Rules } from './rules.ts';
import type { Screen } from './screen.ts';
import { sinkOf } from './sinks.ts';
import type { Trace } from './trace.ts';

export interface Trial {
  readonly options: RegexOptions;
  readonly rules: Rules;
  readonly filter: Filter;
  readonly decode: Decode;
  readonly input: Input;
  readonly ports: RunPorts;
  readonly screen: Screen;
  /** Null where nothing is to be told of single lines. */
  readonly trace: Trace | null;
  readonly journal: boolean;
}

export interface RunPorts {
  /** The addresses of a name. */
  resolve(name: string): Promise<readonly string[]>;
  /** The name of an address. */
  nameOf(address: string): Promise<string | null>;
  readonly hostname: string;
  now_ms(): number;
}

const hash = 0x23;
const carriageReturn = 0x0d;

/** Null where each line has been printed already (`-o`). */
export async function run(trial: Trial): Promise<Results | null> {
  const { options, ports, input, screen } = trial;
  const begin = ports.now_ms();
  const progress = createProgress(screen, input.size, ports.now_ms);
  const { sink, results } = sinkOf(trial);
  const skips = options.out !== 'json' && !trial.journal;
  let number = 0;
  for await (const { lines, bytes } of input.chunks) {
    const now = ports.now_ms() / 1000;
    const before = number;
    for (const line of lines) {
      number += 1;
      if (skips && isSkipped(line)) continue;
      const result = trial.filter.process(line, now, 'unchecked');
      const failures = result.pending.length === 0 ? result.failures : await resolved(result, ports);
      const shown = sink(number, result, failures, line);
      if (shown !== undefined) await shown;
    }
    progress.add(bytes, number - before);
    if (!screen.open) break;
  }
  progress.end();
  return results((ports.now_ms() - begin) / 1000);
}

/** Comments and empty lines. */
function isSkipped(line: Line): boolean {
  const first = firstOf(line);
  if (first === undefined || first === hash) return true;
  return first === carriageReturn && line.bytes.every((byte) => byte === carriageReturn);
}

function firstOf(line: Line): number | undefined {
  const { place } = line;
  if (place === undefined) return line.bytes[0];
  return place.end > place.start ? place.piece[place.start] : undefined;
}

/** The failures with those of names, in the order of the regexes. */
async function resolved({ failures, pending }: LineResult, ports: RunPorts): Promise<readonly FilterFailure[]> {
  const late: FilterFailure[] = [];
  for (const one of pending) late.push(...failuresOf(one, await ports.resolve(one.name)));
  return [...failures, ...late].toSorted((a, b) => a.regex - b.regex);
}
