/** The files of one log that are read: the one that its path names, those rotated before it, and what is known of others. */
import type { UnixTime } from '../../shared/time.ts';
import type { Disk } from './disk.ts';
import { type Finished, type readPosition, writePosition } from './file-position.ts';
import { findPlace, isCopy, searchMissed } from './rotated.ts';
import type { Place, Tail } from './tail.ts';

/** Rotated files that are still read, for programs that write on to the file they have open. */
const TAILS_MAX = 8;
/** So long after its last line a rotated file is still looked at. */
const DRAIN_SECONDS = 60;
const EMPTIED_MAX = 8;
/** Files read to their end that are remembered although their age tells that they have been read. */
const FINISHED_MIN = 8;
/** File times are coarser than clocks. */
const TICK_SECONDS = 0.05;
/** Files of that age are not taken for new ones. */
const AGED_SECONDS = 1;

export interface Followed {
  readonly tail: Tail;
  /** When it last gave a line or was found to be rotated. */
  active: UnixTime;
  /** Its size when it was last read to its end. */
  end: number | null;
  /** How it looked when others were last searched before its start. */
  searched: string | null;
}

export class Following {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #now: () => UnixTime;
  /** Oldest first; the last one is the file that the path names, if `isPresent`. */
  readonly all: Followed[] = [];
  isPresent = false;
  /** When the path was last seen to name the last file. */
  #seen: UnixTime;
  /** The same, and that file has been read since: what was rotated away later has not been read. */
  #looked: UnixTime;
  #finished: readonly Finished[] = [];
  #emptied: readonly Place[] = [];
  /** Marks of rotated files of which nothing is to be read, as of the last search. */
  #old: readonly string[] | null = null;

  constructor(disk: Disk, path: string, now: () => UnixTime) {
    this.#disk = disk;
    this.#path = path;
    this.#now = now;
    this.#seen = now();
    this.#looked = this.#seen;
  }

