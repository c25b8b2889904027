/** edgeban-regex: tries a filter on log lines, with fail2ban-regex's options, layout and exit codes. */
import type { Finding } from '../../shared/config/finding.ts';
import { pythonRepr } from '../../shared/config/python-text.ts';
import type { ConfigFiles } from '../../shared/config/read-order.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import type { UseDns } from '../../shared/filter/filter.ts';
import { createFilter, type Filter, type FilterConf } from '../../shared/filter/filter.ts';
import type { Re2 } from '../../shared/filter/regex/pattern.ts';
import type { Clock } from '../../shared/filter/regex/watch.ts';
import { asciiText, type Decode } from '../agent/decoder.ts';
import { localZone } from '../agent/ports.ts';
import { helpText, usageLine } from './help.ts';
import { openLog } from './log.ts';
import { parseRegexOptions, type RegexOptions, usage } from './options.ts';
import { report } from './report.ts';
import { type Backend, type Rules, readRules } from './rules.ts';
import { type RunPorts, run } from './run.ts';
import type { Screen } from './screen.ts';
import { createTrace, type Trace } from './trace.ts';

export interface RegexPorts extends RunPorts {
  readonly version: string;
  readonly files: ConfigFiles;
  readonly re2: Re2;
  /** What a line may cost in time, as in the server. */
  readonly clock: Clock;
}

/** From here on fail2ban-regex shows the filter's options, as with -vv. */
const debugLevel = 10;
const failed = 255;
/** What Python's optparse ends with. */
const misused = 2;

/** Runs the program; `argv` is what follows its name. Returns its exit code. */
export async function runRegex(argv: readonly string[], ports: RegexPorts, screen: Screen): Promise<number> {
  try {
    const options = parseRegexOptions(argv);
    if (options.print !== null) return printAbout(options.print, ports, screen);
    const wrong = mistakes(options);
    if (wrong.length === 0) return await tryOut(options, ports, screen);
    screen.out(helpText);
    screen.err(`\n${wrong.join('\n')}`);
    return failed;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    if (error.code !== 'ERR_USAGE') {
      screen.out(`ERROR: ${describeError(error)}`);
      return failed;
    }
    screen.err(`Usage: ${usageLine}\n\nedgeban-regex: error: ${describeError(error)}`);
    return misused;
  }
}

function printAbout(what: 'help' | 'version' | 'short-version', { version }: RegexPorts, screen: Screen): number {
  screen.out(what === 'help' ? helpText : what === 'version' ? `edgeban-regex ${version}` : version);
  return 0;
}

function mistakes(options: RegexOptions): string[] {
  const wrong: string[] = [];
  const both = (no: string, all: string) => `ERROR: ${no} and ${all} are mutually exclusive.`;
  if (options.printNoMissed && options.printAllMissed) wrong.push(both('--print-no-missed', '--print-all-missed'));
  if (options.printNoIgnored && options.printAllIgnored) wrong.push(both('--print-no-ignored', '--print-all-ignored'));
  if (options.invert && options.out === null) wrong.push('ERROR: -i tells which lines -o prints: give both.');
  if (options.words.length !== 2 && options.words.length !== 3) wrong.push('ERROR: provide both <LOG> and <REGEX>.');
  return wrong;
}

async function tryOut(options: RegexOptions, ports: RegexPorts, screen: Screen): Promise<number> {
  const [logWord = '', regexWord = '', ignoreWord] = options.words;
  const say = (text: string) => {
    if (options.out === null) screen.out(text);
  };
  say('\nRunning tests\n=============\n');
  const log = openLog(logWord, options, (bytes) => ports.re2.searches?.room(bytes) ?? null);
  const trace = createTrace(options, screen.out, ports.now_ms);
  const traced = { ...ports, files: told(ports.files, trace) };
  const rules = withIgnore(readRulesFor(options, regexWord, log.backend, traced, screen), ignoreWord);
  const conf = confOf(options, rules, log.backend);
  const filter = compiled(conf, log.decode, ports, () => rules.origin.forEach(say));
  for (const text of headingOf(options, rules, filter, ignoreWord)) say(text);
  const { input, heading } = log.open(rules, filter.maxlines);
  for (const text of heading) say(text);
  say('');
  const journal = log.backend === 'systemd';
  const results = await run({ options, rules, filter, decode: log.decode, input, ports, screen, trace, journal });
  if (results !== null) screen.out(report(results).join('\n'));
  return 0;
}

