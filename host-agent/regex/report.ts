/** Prints the results in fail2ban-regex's layout. */
import type { Filter } from '../../shared/filter/filter.ts';
import { debuggexLine } from './debuggex.ts';
import type { RegexOptions } from './options.ts';
import type { Rules } from './rules.ts';
import type { LineList, RegexCount, Tally } from './tally.ts';

export interface Results {
  readonly options: RegexOptions;
  readonly rules: Rules;
  readonly filter: Filter;
  readonly tally: Tally;
  /** Groups of the prefregex's first matches, for -v. */
  readonly prefixes: readonly string[];
  /** The journal tells its times itself: there is no date to be found. */
  readonly dates: boolean;
  readonly seconds: number;
  /** Longer lists are not printed unless asked for. */
  readonly limit: number;
}

/** All lines of the report. */
export function report(results: Results): string[] {
  const { options, tally, rules, seconds } = results;
  const counts = `${tally.tested} lines, ${tally.ignored.count} ignored, ${tally.matched.count} matched, ${tally.missed.count} missed`;
  const troubled =
    tally.troubled === 0 ? [] : [`(${tally.troubled} of the missed lines could not be judged to the end)`];
  return [
    '',
    'Results',
    '=======',
    ...prefregexPart(results),
    ...regexPart('Failregex', rules.failregex, tally.failregex, options.verbose),
    ...regexPart('Ignoreregex', rules.ignoreregex, tally.ignoreregex, options.verbose),
    ...datePart(results),
    '',
    `Lines: ${counts}`,
    ...troubled,
    `[processed in ${seconds.toFixed(2)} sec]`,
    '',
    ...(options.printAllMatched ? linePart('Matched', 'matched', tally.matched, results, true) : []),
    ...(options.printNoIgnored ? [] : linePart('Ignored', 'ignored', tally.ignored, results, options.printAllIgnored)),
    ...(options.printNoMissed ? [] : linePart('Missed', 'missed', tally.missed, results, options.printAllMissed)),
  ];
}

function prefregexPart({ filter: { prefregex }, tally, prefixes }: Results): string[] {
  if (prefregex === null) return [];
  return ['', `Prefregex: ${tally.prefregex} total`, ...framed([prefregex, ...prefixes.map((text) => `    ${text}`)])];
}

function regexPart(
  title: string,
  regexes: readonly { readonly regex: string }[],
  counts: readonly RegexCount[],
  verbose: number,
): string[] {
  const lines: string[] = [];
  let total = 0;
  for (const [index, { hits, listed }] of counts.entries()) {
    total += hits;
    if (hits === 0 && verbose === 0) continue;
    lines.push(`${String(index + 1).padStart(2)}) [${hits}] ${regexes[index]?.regex ?? ''}`);
    if (verbose === 0) continue;
    for (const { id, time, several } of listed) {
      lines.push(`    ${id}  ${timeText(time)}${several ? ' (multiple regex matched)' : ''}`);
    }
    if (listed.length > 0 && listed.length < hits) lines.push(`    … and ${hits - listed.length} more`);
  }
  return ['', `${title}: ${total} total`, ...framed(lines, ' #) [# of hits] regular expression')];
}

function datePart({ filter, options, dates }: Results): string[] {
  if (!dates) return [];
  const lines: string[] = [];
  for (const template of filter.templates) {
    if (template.hits === 0 && options.verbose === 0) continue;
    lines.push(`[${template.hits}] ${template.name}`);
    if (options.verboseDate) lines.push(...dateDetails(template));
  }
  return ['', 'Date template hits:', ...framed(lines, '[# of hits] date format')];
}

function dateDetails({ weight, ownWeight, source, regex }: Filter['templates'][number]): string[] {
  return [
    `    # weight: ${weight.toFixed(3)} (${ownWeight.toFixed(3)}), pattern: ${source ?? ''}`,
    // our own name for the group that is the date
    `    # regex:   ${regex.replace('(?P<_date>', '(')}`,
  ];
}

function linePart(title: string, word: string, list: LineList, results: Results, all: boolean): string[] {
  const { limit, options } = results;
  if (list.count === 0) return [];
  const header = `${title} line(s):`;
  if (list.count >= limit && !all) {
    return [`${header} too many to print.  Use --print-all-${word} to print all ${list.count} lines`];
  }
  const left = list.count - list.kept.length;
  const more = left > 0 ? [`… and ${left} more, which were not kept`] : [];
  const kept = options.debuggex ? withLinks(list.kept, word, results) : list.kept;
  return framed([...kept.map((line) => line.trimEnd()), ...more], header);
}

/** Each line with each regex that it was tried with. */
function withLinks(lines: readonly string[], word: string, { rules, filter, options }: Results): string[] {
  const regexes = word === 'ignored' ? rules.ignoreregex : rules.failregex;
  const how = { names: options.usedns !== 'no', multiline: filter.maxlines > 1 };
  return lines.flatMap((line) => regexes.map(({ regex }) => debuggexLine(line, regex, how)));
}

function framed(lines: readonly string[], header?: string): string[] {
  if (lines.length === 0) return [];
  return [...(header === undefined ? [] : [`|- ${header}`]), ...lines.map((line) => `|  ${line}`), '`-'];
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sun Jun 14 11:52:03 2026`, in local time; without a time it is now, as Python's localtime(None) is. */
function timeText(time: number | null): string {
  const at = time === null ? new Date() : new Date(Math.floor(time) * 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${days[at.getDay()]} ${months[at.getMonth()]} ${two(at.getDate())} ${clock} ${at.getFullYear()}`;
}
