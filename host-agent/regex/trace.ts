/** What `-l` lets be seen: how the program came to its verdict on each line, in the form of fail2ban's log. */
import { pythonRepr } from '../../shared/config/python-text.ts';
import type { Filter, FilterFailure, LineResult } from '../../shared/filter/filter.ts';
import { formatLogLine } from '../log/log.ts';

/** fail2ban's numbers. */
const levels = { WARNING: 30, INFO: 20, DEBUG: 10, TRACE: 7, HEAVY: 5 } as const;

export interface Trace {
  shows(level: keyof typeof levels): boolean;
  say(level: keyof typeof levels, message: string): void;
}

export interface TraceOptions {
  /** Messages below it are not shown. */
  readonly logLevel: number;
  /** Whether each message tells from where in the program it comes. */
  readonly stacks: 'none' | 'short' | 'full';
}

/** Null where nothing would ever be shown. */
export function createTrace(options: TraceOptions, print: (text: string) => void, now_ms: () => number): Trace | null {
  const { logLevel, stacks } = options;
  if (logLevel > levels.WARNING) return null;
  const shows = (level: keyof typeof levels) => levels[level] >= logLevel;
  const stack = stackText(stacks === 'short');
  const say = (level: keyof typeof levels, message: string) => {
    if (!shows(level)) return;
    const text = stacks === 'none' ? message : `${stack(new Error().stack ?? '')}: ${message}`;
    print(formatLogLine(new Date(now_ms()), 'fail2ban.filter', process.pid, level, text));
  };
  return { shows, say };
}

/** `main:31>program:80,94>trace:12`; the short form leaves out what it has in common with the one before. */
function stackText(short: boolean): (stack: string) => string {
  let before = '';
  return (stack) => {
    const frames = [...stack.matchAll(/([\w-]+)\.ts:(\d+):\d+/g)].slice(1).reverse();
    const files: [string, string][] = [];
    for (const [, file = '', line = ''] of frames) {
      const last = files.at(-1);
      if (last?.[0] === file) last[1] += `,${line}`;
      else files.push([file, line]);
    }
    const whole = files.map(([file, lines]) => `${file}:${lines}`).join('>');
    const common = commonLength(before, whole);
    before = whole;
    return short && common > 0 ? `...${whole.slice(common)}` : whole;
  };
}

/** How many characters of whole steps two stacks have in common at their begin. */
function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return Math.max(0, one.slice(0, length).lastIndexOf('>'));
}

/** All that is known of one line. */
export function traceLine(
  trace: Trace,
  text: string,
  result: LineResult,
  failures: readonly FilterFailure[],
  { prefregex, failregex }: Filter,
): void {
  const { trouble, template, time, hits, others, ignoredBy } = result;
  if (trouble !== null) trace.say('WARNING', `${trouble.where} could not be judged to the end: ${pythonRepr(text)}`);
  if (!trace.shows('TRACE')) return;
  trace.say('TRACE', `Working on line ${pythonRepr(text)}`);
  if (template !== null && time !== null)
    trace.say('HEAVY', `  got time ${time.toFixed(6)} using template ${template}`);
  if (prefregex !== null && result.prefregex === false) trace.say('HEAVY', '  Prefregex not matched');
  if (result.prefix !== null) trace.say('TRACE', `  Pre-filter matched ${pythonRepr(result.prefix())}`);
  for (const hit of hits) trace.say('TRACE', `  Matched failregex ${hit}: ${failregex[hit] ?? ''}`);
  for (const { regex, kind } of others) trace.say('TRACE', `  ${otherText[kind]} in regex ${regex}`);
  for (const { id, regex, groups } of failures) {
    trace.say('TRACE', `  Failure of ${id} in regex ${regex}: ${pythonRepr(groups)}`);
  }
  if (ignoredBy !== null) trace.say('TRACE', `  Matched ignoreregex ${ignoredBy} and was ignored`);
}

const otherText = { quiet: 'Nofail', held: 'Nofail by mlfid', waiting: 'No failure-id by mlfid' } as const;
