/**
 * Wakes the followers of the journal at once. journald tells them of new entries only 250 to 500 ms later, although the
 * entries are in the file already; a change of the file's attributes wakes them too. So: look at the count of entries in the
 * file's header, and touch the file with the times that it has.
 */
import * as fs from 'node:fs';

const LOOK_MS = 10;
const FEW_AFTER_MS = 1_000;
/** Who tries passwords lets a few seconds pass: the try that leads to a ban comes while one looks so often. */
const FEW_LOOK_MS = 25;
const QUIET_AFTER_MS = 30_000;
/** When nothing came for longer: each look costs 0.2 ms of the processor, all day long. */
const QUIET_LOOK_MS = 80;
/** No file, or another one: so often it is looked for. */
const REOPEN_MS = 1_000;
/** Of the file header (systemd's JOURNAL_FILE_FORMAT): `state`, and `n_entries`, 64 bits, little endian. */
const STATE_OFFSET = 16;
const ENTRIES_OFFSET = 152;
const ARCHIVED = 2;
const HEADER_BYTES = 160;

interface Shared {
  readonly waker: FileWaker;
  users: number;
}

/** All sources of the process that follow the same journal look at it together. */
const wakers = new Map<string, Shared>();

/** Begins to wake the followers of these journal files; returns what ends it. Where it is not allowed, nothing happens. */
export function wakeFollowers(files: readonly string[]): () => void {
  for (const file of files) {
    const shared = wakers.get(file) ?? { waker: new FileWaker(file), users: 0 };
    shared.users += 1;
    wakers.set(file, shared);
  }
  return () => {
    for (const file of files) release(file);
  };
}

function release(file: string): void {
  const shared = wakers.get(file);
  if (shared === undefined) return;
  shared.users -= 1;
  if (shared.users > 0) return;
  shared.waker.stop();
  wakers.delete(file);
}

class FileWaker {
  readonly #path: string;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #fd: number | null = null;
  #entries: bigint | null = null;
  /** When an entry came last, in milliseconds that only grow. */
  #cameAt = performance.now();
  #timer: NodeJS.Timeout;

  constructor(path: string) {
    this.#path = path;
    this.#timer = setTimeout(() => this.#tick(), 0);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#close();
  }

  #tick(): void {
    try {
      this.#fd ??= fs.openSync(this.#path, 'r');
      this.#look(this.#fd);
    } catch {
      // Not there, not ours to touch, or a read-only mount: followers are then as late as journald makes them.
      this.#close();
    }
    this.#timer = setTimeout(() => this.#tick(), this.#wait_ms());
  }

  #wait_ms(): number {
    if (this.#fd === null) return REOPEN_MS;
    const rest_ms = performance.now() - this.#cameAt;
    if (rest_ms < FEW_AFTER_MS) return LOOK_MS;
    return rest_ms < QUIET_AFTER_MS ? FEW_LOOK_MS : QUIET_LOOK_MS;
  }

  #look(fd: number): void {
    if (fs.readSync(fd, this.#header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return;
    const entries = this.#header.readBigUInt64LE(ENTRIES_OFFSET);
    if (this.#entries !== null && entries !== this.#entries) {
      const { atime, mtime } = fs.fstatSync(fd);
      fs.futimesSync(fd, atime, mtime);
      this.#cameAt = performance.now();
    }
    this.#entries = entries;
    if (this.#header[STATE_OFFSET] === ARCHIVED) this.#close();
  }

  #close(): void {
    if (this.#fd !== null) fs.closeSync(this.#fd);
    this.#fd = null;
    this.#entries = null;
  }
}

/** The files that journald writes the system's entries to, for the options of the systemd backend. */
export function activeFiles(options: Readonly<Record<string, string>>): readonly string[] {
  const { journalpath, journalfiles, namespace } = options;
  if (journalfiles !== undefined) return journalfiles.split(/[\s,]+/).filter((file) => /^[^*?[\]]+$/.test(file));
  const id = machineId();
  const folders = id === null ? [] : foldersOf(id, namespace);
  if (journalpath !== undefined) return ['.', ...folders].map((folder) => `${journalpath}/${folder}/system.journal`);
  const roots = ['/var/log/journal', '/run/log/journal'];
  return roots.flatMap((root) => folders.map((folder) => `${root}/${folder}/system.journal`));
}

/** `NAME`, `+NAME` for it and the default, `*` for all: of these only the default is known. */
function foldersOf(id: string, namespace = ''): string[] {
  if (namespace === '' || namespace === '*') return [id];
  return namespace.startsWith('+') ? [id, `${id}.${namespace.slice(1)}`] : [`${id}.${namespace}`];
}

function machineId(): string | null {
  try {
    const id = fs.readFileSync('/etc/machine-id', 'latin1').trim();
    return /^[0-9a-f]{32}$/.test(id) ? id : null;
  } catch {
    return null;
  }
}