  get position(): string {
    const files = this.all.map(({ tail }) => tail.place);
    return writePosition({ looked: this.#looked, files, finished: this.#finished, old: this.#old });
  }

  /**
   * Finds the files of a saved position again, wherever they have been rotated to, the last of which must be there unless
   * `some` will do. False if it is not.
   */
  async resume(saved: ReturnType<typeof readPosition>, some: boolean): Promise<boolean> {
    this.#looked = saved?.looked ?? this.#looked;
    this.#seen = this.#looked;
    this.#finished = saved?.finished ?? [];
    this.#old = saved?.old ?? null;
    let isLast = false;
    for (const place of saved?.files ?? []) {
      const found = await findPlace(this.#disk, this.#path, place);
      // of one that was not begun nothing is known: if it was rotated away, it is among the missed ones
      isLast = found !== null || place.offset === 0;
      // of a file and its copy, what is left is in one
      if (found !== null && !(await this.#join(found.tail))) this.all.push(this.#followed(found.tail));
      this.isPresent = found?.path === this.#path;
    }
    if (!isLast) this.isPresent = false;
    if (!isLast && !some) await this.closeAll();
    return isLast;
  }

  /** What the path names, seen at that time. */
  async follow(tail: Tail, seen: UnixTime): Promise<void> {
    if (this.#old === null) await this.followMissed();
    const before = this.all.at(-1);
    if (before !== undefined) before.active = this.#now();
    this.all.push(this.#followed(tail));
    this.isPresent = true;
    this.#seen = seen;
  }

  /** If it is followed, it is (again) the one that the path names, seen at that time. */
  sees(dev: string, ino: string, seen: UnixTime): boolean {
    const i = this.all.findIndex(({ tail }) => tail.ino === ino && tail.dev === dev);
    if (i < 0) return false;
    this.all.push(...this.all.splice(i, 1));
    this.isPresent = true;
    this.#seen = seen;
    return true;
  }

  /** Lines were read from it. */
  hasRead(one: Followed): void {
    one.active = this.#now();
    one.end = null;
    if (this.isPresent && one === this.all.at(-1)) this.#looked = this.#seen;
  }

  /**
   * Before a new file is read: were others in its place since the last one was read? Two rotations in a short time, or any
   * number while edgeban was not running, leave files that the path never showed us. Once for a file, and whenever it was
   * changed but is empty.
   */
  async searchBefore(one: Followed): Promise<boolean> {
    const { size, mtime } = await one.tail.stat();
    const isOld = this.#now() - mtime > TICK_SECONDS;
    const look = size === 0 ? `empty ${mtime} ${isOld}` : 'filled';
    if (one.searched === look && (size > 0 || isOld)) return false;
    one.searched = look;
    return this.followMissed();
  }

  async followMissed(): Promise<boolean> {
    const tails = this.all.map(({ tail }) => tail);
    const known = { tails, finished: this.#finished, emptied: this.#emptied, old: this.#old };
    const search = await searchMissed(this.#disk, this.#path, this.#looked, known);
    this.#old = search.old;
    this.all.splice(this.isPresent ? -1 : this.all.length, 0, ...search.missed.map((tail) => this.#followed(tail)));
    return search.missed.length > 0;
  }

  /** A rotated file that turned out to be a copy of one that is read is left to its time: true. */
  async dropsCopy(one: Followed): Promise<boolean> {
    const isEmpty = (await one.tail.peek(0, 1)).length === 0;
    if (this.#isLast(one) || isEmpty) return false;
    for (const other of this.all) {
      if (other === one || !(await isCopy(one.tail, other.tail))) continue;
      await this.#drop(one);
      return true;
    }
    return false;
  }

  /** The file was emptied in place: what was not read yet may be in the copy that copytruncate made. */
  async replaced(one: Followed): Promise<void> {
    const { place } = one.tail;
    one.tail.restart();
    one.searched = null;
    const copy = await findPlace(this.#disk, this.#path, place);
    if (copy === null) this.#emptied = [...this.#emptied, place].slice(-EMPTIED_MAX);
    else if (!(await this.#join(copy.tail))) this.all.splice(this.all.indexOf(one), 0, this.#followed(copy.tail));
  }

  /** Lets go of rotated files that have been read to their end and that nobody writes to any more. */
  async retire(): Promise<void> {
    const rotated = this.all.filter((one) => !this.#isLast(one));
    for (const [i, one] of rotated.entries()) {
      const isDue = i < rotated.length - TAILS_MAX || this.#now() - one.active >= DRAIN_SECONDS;
      if (!isDue || one.end === null) continue;
      const { size, mtime } = await one.tail.stat();
      if (size !== one.end) continue;
      if (one.tail.offset > 0) this.#finish({ ...one.tail.place, mtime });
      await this.#drop(one);
    }
  }

  async closeAll(): Promise<void> {
    for (const one of this.all.splice(0)) await one.tail.close();
  }

  #isLast(one: Followed): boolean {
    return one === this.all.at(-1);
  }

  #followed(tail: Tail): Followed {
    return { tail, active: this.#now(), end: null, searched: null };
  }

  async #drop(one: Followed): Promise<void> {
    this.all.splice(this.all.indexOf(one), 1);
    await one.tail.close();
  }

  /** If the file is followed already: goes on there where more was read of it, and closes the second one. */
  async #join(found: Tail): Promise<boolean> {
    const known = this.all.find(({ tail }) => tail.ino === found.ino && tail.dev === found.dev);
    if (known === undefined) return false;
    const { place } = known.tail;
    const isValid = await known.tail.resume(place);
    if (!isValid || found.offset > place.offset) await known.tail.resume(found.place);
    await found.close();
    return true;
  }

  #finish(file: Finished): void {
    const all = [...this.#finished.filter(({ ino, dev }) => ino !== file.ino || dev !== file.dev), file];
    this.#finished = all.filter(
      ({ mtime }, i) => i >= all.length - FINISHED_MIN || mtime >= this.#looked - AGED_SECONDS,
    );
  }
}
