/** A file of ignoreip entries (`file:PATH`, from fail2ban 1.1.1): read again when it has changed. */

import { open, stat } from 'node:fs/promises';
import { type IgnoreConf, ignoreEntryOf, words } from '../../shared/config/jail-values.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../log/log.ts';

export const ignoreFileLimits = {
  bytes_max: 1_048_576,
  entries_max: 10_000,
  /** Each name costs lookups. */
  names_max: 100,
} as const;

export class IgnoreFile {
  readonly #path: string;
  readonly #log: Logger;
  #entries: readonly IgnoreConf[] = [];
  /** What tells the state apart in which the file was read. */
  #state = '';
  /** Why it could not be read, if that was told. */
  #trouble = '';

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** Networks, addresses and names. What was read last holds while the file is gone or cannot be read. */
  get entries(): readonly IgnoreConf[] {
    return this.#entries;
  }

  /** Reads the file if it has changed; true if it was read. */
  async refresh(): Promise<boolean> {
    try {
      const found = await stat(this.#path, { bigint: true });
      const state = `${found.ino} ${found.size} ${found.mtimeNs}`;
      if (state === this.#state) return false;
      if (!found.isFile()) throw new Error('it is not a file');
      this.#entries = this.#bounded(entriesIn(await start(this.#path)));
      this.#state = state;
      this.#trouble = '';
      this.#log.info(`ignoreip: file:${this.#path} has ${this.#entries.length} entries`);
      return true;
    } catch (error) {
      this.#tellUnreadable(error);
      return false;
    }
  }

  /** Once, until it can be read again. */
  #tellUnreadable(error: unknown): void {
    const trouble = messageOf(error);
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    // the same file may come back
    this.#state = '';
    const kept = `${this.#entries.length} entries read before go on to hold`;
    this.#log.warning(`ignoreip: file:${this.#path} cannot be read: ${trouble}; ${kept}`);
  }

  #bounded(entries: readonly IgnoreConf[]): IgnoreConf[] {
    const names = entries.filter(({ kind }) => kind === 'name');
    const networks = entries.filter(({ kind }) => kind === 'network');
    const { entries_max, names_max } = ignoreFileLimits;
    const left = Math.max(0, networks.length - entries_max) + Math.max(0, names.length - names_max);
    if (left > 0)
      this.#log.error(`ignoreip: file:${this.#path} is too long: ${left} entries of it do not hold (ERR_CONFIG_LIMIT)`);
    return [...networks.slice(0, entries_max), ...names.slice(0, names_max)];
  }
}

/** No more than is allowed, and of a file that is longer no torn last line. */
async function start(path: string): Promise<string> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(ignoreFileLimits.bytes_max);
    let length = 0;
    for (let read = 1; read > 0 && length < buffer.length; length += read)
      read = (await file.read(buffer, length, buffer.length - length)).bytesRead;
    const text = buffer.toString('utf8', 0, length).replace(/^\ufeff/, '');
    return length < buffer.length ? text : text.slice(0, text.lastIndexOf('\n') + 1);
  } finally {
    await file.close();
  }
}

/** Blanks, commas and line ends separate; `#` and `;` begin comments. */
function entriesIn(text: string): IgnoreConf[] {
  const bare = text.replace(/[#;].*/g, '');
  return words(bare).map(ignoreEntryOf);
}
