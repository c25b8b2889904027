/** A log file as a source: followed through rotation, truncation, absence and restarts without losing or repeating a line. */
import type { Wide } from '../../shared/config/logencoding.ts';
import type { UnixTime } from '../../shared/time.ts';
import { type Disk, realDisk } from './disk.ts';
import { readPosition } from './file-position.ts';
import { missing, positionLost, unreadable } from './file-trouble.ts';
import { type Followed, Following } from './following.ts';
import { Incidents } from './incidents.ts';
import { offsetSince, type TimeOf } from './since.ts';
import type { Sink, Source, SourcePorts } from './source.ts';
import { type Chunk, notAFile, REPLACED, Tail } from './tail.ts';

/** Chunks of one file before the next file has its turn. */
const CHUNKS_PER_TURN_MAX = 64;
/** A rotation may leave the path without a file for a while. */
const ABSENCE_SECONDS_MAX = 60;

export interface FileOptions {
  readonly path: string;
  /** What the last batch said, if any was ever saved. */
  readonly position?: string | undefined;
  /** Without a position: begin at the end (fail2ban's `logpath … tail`). */
  readonly tail?: boolean | undefined;
  /** Without a position or behind it: begin where this time begins, if `timeOf` can tell; else all is read. */
  readonly since?: UnixTime | undefined;
  readonly timeOf?: TimeOf | undefined;
  /** `poll` (fail2ban's backend polling) does without inotify. */
  readonly backend?: 'inotify' | 'poll' | undefined;
  /** Of a log in UTF-16 or UTF-32; its lines are given in UTF-8. */
  readonly wide?: Wide | null | undefined;
}

const AGAIN = 'again';

export function createFileSource(options: FileOptions, ports: SourcePorts, disk: Disk = realDisk): Source {
  return new FileSource(options, ports, disk);
}

class FileSource implements Source {
  readonly name: string;
  readonly #options: FileOptions;
  readonly #wide: Wide | null;
  readonly #ports: SourcePorts;
  readonly #disk: Disk;
  readonly #pathTrouble: Incidents;
  readonly #readTrouble: Incidents;
  readonly #following: Following;
  #absentSince: UnixTime | null = null;
  /** Begin at the end of what is there: only for the file that is there at start. */
  #toEnd: boolean;
  /** The saved position still has to be found. */
  #unresolved: boolean;

  constructor(options: FileOptions, ports: SourcePorts, disk: Disk) {
    this.#wide = options.wide ?? null;
    const name = `file:${options.path}${options.tail === true ? ' tail' : ''}`;
    this.name = this.#wide === null ? name : `${name} ${this.#wide.name}`;
    this.#options = options;
    this.#ports = ports;
    this.#disk = disk;
    this.#pathTrouble = new Incidents(ports.onError);
    this.#readTrouble = new Incidents(ports.onError);
    this.#following = new Following(disk, options.path, () => ports.now());
    this.#unresolved = options.position !== undefined;
    this.#toEnd = options.tail === true && !this.#unresolved;
  }

  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    const wake = this.#disk.watch(this.#options.path, this.#options.backend !== 'poll');
    try {
      if (this.#unresolved) await this.#resume(false);
      await this.#lookAtPath();
      let byClock = false;
      while (!signal.aborted) {
        const gave = await this.#round(sink, signal);
        if (gave && byClock) wake.renew();
        byClock = gave ? false : await wake.wait(signal);
      }
    } finally {
      wake.close();
      await this.#following.closeAll();
    }
  }

  /** One turn of each file. True if there may be more. */
  async #round(sink: Sink, signal: AbortSignal): Promise<boolean> {
    let gave = false;
    const all = [...this.#following.all];
    for (const one of all) {
      gave = (await this.#drain(one, sink, signal)) || gave;
      // what was found meanwhile is older than what comes next
      if (this.#following.all.some((other) => !all.includes(other))) return true;
    }
    if (signal.aborted) return false;
    const opened = await this.#lookAtPath();
    await this.#attempt(this.#readTrouble, () => this.#following.retire());
    return gave || opened;
  }

  async #drain(one: Followed, sink: Sink, signal: AbortSignal): Promise<boolean> {
    for (let i = 0; !signal.aborted; i += 1) {
      const chunk = await this.#read(one);
      if (chunk === null) return i > 0;
      if (chunk === AGAIN) return true;
      const following = this.#following;
      const takeOnly = (count: number) => {
        one.tail.backTo(count);
        return following.position;
      };
      await sink({ ...chunk, source: this.name, position: following.position, takeOnly });
      // History is read in order, file by file; of news, each file has its turn.
      if (chunk.live && i >= CHUNKS_PER_TURN_MAX) return true;
    }
    return false;
  }

  /** The next chunk; null at the end, or after an error; AGAIN if the files that are followed have changed. */
  async #read(one: Followed): Promise<Chunk | typeof AGAIN | null> {
    const chunk = await this.#attempt(this.#readTrouble, () => this.#readNext(one));
    if (chunk !== null) this.#readTrouble.over();
    return chunk;
  }

