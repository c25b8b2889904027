/** The options of fail2ban-regex, read as Python's optparse reads them: anywhere among the words, long ones cut short. */
import { EdgebanError } from '../../shared/errors.ts';
import { parseLevel } from '../log/log.ts';

export interface RegexOptions {
  readonly config: string;
  readonly datepattern: string | null;
  readonly timezone: string | null;
  readonly encoding: string;
  readonly raw: boolean;
  readonly usedns: string | null;
  /** 0: as the filter says. */
  readonly maxlines: number;
  readonly journalmatch: string | null;
  readonly verbose: number;
  readonly verboseDate: boolean;
  readonly checkAll: boolean;
  /** `--check-all-regex` was given: every regex even for `-o json`. */
  readonly forceCheckAll: boolean;
  readonly out: string | null;
  /** With `out`: the lines that give no failure. */
  readonly invert: boolean;
  /** Messages of a level below it are not shown; fail2ban's numbers. */
  readonly logLevel: number;
  readonly stacks: 'none' | 'short' | 'full';
  /** Links to debuggex.com in the lists. */
  readonly debuggex: boolean;
  readonly printNoMissed: boolean;
  readonly printNoIgnored: boolean;
  readonly printAllMatched: boolean;
  readonly printAllMissed: boolean;
  readonly printAllIgnored: boolean;
  /** Ends the program with a print, whatever else is said. */
  readonly print: 'help' | 'version' | 'short-version' | null;
  readonly words: readonly string[];
}

const defaults: RegexOptions = {
  config: '/etc/edgeban',
  datepattern: null,
  timezone: null,
  encoding: 'UTF-8',
  raw: false,
  usedns: null,
  maxlines: 0,
  journalmatch: null,
  verbose: 0,
  verboseDate: false,
  checkAll: true,
  forceCheckAll: false,
  out: null,
  invert: false,
  logLevel: 50,
  stacks: 'none',
  debuggex: false,
  printNoMissed: false,
  printNoIgnored: false,
  printAllMatched: false,
  printAllMissed: false,
  printAllIgnored: false,
  print: null,
  words: [],
};

type Change = Partial<RegexOptions>;
type Flag = (options: RegexOptions) => Change;
type Valued = (value: string, name: string) => Change;

const help: Flag = ({ print }) => ({ print: print ?? 'help' });
const verbose: Flag = (options) => ({ verbose: options.verbose + 1 });
const verboseDate: Flag = () => ({ verboseDate: true });

const invert: Flag = () => ({ invert: true });
const debuggex: Flag = () => ({ debuggex: true });
const shortStacks: Flag = ({ stacks }) => ({ stacks: stacks === 'full' ? stacks : 'short' });

const flags: Readonly<Record<string, Flag>> = {
  '-h': help,
  '--help': help,
  '--version': ({ print }) => ({ print: print ?? 'version' }),
  '-V': ({ print }) => ({ print: print ?? 'short-version' }),
  '-r': () => ({ raw: true }),
  '--raw': () => ({ raw: true }),
  '-v': verbose,
  '--verbose': verbose,
  '--verbose-date': verboseDate,
  '--VD': verboseDate,
  '-i': invert,
  '--invert': invert,
  '-D': debuggex,
  '--debuggex': debuggex,
  '-t': shortStacks,
  '--log-traceback': shortStacks,
  '--full-traceback': () => ({ stacks: 'full' }),
  '--no-check-all': () => ({ checkAll: false }),
  '--check-all-regex': () => ({ forceCheckAll: true }),
  '--print-no-missed': () => ({ printNoMissed: true }),
  '--print-no-ignored': () => ({ printNoIgnored: true }),
  '--print-all-matched': () => ({ printAllMatched: true }),
  '--print-all-missed': () => ({ printAllMissed: true }),
  '--print-all-ignored': () => ({ printAllIgnored: true }),
};

