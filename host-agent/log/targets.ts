/** Where the log goes: a file, a stream of this process, the journal, or syslog. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { isAbsolute } from 'node:path';
import type { Writable } from 'node:stream';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { badTarget, type Entry, type Format, formatOf, isLevel, type Level, logLimits, parseTarget } from './format.ts';

export interface Target {
  /** As fail2ban answers `get logtarget`: without its options. */
  readonly name: string;
  readonly isFile: boolean;
  /** Returns how many of them, from the first, are written; the others are lost (disk full, nobody reads). Never throws. */
  write(entries: readonly Entry[]): number;
  close(): void;
}

export interface TargetWorld {
  /** `auto`, or the path of the syslog socket. */
  readonly syslogsocket: string;
  /** Where journald takes streams. */
  readonly journal: string;
}

export const hostLogs: TargetWorld = { syslogsocket: 'auto', journal: '/run/systemd/journal/stdout' };

/** Throws ERR_LOG_TARGET. */
export function openTarget(text: string, world: TargetWorld): Target {
  const target = parseTarget(text);
  const { name, options } = target;
  const upper = name.toUpperCase();
  if (options.has('facility') && upper !== 'SYSLOG') throw badTarget(text, 'only SYSLOG has a facility');
  const tagged = formatOf(target, { datetime: false, padding: false });
  switch (upper) {
    case 'STDOUT':
    case 'STDERR':
      return new Stream(upper, formatOf(target, { datetime: true, padding: true }), upper === 'STDOUT' ? 1 : 2, false);
    case 'SYSOUT':
      return new Stream('SYSOUT', formatOf(target, { datetime: false, padding: true }), 1, false);
    case 'SYSLOG':
      return openSyslog(tagged, facilityOf(text, options), world.syslogsocket);
    case 'SYSTEMD-JOURNAL':
      return openJournal(tagged, world.journal);
  }
  if (!isAbsolute(name)) throw badTarget(text, 'it is neither a target nor an absolute path');
  return new Stream(name, formatOf(target, { datetime: true, padding: true }), openFile(name), true);
}

function openFile(path: string): number {
  try {
    // 'a' lets logrotate's copytruncate work; 0640 is what Debian's logrotate makes.
    return openSync(path, 'a', 0o640);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EdgebanError('ERR_LOG_TARGET', `cannot open the log: ${reason}`, {
      file: path,
      remedy: 'make its folder, or set another logtarget',
      cause,
    });
  }
}

const newline = 10;

/** What is written at once: a file, or what this process was started with. */
class Stream implements Target {
  readonly name: string;
  readonly isFile: boolean;
  readonly #format: Format;
  readonly #fd: number;
  /** The last line was not written to its end. */
  #isTorn = false;

  constructor(name: string, format: Format, fd: number, isFile: boolean) {
    this.name = name;
    this.isFile = isFile;
    this.#format = format;
    this.#fd = fd;
  }

