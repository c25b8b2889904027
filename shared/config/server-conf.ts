/** The settings of the daemon itself: [Definition] of edgeban.conf or fail2ban.conf and edgeban's own [Guard]. */
import { type Prefix, parsePrefix } from '../address.ts';
import { EdgebanError } from '../errors.ts';
import type { Seconds } from '../time.ts';
import { boolOf } from './action-conf.ts';
import { parseSeconds } from './arithmetic.ts';
import { type Config, readConfig } from './config-tree.ts';
import { configError, type Finding, findingOf, mildFinding } from './finding.ts';
import { interpolated } from './interpolation.ts';
import { intOf } from './jail-reading.ts';
import { words } from './jail-values.ts';
import { unknownOptions } from './known-options.ts';
import { type ConfigFiles, joinPath, openFiles } from './read-order.ts';
import { type Origin, originAt, type Sourced } from './sourced.ts';

export interface ServerConf {
  /** Whose file it was: the paths in fail2ban's own are those of fail2ban's state. `none`: edgeban's defaults. */
  readonly from: 'edgeban' | 'fail2ban' | 'none';
  readonly loglevel: string;
  /** A file, STDOUT, STDERR, SYSLOG, …, with options in brackets where it has any. */
  readonly logtarget: string;
  readonly syslogsocket: string;
  readonly socket: string;
  readonly pidfile: string;
  /** A file, `:memory:`, or null for none. */
  readonly dbfile: string | null;
  readonly dbmaxmatches: number;
  readonly dbpurgeage: Seconds;
  /** Null: find out. */
  readonly allowipv6: boolean | null;
  readonly guard: GuardConf;
  /** Where Prometheus finds the host's figures; both empty: nowhere. */
  readonly metrics: { readonly listen: string; readonly textfile: string };
  /** Whom the host tells what is wrong; `edge`: also what the Worker tells. */
  readonly alerts: {
    readonly mail: readonly string[];
    readonly webhook: string;
    readonly ntfy: string;
    readonly edge: boolean;
  };
}

/** As the engine's guard takes it. */
export interface GuardConf {
  /** May private addresses be banned? (`private = true` in the file says that they are guarded.) */
  readonly private: boolean;
  /** The shortest prefixes that may be banned. */
  readonly prefix4: number;
  readonly prefix6: number;
  readonly allowed: readonly Prefix[];
  /** Whose live logins over ssh are never locked out: user names, `@group`, or `*` for all. */
  readonly admins: readonly string[];
}

/** What holds where a file says nothing: edgeban's places, or fail2ban's for a configuration of fail2ban's. */
const defaults: Readonly<Record<'edgeban' | 'fail2ban', Readonly<Record<string, string>>>> = {
  edgeban: {
    logtarget: '/var/log/edgeban.log',
    socket: '/run/edgeban/edgeban.sock',
    pidfile: '/run/edgeban/edgeban.pid',
    dbfile: '/var/lib/edgeban/edgeban.sqlite3',
  },
  fail2ban: {
    logtarget: '/var/log/fail2ban.log',
    socket: '/var/run/fail2ban/fail2ban.sock',
    pidfile: '/var/run/fail2ban/fail2ban.pid',
    dbfile: '/var/lib/fail2ban/fail2ban.sqlite3',
  },
};

/** Those who may become root on a Debian, and the cloud images' own user. */
const defaultAdmins = 'root @root @sudo @wheel @admin @adm';

const known = {
  Definition: [
    ...['loglevel', 'logtarget', 'syslogsocket', 'socket', 'pidfile', 'allowipv6'],
    ...['dbfile', 'dbmaxmatches', 'dbpurgeage'],
  ],
  Guard: ['private', 'prefix4', 'prefix6', 'allow', 'admins'],
  Metrics: ['listen', 'textfile'],
  Alerts: ['mail', 'webhook', 'ntfy', 'edge'],
  Thread: ['stacksize'],
} as const;

/**
 * Reads edgeban.conf of the configuration folder, or fail2ban.conf where there is none. What cannot be used is among the
 * findings, and its default in its place. Throws nothing of the operator's world.
 */