const config: Valued = (value) => ({ config: value });
/** An empty word is as good as none. */
const given = (value: string) => (value === '' ? null : value);
const datepattern: Valued = (value) => ({ datepattern: given(value) });
const timezone: Valued = (value) => ({ timezone: given(value) });
const encoding: Valued = (value) => ({ encoding: value });
const maxlines: Valued = (value, name) => ({ maxlines: integer(value, name) });
const journalmatch: Valued = (value) => ({ journalmatch: value });
const out: Valued = (value) => ({ out: given(value) });

const valued: Readonly<Record<string, Valued>> = {
  '-c': config,
  '--config': config,
  '-d': datepattern,
  '--datepattern': datepattern,
  '--timezone': timezone,
  '--TZ': timezone,
  '-e': encoding,
  '--encoding': encoding,
  '--usedns': (value) => ({ usedns: given(value) }),
  '-L': maxlines,
  '--maxlines': maxlines,
  '-m': journalmatch,
  '--journalmatch': journalmatch,
  '-l': logLevel,
  '--log-level': logLevel,
  '--verbosity': (value, name) => ({ verbose: integer(value, name) }),
  '-o': out,
  '--out': out,
};

const longNames = [flags, valued].flatMap(Object.keys).filter((name) => name.startsWith('--'));

/** Throws ERR_USAGE for what it does not know. */
export function parseRegexOptions(argv: readonly string[]): RegexOptions {
  let options = defaults;
  const rest = [...argv];
  const words: string[] = [];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      words.push(...rest);
      break;
    }
    if (!word.startsWith('-') || word === '-') words.push(word);
    else options = word.startsWith('--') ? readLong(options, word, rest) : readShort(options, word, rest);
  }
  return { ...options, words };
}

function readLong(options: RegexOptions, word: string, rest: string[]): RegexOptions {
  const equals = word.indexOf('=');
  const name = fullName(equals < 0 ? word : word.slice(0, equals));
  const take = own(valued, name);
  if (take !== undefined) {
    const value = equals < 0 ? next(name, rest) : word.slice(equals + 1);
    return { ...options, ...take(value, name) };
  }
  if (equals >= 0 && own(flags, name) !== undefined) throw usage(`${name} option does not take a value`);
  return withFlag(options, name);
}

/** The only option that begins so, as optparse completes it. */
function fullName(name: string): string {
  const fitting = longNames.filter((known) => known.startsWith(name));
  if (fitting.includes(name)) return name;
  const [only] = fitting;
  if (fitting.length > 1) throw usage(`ambiguous option: ${name} (${fitting.toSorted().join(', ')}?)`);
  return only ?? name;
}

function readShort(options: RegexOptions, word: string, rest: string[]): RegexOptions {
  let result = options;
  for (let at = 1; at < word.length; at += 1) {
    const name = `-${word[at]}`;
    const take = own(valued, name);
    if (take !== undefined) return { ...result, ...take(word.slice(at + 1) || next(name, rest), name) };
    result = withFlag(result, name);
  }
  return result;
}

function withFlag(options: RegexOptions, name: string): RegexOptions {
  const flag = own(flags, name);
  if (flag !== undefined) return { ...options, ...flag(options) };
  throw usage(`no such option: ${name}`);
}

function next(name: string, rest: string[]): string {
  const value = rest.shift();
  if (value === undefined) throw usage(`${name} option requires 1 argument`);
  return value;
}

function integer(text: string, name: string): number {
  if (/^\s*[+-]?\d+\s*$/.test(text)) return Number(text);
  throw usage(`option ${name}: invalid integer value: '${text}'`);
}

function logLevel(value: string, name: string): Change {
  try {
    return { logLevel: parseLevel(value) };
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    throw usage(`option ${name}: ${error.message}`, error.remedy);
  }
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

export function usage(message: string, remedy?: string): EdgebanError {
  return new EdgebanError('ERR_USAGE', message, remedy === undefined ? {} : { remedy });
}