/** Each file that is read is told of. */
function told(files: ConfigFiles, trace: Trace | null): ConfigFiles {
  if (trace === null) return files;
  const read = (path: string) => {
    const text = files.read(path);
    if (text !== null) trace.say('INFO', `  Loading files: [${pythonRepr(path)}]`);
    return text;
  };
  return { read, list: (dir) => files.list(dir) };
}

/** `origin` is called before an error, so that it is clear what is meant. */
function compiled(conf: FilterConf, decode: Decode, ports: RegexPorts, origin: () => void): Filter {
  try {
    return createFilter(conf, portsOf(decode, ports), ports.now_ms() / 1000);
  } catch (error) {
    origin();
    throw error;
  }
}

function readRulesFor(options: RegexOptions, word: string, backend: Backend, ports: RegexPorts, screen: Screen): Rules {
  const say = ({ severity, message, file, line, remedy, code }: Finding) => {
    const place = file === null ? '' : `${file}${line === null ? '' : `:${line}`}: `;
    screen.err(`${place}${severity}: ${message}${remedy === null ? '' : `; ${remedy}`} [${code}]`);
  };
  return readRules(ports.files, options.config, word, backend, say);
}

function withIgnore(rules: Rules, regex: string | undefined): Rules {
  return regex === undefined ? rules : { ...rules, ignoreregex: [{ regex }] };
}

function confOf(options: RegexOptions, rules: Rules, backend: Backend): FilterConf {
  const asServer = options.out === 'json';
  return {
    failregex: rules.failregex,
    ignoreregex: rules.ignoreregex,
    prefregex: rules.prefregex,
    maxlines: options.maxlines === 0 ? (rules.maxlines ?? 1) : options.maxlines,
    datepattern:
      backend === 'systemd' && options.datepattern === null ? null : (options.datepattern ?? rules.datepattern),
    logtimezone: options.timezone ?? (asServer ? rules.logtimezone : null),
    usedns: usednsOf(options, asServer ? rules.usedns : 'warn'),
    findtime: 600,
    checkAllRegex: options.forceCheckAll || (options.checkAll && options.out === null),
    // a report counts, and JSON tells groups
    withoutMatches: options.out === null || asServer,
  };
}

function usednsOf({ raw, usedns }: RegexOptions, otherwise: UseDns): UseDns {
  if (raw) return 'raw';
  switch (usedns?.toLowerCase()) {
    case undefined:
      return otherwise;
    case 'yes':
      return 'yes';
    case 'warn':
      return 'warn';
    case 'raw':
      return 'raw';
    case 'no':
      return 'no';
    default:
      throw usage(`option --usedns: '${usedns}' is unknown`, 'write yes, warn, no or raw');
  }
}

function portsOf(decode: Decode, { re2, clock }: RegexPorts) {
  const resolve = () => 'pending' as const;
  return { re2, clock, zone: localZone, decode, ascii: asciiText, resolve };
}

/** fail2ban-regex says each thing when it comes to it: what the command line sets first, then what the filter does. */
function headingOf(options: RegexOptions, rules: Rules, filter: Filter, ignore: string | undefined): string[] {
  const lines: string[] = [];
  const maxlines = `Use         maxlines : ${filter.maxlines}`;
  const date = (pattern: string) => `Use      datepattern : ${pattern} : ${dateName(filter)}`;
  if (options.maxlines !== 0) lines.push(maxlines);
  if (options.datepattern !== null) lines.push(date(options.datepattern));
  lines.push(...rules.origin);
  if ((options.verbose > 1 || options.logLevel <= debugLevel) && rules.real !== null) lines.push(rules.real);
  if (options.maxlines === 0 && rules.maxlines !== null) lines.push(maxlines);
  if (options.datepattern === null && rules.datepattern !== null) lines.push(date(rules.datepattern));
  if (ignore !== undefined)
    lines.push(`Use ignoreregex line : ${ignore.length > 53 ? `${ignore.slice(0, 50)}...` : ignore}`);
  return lines;
}

function dateName({ templates }: Filter): string {
  const [first] = templates;
  return first === undefined || templates.length > 2 ? 'Default Detectors' : first.name;
}
