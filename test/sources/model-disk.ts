/** A disk in memory on which whatever else goes on happens between two steps of the reader, and where the reader can die. */
import { basename, dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Disk, FileStat, OpenFile } from '../../host-agent/sources/disk.ts';

interface Inode {
  readonly ino: number;
  bytes: Buffer<ArrayBuffer>;
  mtime: number;
  links: number;
  opens: number;
}

/** The kernel's file times are so coarse. */
const TICK_SECONDS = 0.004;
/** Never settles: what a dead reader waits for. */
const never = new Promise<never>(() => undefined);

export class ModelDisk {
  now = 1_800_000_000;
  readonly #files = new Map<string, Inode>();
  readonly #inodes = new Set<Inode>();

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** Opens for appending, made if it is not there: what comes back writes to it, whatever it is called by then. */
  writer(path: string): { append(text: string): void; close(): void } {
    const inode = this.#files.get(path) ?? this.#create(path);
    inode.opens += 1;
    return {
      append: (text) => this.#write(inode, Buffer.concat([inode.bytes, Buffer.from(text)])),
      close: () => this.#release(inode),
    };
  }

  rename(from: string, to: string): void {
    const inode = this.#get(from);
    if (this.#files.has(to)) this.unlink(to);
    this.#files.delete(from);
    this.#files.set(to, inode);
  }

  unlink(path: string): void {
    const inode = this.#get(path);
    this.#files.delete(path);
    inode.links -= 1;
    this.#collect(inode);
  }

  truncate(path: string): void {
    this.#write(this.#get(path), Buffer.alloc(0));
  }

  /** A share of the file, from 0 to 1, as a copy that is being made. */
  copy(from: string, to: string, share: number): void {
    const { bytes } = this.#get(from);
    this.#write(this.#files.get(to) ?? this.#create(to), Buffer.from(bytes.subarray(0, bytes.length * share)));
  }

  /** Complete, it has the time of the file, as logrotate does it. */
  compress(from: string, to: string, share: number): void {
    const { bytes, mtime } = this.#get(from);
    const packed = gzipSync(bytes, { level: 1 });
    const inode = this.#files.get(to) ?? this.#create(to);
    this.#write(inode, Buffer.from(packed.subarray(0, packed.length * share)));
    if (share === 1) inode.mtime = mtime;
  }

  text(path: string): string {
    return this.#get(path).bytes.toString();
  }

  /** The disk as one life of a reader has it: `step` is awaited before each of its acts. */
  port(step: (what: string) => 'go on' | 'die', idle: () => void): { disk: Disk; close(): void } {
    const opened = new Set<{ readonly inode: Inode }>();
    let isDead = false;
    const act = async <T>(what: string, body: () => T): Promise<T> => {
      if (isDead || step(what) === 'die') isDead = true;
      return isDead ? never : body();
    };
    const disk: Disk = {
      open: (path) => act(`open ${path}`, () => this.#open(this.#get(path), opened, act)),
      stat: (path) => act(`stat ${path}`, () => statOf(this.#get(path))),
      names: (folder) =>
        act('names', () =>
          [...this.#files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path)),
        ),
      folders: () => act('folders', () => []),
      watch: () => ({
        wait: (signal) =>
          act('wait', () => {
            if (!signal.aborted) idle();
            return false;
          }),
        renew: () => undefined,
        close: () => undefined,
      }),
    };
    const close = () => {
      isDead = true;
      for (const { inode } of opened) this.#release(inode);
      opened.clear();
    };
    return { disk, close };
  }

  #open(
    inode: Inode,
    opened: Set<{ readonly inode: Inode }>,
    act: <T>(what: string, body: () => T) => Promise<T>,
  ): OpenFile {
    inode.opens += 1;
    const handle = { inode };
    opened.add(handle);
    return {
      stat: () => act(`fstat ${inode.ino}`, () => statOf(inode)),
      read: (from, length) => act(`read ${inode.ino}`, () => Buffer.from(inode.bytes.subarray(from, from + length))),
      close: async () => {
        if (opened.delete(handle)) this.#release(inode);
      },
    };
  }

  #create(path: string): Inode {
    const taken = new Set([...this.#inodes].map((inode) => inode.ino));
    let ino = 1;
    while (taken.has(ino)) ino += 1;
    const inode: Inode = { ino, bytes: Buffer.alloc(0), mtime: this.#tick(), links: 1, opens: 0 };
    this.#files.set(path, inode);
    this.#inodes.add(inode);
    return inode;
  }

  #get(path: string): Inode {
    const inode = this.#files.get(path);
    if (inode === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return inode;
  }

  #write(inode: Inode, bytes: Buffer<ArrayBuffer>): void {
    inode.bytes = bytes;
    inode.mtime = this.#tick();
  }

  #release(inode: Inode): void {
    inode.opens -= 1;
    this.#collect(inode);
  }

  /** The number of a file that nobody has any more is given to the next one. */
  #collect(inode: Inode): void {
    if (inode.links === 0 && inode.opens === 0) this.#inodes.delete(inode);
  }

  #tick(): number {
    return Math.floor(this.now / TICK_SECONDS) * TICK_SECONDS;
  }
}

function statOf({ ino, bytes, mtime }: Inode): FileStat {
  return { dev: '1', ino: String(ino), size: bytes.length, mtime, isFile: true };
}
