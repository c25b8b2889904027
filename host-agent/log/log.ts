/** The daemon's log, in fail2ban's line format, so that its filters and the tools around it can read it. */
import { EdgebanError } from '../../shared/errors.ts';
import { type Entry, type Level, levels, logLimits, printable } from './format.ts';

export { escapeControls, formatLogLine, type Level } from './format.ts';

import { hostLogs, openTarget, type Target, type TargetWorld } from './targets.ts';

/** One room's voice in the log. A message is one line; control characters in it are escaped. */
export interface Logger {
  critical(message: string): void;
  error(message: string): void;
  warning(message: string): void;
  notice(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

/**
 * The names that stand in the log. Where fail2ban has the name we print fail2ban's: its recidive filter is anchored at
 * `fail2ban.actions … NOTICE  [jail] Ban IP`, and panels and exporters look for the same. What fail2ban has not is edgeban's own.
 */
const names = {
  server: 'fail2ban.server',
  configreader: 'fail2ban.configreader',
  jail: 'fail2ban.jail',
  filter: 'fail2ban.filter',
  filterpoll: 'fail2ban.filterpoll',
  filtersystemd: 'fail2ban.filtersystemd',
  observer: 'fail2ban.observer',
  actions: 'fail2ban.actions',
  database: 'fail2ban.database',
  transmitter: 'fail2ban.transmitter',
  utils: 'fail2ban.utils',
  edge: 'edgeban.edge',
  guard: 'edgeban.guard',
} as const;

export type LoggerName = keyof typeof names;

export interface LogOptions {
  /** An absolute path, `STDOUT`, `STDERR`, `SYSOUT`, `SYSLOG` or `SYSTEMD-JOURNAL`, with `[options]`. */
  readonly target: string;
  /** A level's name or number, as in fail2ban.conf. */
  readonly level: string;
  /** `auto` if not given. */
  readonly syslogsocket?: string;
  /** Where journald takes streams: the system's if not given. */
  readonly journal?: string;
  readonly now?: () => Date;
  readonly pid?: number;
}

/** Reads `INFO`, `info` or `20`. Throws ERR_LOG_LEVEL. */
export function parseLevel(text: string): number {
  const name = text.toUpperCase();
  for (const [level, value] of Object.entries(levels)) if (level === name) return value;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new EdgebanError('ERR_LOG_LEVEL', `Invalid log level '${printable(text)}'`, {
    remedy: `use one of ${Object.keys(levels).join(', ')}`,
  });
}

/** Where log lines go. Writing never throws: a full disk must not stop a ban; what was lost is counted and told later. */
export class Log {
  readonly #now: () => Date;
  readonly #pid: number;
  #world: TargetWorld;
  /** Null when it is closed. */
  #target: Target | null;
  /** With its options. */
  #text: string;
  #name: string;
  #level: string;
  #threshold: number;
  #lost = 0;
  readonly #loggers = new Map<LoggerName, Logger>();
  /** What `together` has heard so far. */
  #waiting: Entry[] | null = null;
  /** When it was said, all of it. */
  #waitingAt: Date | null = null;

  /** Throws ERR_LOG_TARGET or ERR_LOG_LEVEL. */
  constructor(options: LogOptions) {
    this.#now = options.now ?? (() => new Date());
    this.#pid = options.pid ?? process.pid;
    this.#threshold = parseLevel(options.level);
    this.#level = options.level.toUpperCase();
    const { syslogsocket = hostLogs.syslogsocket, journal = hostLogs.journal } = options;
    this.#world = { syslogsocket, journal };
    this.#text = options.target;
    this.#target = openTarget(options.target, this.#world);
    this.#name = this.#target.name;
  }

  /** The level as set, in upper case (fail2ban answers `get loglevel` with it). */
  get level(): string {
    return this.#level;
  }

  /** Without its options. */
  get target(): string {
    return this.#name;
  }

  get syslogSocket(): string {
    return this.#world.syslogsocket;
  }

  logger(name: LoggerName): Logger {
    const known = this.#loggers.get(name);
    if (known !== undefined) return known;
    const say = (level: Level) => (message: string) => this.#write(names[name], level, message);
    const made = {
      critical: say('CRITICAL'),
      error: say('ERROR'),
      warning: say('WARNING'),
      notice: say('NOTICE'),
      info: say('INFO'),
      debug: say('DEBUG'),
    };
    this.#loggers.set(name, made);
    return made;
  }

  /** What `body` says is written in one go when it has returned: a burst says thousands of lines. */
  together(body: () => void): void {
    const waiting: Entry[] = [];
    const outer = this.#waiting;
    this.#waiting = waiting;
    this.#waitingAt ??= this.#now();
    try {
      body();
    } finally {
      this.#waiting = outer;
      if (outer === null) this.#waitingAt = null;
      this.#put(waiting);
    }
  }

  /** Throws ERR_LOG_LEVEL and keeps the old one. */
  setLevel(level: string): void {
    // in capitals in the refusal, too: fail2ban's words
    const name = level.toUpperCase();
    this.#threshold = parseLevel(name);
    this.#level = name;
  }

  /** Throws ERR_LOG_TARGET and keeps the old one. */
  setTarget(target: string): void {
    if (target === this.#text) return;
    this.#open(target, this.#world);
    this.#write(names.server, 'INFO', `Changed logging target to ${this.#name}`);
  }

  /** Throws ERR_LOG_TARGET and keeps the old one. */
  setSyslogSocket(syslogsocket: string): void {
    const world = { ...this.#world, syslogsocket };
    if (this.#name === 'SYSLOG') this.#open(this.#text, world);
    this.#world = world;
  }

  /** For logrotate (SIGUSR1, `flushlogs`): opens the file anew under its name. Returns fail2ban's word for it. */
  reopen(): 'rolled over' | 'flushed' {
    const isFile = this.#target?.isFile ?? false;
    if (isFile) this.#open(this.#text, this.#world);
    this.#write(names.server, 'INFO', `${isFile ? 'rollover' : 'flush'} performed on ${this.#name}`);
    return isFile ? 'rolled over' : 'flushed';
  }

  close(): void {
    this.#target?.close();
    this.#target = null;
  }

  #open(text: string, world: TargetWorld): void {
    const next = openTarget(text, world);
    this.#target?.close();
    this.#target = next;
    this.#text = text;
    this.#name = next.name;
  }

  #write(name: string, level: Level, message: string): void {
    if (levels[level] < this.#threshold || this.#target === null) return;
    const entry = this.#entry(name, level, message);
    const waiting = this.#waiting ?? [];
    waiting.push(entry);
    if (this.#waiting === null || waiting.length >= logLimits.together_max) this.#put(waiting.splice(0));
  }

  #entry(name: string, level: Level, message: string): Entry {
    return { at: this.#waitingAt ?? this.#now(), name, pid: this.#pid, level, message };
  }

  #put(entries: readonly Entry[]): void {
    if (this.#target === null || entries.length === 0) return;
    const told = this.#lost === 0 || this.#target.write([this.#loss()]) > 0;
    if (told) this.#lost = 0;
    this.#lost += entries.length - (told ? this.#target.write(entries) : 0);
  }

  #loss(): Entry {
    return this.#entry(names.server, 'WARNING', `${this.#lost} log line(s) lost: they could not be written`);
  }
}