export function readServerConf(
  files: ConfigFiles,
  dir: string,
): { readonly server: ServerConf; readonly findings: readonly Finding[] } {
  const { from, config, findings } = openServer(files, dir);
  const settings = new Settings(config, from === 'fail2ban' ? 'fail2ban' : 'edgeban', findings);
  const dbfile = settings.text('Definition', 'dbfile');
  const server: ServerConf = {
    from,
    loglevel: settings.loglevel(),
    logtarget: settings.text('Definition', 'logtarget'),
    syslogsocket: settings.text('Definition', 'syslogsocket', 'auto'),
    socket: settings.text('Definition', 'socket'),
    pidfile: settings.text('Definition', 'pidfile'),
    dbfile: dbfile.toLowerCase() === 'none' ? null : dbfile,
    dbmaxmatches: settings.int('Definition', 'dbmaxmatches', 10, 0, 10_000),
    dbpurgeage: settings.seconds('Definition', 'dbpurgeage', 86_400),
    allowipv6: settings.allowipv6(),
    guard: {
      private: !boolOf(settings.text('Guard', 'private', 'true')),
      prefix4: settings.int('Guard', 'prefix4', 16, 1, 32),
      prefix6: settings.int('Guard', 'prefix6', 48, 1, 128),
      allowed: settings.prefixes('Guard', 'allow'),
      admins: settings
        .text('Guard', 'admins', defaultAdmins)
        .split(/[\s,]+/)
        .filter((name) => name !== ''),
    },
    metrics: { listen: settings.listen(), textfile: settings.path('Metrics', 'textfile') },
    alerts: {
      mail: settings.shaped('mail', mailbox, 'no user or address', 'write root, or name@example.org'),
      webhook:
        settings.shaped('webhook', target, 'no address for a webhook', 'write https://example.org/path')[0] ?? '',
      ntfy: settings.shaped('ntfy', topic, 'no address of a topic', 'write https://ntfy.sh/your-topic')[0] ?? '',
      edge: boolOf(settings.text('Alerts', 'edge', 'false')),
    },
  };
  if (config !== null) findings.push(...oddOptions(config));
  return { server, findings };
}

export interface OpenedServer {
  readonly from: ServerConf['from'];
  readonly config: Config | null;
  readonly findings: Finding[];
}

export function openServer(files: ConfigFiles, dir: string): OpenedServer {
  for (const from of ['edgeban', 'fail2ban'] as const) {
    const cache = openFiles(files);
    try {
      const config = readConfig(cache, joinPath(dir, from));
      const problems = (config?.problems ?? []).map(({ error }) => findingOf(error));
      if (config !== null || cache.findings.length > 0)
        return { from, config, findings: [...cache.findings, ...problems] };
    } catch (error) {
      return { from, config: null, findings: [...cache.findings, findingOf(error)] };
    }
  }
  return { from: 'none', config: null, findings: [] };
}

