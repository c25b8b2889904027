/** The daemon's log, in fail2ban's line format, so that its filters and the tools around it can read it. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { EdgebanError } from '../shared/errors.ts';

/** One room's voice in the log. A message is one line; control characters in it are escaped. */
export interface Logger {
  critical(message: string): void;
  error(message: string): void;
  warning(message: string): void;
  notice(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

const levels = {
  CRITICAL: 50,
  ERROR: 40,
  WARNING: 30,
  NOTICE: 25,
  INFO: 20,
  MSG: 18,
  DEBUG: 10,
  TRACEDEBUG: 7,
  HEAVYDEBUG: 5,
} as const;

export type Level = keyof typeof levels;

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

export const logLimits = {
  /** A message longer than this is cut, in UTF-16 units: attackers write much of it. */
  message_length_max: 8 * 1024,
} as const;

export interface LogOptions {
  /** An absolute path, `STDOUT` or `STDERR`. */
  readonly target: string;
  /** A level's name or number, as in fail2ban.conf. */
  readonly level: string;
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

/** fail2ban's line, without its line end: `2026-11-22 15:17:39,096 fail2ban.actions        [1854]: NOTICE  [sshd] Ban 192.0.2.50`. */
export function formatLogLine(at: Date, name: string, pid: number, level: string, message: string): string {
  return `${localTime(at)} ${name.padEnd(24)}[${pid}]: ${level.padEnd(7)} ${printable(message)}`;
}

/** escapeControls for a log message: cut to its limit first. */
function printable(text: string): string {
  const max = logLimits.message_length_max;
  return escapeControls(text.length > max ? `${text.slice(0, max)}…` : text);
}

/** One line that no terminal or log reader can misread: control, bidirectional and line separating characters become escapes. */
export function escapeControls(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
    if (char === '\n') return '\\n';
    if (char === '\r') return '\\r';
    if (char === '\t') return '\t';
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** `2026-11-22 15:17:39,096`, in local time. */
function localTime(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day} ${clock},${String(at.getMilliseconds()).padStart(3, '0')}`;
}

interface Target {
  readonly name: string;
  readonly fd: number;
  readonly isFile: boolean;
}

/** Where log lines go. Writing never throws: a full disk must not stop a ban; what was lost is counted and told later. */
export class Log {
  readonly #now: () => Date;
  readonly #pid: number;
  #target: Target;
  #level: string;
  #threshold: number;
  #lost = 0;

  /** Throws ERR_LOG_TARGET or ERR_LOG_LEVEL. */
  constructor(options: LogOptions) {
    this.#now = options.now ?? (() => new Date());
    this.#pid = options.pid ?? process.pid;
    this.#threshold = parseLevel(options.level);
    this.#level = options.level.toUpperCase();
    this.#target = openTarget(options.target);
  }

  /** The level as set, in upper case (fail2ban answers `get loglevel` with it). */
  get level(): string {
    return this.#level;
  }

  get target(): string {
    return this.#target.name;
  }

  logger(name: LoggerName): Logger {
    const say = (level: Level) => (message: string) => this.#write(names[name], level, message);
    return {
      critical: say('CRITICAL'),
      error: say('ERROR'),
      warning: say('WARNING'),
      notice: say('NOTICE'),
      info: say('INFO'),
      debug: say('DEBUG'),
    };
  }

  /** Throws ERR_LOG_LEVEL and keeps the old one. */
  setLevel(level: string): void {
    this.#threshold = parseLevel(level);
    this.#level = level.toUpperCase();
  }

  /** Throws ERR_LOG_TARGET and keeps the old one. */
  setTarget(target: string): void {
    const next = openTarget(target);
    closeTarget(this.#target);
    this.#target = next;
  }

  /** For logrotate (SIGUSR1, `flushlogs`): opens the file anew under its name. Returns fail2ban's word for it. */
  reopen(): 'rolled over' | 'flushed' {
    if (!this.#target.isFile) return 'flushed';
    this.setTarget(this.#target.name);
    this.#write(names.server, 'INFO', `rollover performed on ${this.#target.name}`);
    return 'rolled over';
  }

  close(): void {
    closeTarget(this.#target);
    this.#target = { name: this.#target.name, fd: -1, isFile: false };
  }

  #write(name: string, level: Level, message: string): void {
    if (levels[level] < this.#threshold || this.#target.fd < 0) return;
    const lines = [formatLogLine(this.#now(), name, this.#pid, level, message)];
    if (this.#lost > 0) lines.unshift(this.#lossLine());
    if (writeAll(this.#target.fd, Buffer.from(`${lines.join('\n')}\n`))) this.#lost = 0;
    else this.#lost += 1;
  }

  #lossLine(): string {
    const message = `${this.#lost} log line(s) lost: ${this.#target.name} could not be written`;
    return formatLogLine(this.#now(), names.server, this.#pid, 'WARNING', message);
  }
}

/** False if not all of it could be written (disk full, pipe full or closed). */
function writeAll(fd: number, bytes: Buffer): boolean {
  try {
    let done = 0;
    while (done < bytes.length) done += writeSync(fd, bytes, done);
    return true;
  } catch {
    return false;
  }
}

function openTarget(target: string): Target {
  const upper = target.toUpperCase();
  if (upper === 'STDOUT' || upper === 'SYSOUT') return { name: 'STDOUT', fd: 1, isFile: false };
  if (upper === 'STDERR') return { name: 'STDERR', fd: 2, isFile: false };
  if (isAbsolute(target) && !/\[.*\]$/s.test(target)) return openFile(target);
  throw new EdgebanError('ERR_LOG_TARGET', `cannot log to '${printable(target)}'`, {
    remedy: 'set logtarget to an absolute path, STDOUT (the journal, under systemd) or STDERR, without [options]',
  });
}

function openFile(path: string): Target {
  try {
    // 'a' lets logrotate's copytruncate work; 0640 is what Debian's logrotate makes.
    return { name: path, fd: openSync(path, 'a', 0o640), isFile: true };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EdgebanError('ERR_LOG_TARGET', `cannot open the log: ${reason}`, {
      file: path,
      remedy: 'make its folder, or set another logtarget',
      cause,
    });
  }
}

function closeTarget(target: Target): void {
  if (target.isFile) closeSync(target.fd);
}
