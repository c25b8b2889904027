/** What the source of a log file needs of the file system; tests put another one in its place. */
import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { UnixTime } from '../../shared/time.ts';
import { Wake } from './wake.ts';

const FOLDERS_MAX = 50;
const WRITABLE_BY_OTHERS = 0o022;

export interface FileStat {
  readonly dev: string;
  readonly ino: string;
  readonly size: number;
  /** When it was last changed. */
  readonly mtime: UnixTime;
  readonly isFile: boolean;
}

export interface OpenFile {
  stat(): Promise<FileStat>;
  /** Bytes from `from` on, at most `length`; fewer at the end. */
  read(from: number, length: number): Promise<Buffer<ArrayBuffer>>;
  close(): Promise<void>;
}

/** What wakes the reader of a file; see Wake. */
export interface Waking {
  wait(signal: AbortSignal): Promise<boolean>;
  renew(): void;
  close(): void;
}

/** All of them throw what the file system throws (NodeJS.ErrnoException). */
export interface Disk {
  /** For reading; never hangs on a pipe. */
  open(path: string): Promise<OpenFile>;
  stat(path: string): Promise<FileStat>;
  names(folder: string): Promise<string[]>;
  /** The folders in it into which nobody else can write than whose it is. */
  folders(folder: string): Promise<string[]>;
  watch(path: string, inotify: boolean): Waking;
}

export const realDisk: Disk = {
  async open(path) {
    // Without O_NONBLOCK the opening of a pipe that somebody put there would never end.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return {
      stat: async () => statOf(await handle.stat({ bigint: true })),
      close: () => handle.close(),
      async read(from, length) {
        const buffer = Buffer.allocUnsafeSlow(length);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await handle.read(buffer, filled, length - filled, from + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      },
    };
  },
  stat: async (path) => statOf(await stat(path, { bigint: true })),
  names: (folder) => readdir(folder),
  async folders(folder) {
    const { uid } = await stat(folder);
    const found: string[] = [];
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isDirectory() || found.length === FOLDERS_MAX) continue;
      const inner = await stat(join(folder, entry.name)).catch(() => null);
      if (inner?.uid === uid && (inner.mode & WRITABLE_BY_OTHERS) === 0) found.push(join(folder, entry.name));
    }
    return found;
  },
  watch: (path, inotify) => new Wake(path, inotify),
};

interface BigStat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  isFile(): boolean;
}

function statOf(stat: BigStat): FileStat {
  const mtime = Number(stat.mtimeNs / 1000n) / 1e6;
  return { dev: String(stat.dev), ino: String(stat.ino), size: Number(stat.size), mtime, isFile: stat.isFile() };
}
