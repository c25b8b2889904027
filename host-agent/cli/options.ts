/** The options of fail2ban's client and server, read as its getopt reads them: options first, then words. */
import { parseSeconds } from '../../shared/config/arithmetic.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { ServerSettings } from './ports.ts';

export interface Options {
  readonly configDir: string;
  /** What the command line sets of the server's settings. */
  readonly overrides: Partial<ServerSettings>;
  /** 1 by default; -v adds, -q takes away. */
  readonly verbosity: number;
  /** What the daemon is called in ps and top. */
  readonly processName: string;
  readonly foreground: boolean;
  /** Start in the background without waiting until the daemon answers. */
  readonly async: boolean;
  readonly test: boolean;
  readonly json: boolean;
  /** Read commands from stdin. */
  readonly interactive: boolean;
  /** Ends the program with a print, whatever else is said. */
  readonly print: 'help' | 'version' | 'short-version' | 'seconds' | null;
  /** What is to be printed in seconds. */
  readonly str2sec: string;
  /** Print the configuration as fail2ban's command stream, a line or a layout for each command. */
  readonly dump: 'lines' | 'pretty' | null;
  /** Seconds that `start`, `stop` and `restart` wait for the daemon. */
  readonly timeout: number;
  readonly words: readonly string[];
}

type Change = Partial<Options>;

const flags: Readonly<Record<string, (options: Options) => Change>> = {
  '-f': () => ({ foreground: true }),
  '-b': () => ({ foreground: false }),
  '-v': ({ verbosity }) => ({ verbosity: verbosity + 1 }),
  '-q': ({ verbosity }) => ({ verbosity: verbosity - 1 }),
  '-t': () => ({ test: true }),
  '--test': () => ({ test: true }),
  '-d': () => ({ dump: 'lines' }),
  '--dp': () => ({ dump: 'pretty' }),
  '--dump-pretty': () => ({ dump: 'pretty' }),
  // fail2ban's -x removes a dead socket file; ours is replaced anyway, and a living daemon's never.
  '-x': () => ({}),
  '-i': () => ({ interactive: true }),
  '--async': () => ({ async: true }),
  '--json': () => ({ json: true }),
  '-h': ({ print }) => ({ print: print ?? 'help' }),
  '--help': ({ print }) => ({ print: print ?? 'help' }),
  '-V': ({ print }) => ({ print: print ?? 'short-version' }),
  '--version': ({ print }) => ({ print: print ?? 'version' }),
};

const override =
  (name: keyof ServerSettings) =>
  ({ overrides }: Options, value: string): Change => ({ overrides: { ...overrides, [name]: value } });

const valued: Readonly<Record<string, (options: Options, value: string) => Change>> = {
  '-c': (_options, configDir) => ({ configDir }),
  '--conf': (_options, configDir) => ({ configDir }),
  '-s': override('socket'),
  '--socket': override('socket'),
  '-p': override('pidfile'),
  '--pidfile': override('pidfile'),
  '--loglevel': override('loglevel'),
  '--syslogsocket': override('syslogsocket'),
  '--logtarget': override('logtarget'),
  '--dbfile': override('dbfile'),
  '--pname': (_options, processName) => ({ processName }),
  '--timeout': (_options, value) => ({ timeout: seconds(value) }),
  '--str2sec': ({ print }, str2sec) => (print === null ? { print: 'seconds', str2sec } : {}),
};

const defaults: Options = {
  configDir: '/etc/edgeban',
  overrides: {},
  verbosity: 1,
  processName: 'edgeban-server',
  foreground: false,
  async: false,
  test: false,
  json: false,
  interactive: false,
  print: null,
  str2sec: '',
  dump: null,
  timeout: 30,
  words: [],
};

/** Throws ERR_USAGE for what it does not know, and names what it knows but refuses. */
export function parseOptions(argv: readonly string[]): Options {
  let options = defaults;
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') return { ...options, words: rest };
    if (!word.startsWith('-') || word === '-') return { ...options, words: [word, ...rest] };
    options = word.startsWith('--') ? readLong(options, word, rest) : readShort(options, word, rest);
  }
  return options;
}

/** `--name`, `--name value` or `--name=value`. */
function readLong(options: Options, word: string, rest: string[]): Options {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word : word.slice(0, equals);
  const take = own(valued, name);
  if (take !== undefined)
    return { ...options, ...take(options, equals < 0 ? next(name, rest) : word.slice(equals + 1)) };
  if (equals >= 0 && own(flags, name) !== undefined) throw usage(`option ${name} takes no value`);
  return withFlag(options, name);
}

/** `-xfv`, `-c DIR` or `-cDIR`. */
function readShort(options: Options, word: string, rest: string[]): Options {
  let result = options;
  for (let at = 1; at < word.length; at += 1) {
    const name = `-${word[at]}`;
    const take = own(valued, name);
    if (take !== undefined) return { ...result, ...take(result, word.slice(at + 1) || next(name, rest)) };
    result = withFlag(result, name);
  }
  return result;
}

function withFlag(options: Options, name: string): Options {
  const flag = own(flags, name);
  if (flag !== undefined) return { ...options, ...flag(options) };
  throw usage(`option ${name} not recognized`, '-h lists what there is');
}

function next(name: string, rest: string[]): string {
  const value = rest.shift();
  if (value === undefined) throw usage(`option ${name} requires argument`);
  return value;
}

function seconds(text: string): number {
  try {
    const value = parseSeconds(text);
    if (Number.isFinite(value) && value > 0) return value;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
  }
  throw usage(`option --timeout: '${text}' is not a length of time`);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

export function usage(message: string, remedy?: string): EdgebanError {
  return new EdgebanError('ERR_USAGE', message, remedy === undefined ? {} : { remedy });
}
