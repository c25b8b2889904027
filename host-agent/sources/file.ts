/** A log file as a source: followed through rotation, truncation, absence and restarts without losing or repeating a line. */
import { stat } from 'node:fs/promises';
import type { UnixTime } from '../../shared/time.ts';
import { readPosition, writePosition } from './file-position.ts';
import { missing, positionLost, unreadable } from './file-trouble.ts';
import { Incidents } from './incidents.ts';
import { findPlace, rotatedSince } from './rotated.ts';
import { offsetSince, type TimeOf } from './since.ts';
import type { Sink, Source, SourcePorts } from './source.ts';
import { type Chunk, type Place, REPLACED, Tail } from './tail.ts';
import { Wake } from './wake.ts';

/** Rotated files that are still read to their end, for programs that write on to the file they have open. */
const TAILS_MAX = 8;
/** So long after its last line a rotated file is still looked at. */
const DRAIN_SECONDS = 60;
/** File times are coarser than clocks. */
const FORGET_SECONDS = 0.1;
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
}

const UNFOUND_MAX = 8;
const AGAIN = 'again';

interface Followed {
  readonly tail: Tail;
  /** When it last gave a line or was found to be rotated. */
  active: UnixTime;
  /** Has it been read to its end? */
  done: boolean;
}

export function createFileSource(options: FileOptions, ports: SourcePorts): Source {
  return new FileSource(options, ports);
}

class FileSource implements Source {
  readonly name: string;
  readonly #options: FileOptions;
  readonly #ports: SourcePorts;
  readonly #pathTrouble: Incidents;
  readonly #readTrouble: Incidents;
  /** Oldest first; the last one is the file that the path names, if `#present`. */
  readonly #followed: Followed[] = [];
  #present = false;
  /** When the file that the path names was last read. */
  #looked: UnixTime;
  /** Places in files that were emptied, whose copies have not been found. */
  #unfound: readonly Place[] = [];
  #absentSince: UnixTime | null = null;
  /** Begin at the end of what is there: only for the file that is there at start. */
  #toEnd: boolean;
  /** The saved position still has to be found. */
  #unresolved: boolean;