  write(entries: readonly Entry[]): number {
    const lines = entries.map((entry) => `${this.#format(entry)}\n`).join('');
    const bytes = Buffer.from(this.#isTorn ? `\n${lines}` : lines);
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#fd, bytes, done);
      this.#isTorn = false;
      return entries.length;
    } catch {
      if (done === 0) return 0;
      const whole = bytes.subarray(0, done).reduce((count, byte) => (byte === newline ? count + 1 : count), 0);
      const written = whole - (this.#isTorn ? 1 : 0);
      this.#isTorn = bytes[done - 1] !== newline;
      return written;
    }
  }

  close(): void {
    if (this.isFile) closeSync(this.#fd);
  }
}

const priorities: Readonly<Record<Level, number>> = {
  CRITICAL: 2,
  ERROR: 3,
  WARNING: 4,
  NOTICE: 5,
  INFO: 6,
  MSG: 6,
  DEBUG: 7,
  TRACEDEBUG: 7,
  HEAVYDEBUG: 7,
};

function priorityOf({ level }: Entry): number {
  return isLevel(level) ? priorities[level] : priorities.INFO;
}

/** A pipe or a socket to a log daemon, opened when something is to be said, and again when it broke. */
class Pipe {
  readonly #open: () => Writable;
  #stream: Writable | null = null;

  constructor(open: () => Writable) {
    this.#open = open;
  }

  write(line: string): boolean {
    if (this.#stream === null || this.#stream.destroyed || !this.#stream.writable) this.#stream = this.#begin();
    if (this.#stream.writableLength > logLimits.waiting_bytes_max) return false;
    this.#stream.write(`${line}\n`);
    return true;
  }

  /** What waits still goes out, as far as the process lives. */
  close(): void {
    this.#stream?.end();
    this.#stream = null;
  }

  #begin(): Writable {
    const stream = this.#open();
    const drop = () => {
      if (this.#stream === stream) this.#stream = null;
      stream.destroy();
    };
    stream.on('error', drop);
    stream.on('close', drop);
    return stream;
  }
}

/** A log daemon that puts a tag before each line: one way in for each name, as fail2ban's lines are read there. */
class Tagged implements Target {
  readonly name: string;
  readonly isFile = false;
  readonly #format: Format;
  readonly #facility: number;
  readonly #open: (tag: string, pid: number) => Writable;
  readonly #pipes = new Map<string, Pipe>();

  constructor(name: string, format: Format, facility: number, open: (tag: string, pid: number) => Writable) {
    this.name = name;
    this.#format = format;
    this.#facility = facility;
    this.#open = open;
  }

  write(entries: readonly Entry[]): number {
    const lost = entries.findIndex((entry) => !this.#put(entry));
    return lost < 0 ? entries.length : lost;
  }

  #put(entry: Entry): boolean {
    const line = this.#format(entry);
    // the name and the process id become the tag
    const head = `${entry.name}[${entry.pid}]: `;
    const isTagged = line.startsWith(head);
    const tag = isTagged ? entry.name : 'edgeban';
    const pipe = this.#pipes.get(tag) ?? new Pipe(() => this.#open(tag, entry.pid));
    this.#pipes.set(tag, pipe);
    return pipe.write(`<${this.#facility * 8 + priorityOf(entry)}>${isTagged ? line.slice(head.length) : line}`);
  }

  close(): void {
    for (const pipe of this.#pipes.values()) pipe.close();
    this.#pipes.clear();
  }
}

/** journald's own stream socket: `<5>text` lines behind a header of seven lines (systemd's sd_journal_stream_fd). */
function openJournal(format: Format, path: string): Target {
  if (!isSocket(path)) throw missingSocket(path, 'start systemd-journald, or set another logtarget');
  return new Tagged('SYSTEMD-JOURNAL', format, 0, (tag) => {
    const socket = connect(path);
    socket.unref();
    // unit; priority (daemon, info); priorities before each line; forward to syslog, kmsg, console
    socket.write(`${tag}\n\n30\n1\n0\n0\n0\n`);
    return socket;
  });
}

const facilities = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['', '', '', '', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
];

function facilityOf(text: string, options: ReadonlyMap<string, string>): number {
  const name = (options.get('facility') ?? 'DAEMON').toLowerCase();
  const facility = name === '' ? -1 : facilities.indexOf(name);
  if (facility >= 0) return facility;
  throw badTarget(text, `there is no facility '${name}'`);
}

/** Syslog takes datagrams, which Node cannot send: util-linux's logger does. */
function openSyslog(format: Format, facility: number, syslogsocket: string): Target {
  const path = syslogsocket === 'auto' ? '/dev/log' : syslogsocket;
  if (!isSocket(path)) throw missingSocket(path, 'start the syslog daemon, or set syslogsocket');
  return new Tagged('SYSLOG', format, facility, (tag, pid) => {
    // not --id: without CAP_SYS_ADMIN, which the service has not, logger sends nothing then, and says nothing
    const words = ['--socket', path, '--socket-errors=on', '--prio-prefix', '--tag', `${tag}[${pid}]`];
    const child = spawn('logger', words, { stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
    const { stdin } = child;
    child.on('error', () => stdin.destroy());
    child.on('exit', () => stdin.destroy());
    child.unref();
    return stdin;
  });
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

function missingSocket(path: string, remedy: string): EdgebanError {
  const message = `Syslog socket file: ${path} does not exists or is not a socket`;
  return new EdgebanError('ERR_LOG_TARGET', message, { file: path, remedy });
}