/** What a mail program cannot take for an option or for two. */
const mailbox = /^[A-Za-z0-9][\w.+-]{0,63}(?:@[A-Za-z0-9][A-Za-z0-9.-]{0,250})?$/;
/** https, or http to this machine; without a user name, and with no second word behind it. */
const target = /^(?:https:\/\/[^\s/@?#]+|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)(?:[/?][^\s]*)?$/;
const topic = /^(?:https:\/\/[^\s/@?#]+|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)\/[\w-]{1,64}$/;

const logLevels = 'CRITICAL ERROR WARNING NOTICE MSG INFO DEBUG TRACEDEBUG HEAVYDEBUG'.split(' ');

/** The options of the server as text, with their defaults. */
export class Settings {
  readonly #config: Config | null;
  readonly #defaults: Readonly<Record<string, string>>;
  readonly #findings: Finding[];

  constructor(config: Config | null, brand: 'edgeban' | 'fail2ban', findings: Finding[]) {
    this.#config = config;
    this.#defaults = defaults[brand];
    this.#findings = findings;
  }

  find(section: string, name: string): Sourced | null {
    try {
      return this.#config === null ? null : interpolated(this.#config, section, name);
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      this.#findings.push(findingOf(error));
      return null;
    }
  }

  text(section: string, name: string, otherwise = this.#defaults[name] ?? ''): string {
    return this.find(section, name)?.text ?? otherwise;
  }

  int(section: string, name: string, otherwise: number, least: number, most: number): number {
    const source = this.find(section, name);
    if (source === null) return otherwise;
    const value = intOf(source.text);
    if (value !== null && value >= least && value <= most) return value;
    this.#refuse(source, name, `not a whole number from ${least} to ${most}`, `${otherwise} is the default`);
    return otherwise;
  }

  seconds(section: string, name: string, otherwise: Seconds): Seconds {
    const source = this.find(section, name);
    if (source === null) return otherwise;
    try {
      return parseSeconds(source.text);
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      const message = `${name} = ${source.text}: ${error.message}`;
      this.#findings.push(
        findingOf(configError('ERR_CONFIG_TIME', message, originAt(source), 'write a time such as 1d or 12h')),
      );
      return otherwise;
    }
  }

  prefixes(section: string, name: string): Prefix[] {
    const source = this.find(section, name);
    if (source === null) return [];
    return words(source.text).flatMap((word) => {
      const prefix = parsePrefix(word);
      if (prefix !== null) return [prefix];
      this.#refuse(
        source,
        name,
        `'${word}' is no address or network`,
        'write addresses and networks, with blanks between',
      );
      return [];
    });
  }

  loglevel(): string {
    const source = this.find('Definition', 'loglevel');
    if (source === null || /^\d+$/.test(source.text) || logLevels.includes(source.text.toUpperCase())) {
      return source?.text ?? 'INFO';
    }
    const place = originAt(source);
    const message = `loglevel = ${source.text}: not a log level`;
    this.#findings.push(
      findingOf(configError('ERR_LOG_LEVEL', message, place, `write one of ${logLevels.join(', ')}`)),
    );
    return 'INFO';
  }

  /** Of loopback only: the figures are nobody else's business. */
  listen(): string {
    const source = this.find('Metrics', 'listen');
    const text = source?.text ?? '';
    if (source === null || text === '' || /^(?:\/.+|(?:127(?:\.\d{1,3}){3}|localhost|\[::1\]):\d{1,5})$/.test(text))
      return text;
    this.#refuse(
      source,
      'listen',
      'neither a path nor a port of loopback',
      'write /run/edgeban/metrics.sock or 127.0.0.1:9191',
    );
    return '';
  }

  /** Words of [Alerts], each of this form: all of them, or none. The value is not shown: it is a secret often enough. */
  shaped(name: string, form: RegExp, message: string, remedy: string): string[] {
    const source = this.find('Alerts', name);
    const found = source === null ? [] : words(source.text);
    if (source === null || found.every((word) => form.test(word))) return found;
    this.#findings.push(findingOf(configError('ERR_CONFIG_VALUE', `${name}: ${message}`, originAt(source), remedy)));
    return [];
  }

  path(section: string, name: string): string {
    const source = this.find(section, name);
    const text = source?.text ?? '';
    if (source === null || text === '' || text.startsWith('/')) return text;
    this.#refuse(source, name, 'no absolute path', 'write one that begins with /');
    return '';
  }

  allowipv6(): boolean | null {
    const text = this.text('Definition', 'allowipv6', 'auto');
    return text === 'auto' ? null : boolOf(text);
  }

  #refuse(source: Sourced, name: string, message: string, remedy: string): void {
    const error = configError('ERR_CONFIG_VALUE', `${name} = ${source.text}: ${message}`, originAt(source), remedy);
    this.#findings.push(findingOf(error));
  }
}

function oddOptions(config: Config): Finding[] {
  const findings = unknownOptions(config, config.defaults, { options: known.Definition, variables: [] }, true);
  for (const [name, options] of Object.entries(known)) {
    const section = config.sections.get(name);
    if (section !== undefined) findings.push(...unknownOptions(config, section, { options, variables: [] }, false));
  }
  const stack = config.sections.get('Thread')?.get('stacksize');
  return stack === undefined ? findings : [...findings, threadNotice(originAt(stack))];
}

function threadNotice(origin: Origin): Finding {
  return mildFinding(
    'notice',
    configError('ERR_CONFIG_OPTION', 'stacksize has no effect: edgeban has no threads', origin, 'remove it'),
  );
}