  constructor(options: FileOptions, ports: SourcePorts) {
    this.name = `file:${options.path}`;
    this.#options = options;
    this.#ports = ports;
    this.#pathTrouble = new Incidents(ports.onError);
    this.#readTrouble = new Incidents(ports.onError);
    this.#looked = ports.now();
    this.#unresolved = options.position !== undefined;
    this.#toEnd = options.tail === true && !this.#unresolved;
  }

  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    const wake = new Wake(this.#options.path, this.#options.backend !== 'poll');
    try {
      if (this.#unresolved) await this.#resume();
      await this.#lookAtPath();
      let byClock = false;
      while (!signal.aborted) {
        const gave = await this.#round(sink, signal);
        if (gave && byClock) wake.renew();
        byClock = gave ? false : await wake.wait(signal);
      }
    } finally {
      wake.close();
      await this.#closeAll();
    }
  }

  /** One turn of each file. True if there may be more. */
  async #round(sink: Sink, signal: AbortSignal): Promise<boolean> {
    let gave = false;
    for (const one of [...this.#followed]) gave = (await this.#drain(one, sink, signal)) || gave;
    if (signal.aborted) return false;
    const opened = await this.#lookAtPath();
    await this.#retire();
    return gave || opened;
  }

  async #drain(one: Followed, sink: Sink, signal: AbortSignal): Promise<boolean> {
    for (let i = 0; !signal.aborted; i += 1) {
      const chunk = await this.#read(one);
      if (chunk === null) return i > 0;
      if (chunk === AGAIN) return true;
      const takeOnly = (count: number) => {
        one.tail.backTo(count);
        return this.#position();
      };
      await sink({ ...chunk, source: this.name, position: this.#position(), takeOnly });
      // History is read in order, file by file; of news, each file has its turn.
      if (chunk.live && i >= CHUNKS_PER_TURN_MAX) return true;
    }
    return false;
  }

  #position(): string {
    return writePosition({ looked: this.#looked, files: this.#followed.map((each) => each.tail.place) });
  }

  /** The next chunk; null at the end; AGAIN if the files that are followed have changed. */
  async #read(one: Followed): Promise<Chunk | typeof AGAIN | null> {
    const atStart = one.tail.place.offset === 0;
    if (atStart && (await this.#isNews(one)) && (await this.#followMissed(this.#unfound))) return AGAIN;
    const looked = this.#ports.now();
    const chunk = await this.#attempt(this.#readTrouble, () => one.tail.read());
    one.done = chunk === null;
    if (chunk === null) return null;
    this.#readTrouble.over();
    one.active = looked;
    if (chunk === REPLACED) {
      await this.#replaced(one);
      return AGAIN;
    }
    // Once more, for a rotation between the first look and the reading.
    if (atStart) await this.#followMissed([...this.#unfound, one.tail.place]);
    if (one === this.#followed.at(-1)) this.#looked = looked;
    return chunk;
  }

  async #isNews(one: Followed): Promise<boolean> {
    return ((await this.#attempt(this.#readTrouble, () => one.tail.size())) ?? 0) > 0;
  }

  /**
   * Before a new file is read: were others in its place since the last one was read? Two rotations in a short time, or any
   * number while edgeban was not running, leave files that the path never showed us.
   */
  async #followMissed(places: readonly Place[]): Promise<boolean> {
    const known = new Set(this.#followed.map((one) => one.tail.ino));
    const missed = await rotatedSince(this.#options.path, this.#looked, known, places);
    this.#followed.splice(-1, 0, ...missed.map((tail) => this.#following(tail)));
    return missed.length > 0;
  }

  /** The file was emptied in place: what was not read yet may be in the copy that copytruncate made. */
  async #replaced(one: Followed): Promise<void> {
    const place = one.tail.place;
    one.tail.restart();
    const copy = await findPlace(this.#options.path, place);
    if (copy === null) this.#unfound = [...this.#unfound, place].slice(-UNFOUND_MAX);
    else if (this.#followed.some((each) => each.tail.ino === copy.tail.ino)) await copy.tail.close();
    else this.#followed.splice(this.#followed.indexOf(one), 0, this.#following(copy.tail));
  }

  /** Opens what the path names now, if it is not followed already. True if it did. */
  async #lookAtPath(): Promise<boolean> {
    const there = await this.#attempt(this.#pathTrouble, () =>
      stat(this.#options.path, { bigint: true }).catch(absent),
    );
    if (there === null) return this.#absent();
    const past = !this.#present || this.#absentSince !== null;
    this.#absentSince = null;
    if (this.#isFollowed(String(there.dev), String(there.ino))) return false;
    const tail = await this.#attempt(this.#pathTrouble, () => Tail.open(this.#options.path, past));
    if (tail === null) return false;
    this.#pathTrouble.over();
    if (this.#unresolved) {
      await tail.close();
      return this.#resolve();
    }
    if (!this.#present) await this.#attempt(this.#readTrouble, () => this.#begin(tail));
    this.#follow(tail);
    return true;
  }

  #following(tail: Tail): Followed {
    return { tail, active: this.#ports.now(), done: false };
  }

  #follow(tail: Tail): void {
    const before = this.#followed.at(-1);
    if (before !== undefined) before.active = this.#ports.now();
    this.#followed.push(this.#following(tail));
    this.#present = true;
    this.#toEnd = false;
  }

  /** If so, it is (again) the last one. */
  #isFollowed(dev: string, ino: string): boolean {
    const i = this.#followed.findIndex((one) => one.tail.ino === ino && one.tail.dev === dev);
    if (i < 0) return false;
    this.#followed.push(...this.#followed.splice(i, 1));
    this.#present = true;
    this.#pathTrouble.over();
    return true;
  }

  async #begin(tail: Tail): Promise<void> {
    if (this.#toEnd) await tail.toEnd();
    else await this.#skipOld(tail);
  }

  /** Over what is older than `since`, from where it stands. */
  async #skipOld(tail: Tail): Promise<void> {
    const { since, timeOf } = this.#options;
    const { offset, skip } = tail.place;
    if (since === undefined || timeOf === undefined || skip === true) return;
    const start = await offsetSince(tail, offset, since, timeOf);
    if (start > offset) await tail.toOffset(start);
  }

  /** The path can be read at last: the saved position is there now, or lost. */
  async #resolve(): Promise<boolean> {
    await this.#resume();
    if (this.#unresolved) this.#ports.onError(positionLost(this.#options.path));
    this.#unresolved = false;
    return true;
  }

  /** Finds the files of the saved position again, wherever they have been rotated to. */
  async #resume(): Promise<void> {
    const { path, position = '' } = this.#options;
    const saved = readPosition(position);
    this.#looked = saved?.looked ?? this.#looked;
    let last: { tail: Tail; path: string } | null = null;
    for (const place of saved?.files ?? []) {
      const found = await findPlace(path, place);
      if (found !== null) this.#followed.push(this.#following(found.tail));
      last = found;
    }
    if (last === null) return this.#closeAll();
    this.#unresolved = false;
    this.#present = last.path === path;
    for (const one of this.#followed) await this.#attempt(this.#readTrouble, () => this.#skipOld(one.tail));
  }

  /** Lets go of rotated files that have been read to their end and that nobody writes to any more. */
  async #retire(): Promise<void> {
    const surplus = this.#followed.length - TAILS_MAX;
    for (const [i, one] of this.#followed.slice(0, -1).entries()) {
      if (!one.done || !this.#canForget(one)) continue;
      if (i >= surplus && this.#ports.now() - one.active < DRAIN_SECONDS) continue;
      this.#followed.splice(this.#followed.indexOf(one), 1);
      await one.tail.close();
    }
  }

  /** Only what was changed before the present file was read will not be taken for a missed one. */
  #canForget(one: Followed): boolean {
    return one.tail.place.offset === 0 || this.#looked - one.active > FORGET_SECONDS;
  }

  async #closeAll(): Promise<void> {
    for (const one of this.#followed.splice(0)) await one.tail.close();
  }

  #absent(): boolean {
    const now = this.#ports.now();
    this.#absentSince ??= now;
    this.#toEnd = false;
    if (this.#followed.length === 0 || now - this.#absentSince > ABSENCE_SECONDS_MAX) {
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