  async #readNext(one: Followed): Promise<Chunk | typeof AGAIN | null> {
    const following = this.#following;
    const isStart = one.tail.offset === 0;
    if (isStart && ((await following.searchBefore(one)) || (await following.dropsCopy(one)))) return AGAIN;
    const chunk = await one.tail.read(this.#wide);
    if (chunk === null) {
      one.end = one.tail.size;
      return null;
    }
    if (chunk === REPLACED) {
      await following.replaced(one);
      return AGAIN;
    }
    // Once more, for a rotation between the first look and the reading. What is found comes first: of a file that is not begun
    // no place is known by which it could be found again, compressed, after a crash.
    if (isStart && (await following.followMissed())) {
      one.tail.restart();
      return AGAIN;
    }
    following.hasRead(one);
    return chunk;
  }

  /** Opens what the path names now, if it is not followed already. True if it did. */
  async #lookAtPath(): Promise<boolean> {
    const { path } = this.#options;
    const seen = this.#ports.now();
    const there = await this.#attempt(this.#pathTrouble, () => this.#disk.stat(path).catch(absent));
    if (there === null) return this.#absent();
    const past = !this.#following.isPresent || this.#absentSince !== null;
    this.#absentSince = null;
    if (this.#following.sees(there.dev, there.ino, seen)) {
      this.#pathTrouble.over();
      return false;
    }
    // what is no file is not even opened: a pipe's writer would be told of a reader
    const open = () => (there.isFile ? Tail.open(this.#disk, path, past).catch(absent) : Promise.reject(notAFile()));
    const tail = await this.#attempt(this.#pathTrouble, open);
    if (tail === null) return false;
    this.#pathTrouble.over();
    if (this.#unresolved) {
      await tail.close();
      return this.#resolve();
    }
    if (this.#following.sees(tail.dev, tail.ino, seen)) {
      await tail.close();
      return false;
    }
    if (!this.#following.isPresent) await this.#attempt(this.#readTrouble, () => this.#begin(tail));
    await this.#following.follow(tail, seen);
    this.#toEnd = false;
    return true;
  }

  async #begin(tail: Tail): Promise<void> {
    if (this.#toEnd) await tail.toEnd(this.#wide);
    else await this.#skipOld(tail);
  }

  /** Over what is older than `since`, from where it stands. */
  async #skipOld(tail: Tail): Promise<void> {
    const { since, timeOf } = this.#options;
    const { offset, skip } = tail.place;
    if (since === undefined || timeOf === undefined || skip === true || tail.isPacked) return;
    const start = await offsetSince(tail, await tail.form(this.#wide), offset, since, timeOf);
    if (start > offset) await tail.toOffset(start);
  }

  /** The path can be read at last: the saved position is there now, or lost. */
  async #resolve(): Promise<boolean> {
    if (!(await this.#resume(true))) this.#ports.onError(positionLost(this.#options.path));
    this.#unresolved = false;
    return true;
  }

  /** Finds the files of the saved position again; if not all will do, `some` of them. */
  async #resume(some: boolean): Promise<boolean> {
    const isFound = await this.#following.resume(readPosition(this.#options.position ?? ''), some);
    if (isFound) this.#unresolved = false;
    for (const { tail } of this.#following.all) await this.#attempt(this.#readTrouble, () => this.#skipOld(tail));
    return isFound;
  }

  #absent(): boolean {
    const now = this.#ports.now();
    this.#absentSince ??= now;
    this.#toEnd = false;
    if (this.#following.all.length === 0 || now - this.#absentSince > ABSENCE_SECONDS_MAX) {
      this.#pathTrouble.report(missing(this.#options.path));
    }
    return false;
  }

  /** Null after an error of the file system, which is reported once and tried again at the next turn. */
  async #attempt<T>(trouble: Incidents, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (cause) {
      trouble.report(unreadable(this.#options.path, cause));
      return null;
    }
  }
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
