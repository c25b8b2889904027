/** What the names and files in ignoreip stand for now. */
import { type Prefix, parsePrefix } from '../../shared/address.ts';
import type { IgnoreConf } from '../../shared/config/jail-values.ts';
import type { IgnoreEntry } from '../../shared/engine/decision.ts';
import type { Logger } from '../log/log.ts';
import { IgnoreFile } from './ignore-file.ts';

export interface IgnoreSourcesParts {
  addressesOf(name: string): Promise<readonly string[]>;
  readonly log: Logger;
}

export class IgnoreSources {
  readonly #parts: IgnoreSourcesParts;
  readonly #names = new Map<string, readonly IgnoreEntry[]>();
  readonly #files = new Map<string, IgnoreFile>();
  #reading: Promise<unknown> = Promise.resolve();

  constructor(parts: IgnoreSourcesParts) {
    this.#parts = parts;
  }

  /** The entries of a list, as far as they are known: nothing is asked here. */
  entriesOf(list: readonly IgnoreConf[]): IgnoreEntry[] {
    return this.#plain(list).flatMap((entry) => {
      if (entry.kind === 'network') return [{ prefix: entry.prefix, by: 'ip' as const, text: entry.text }];
      return this.#names.get(entry.text) ?? [];
    });
  }

  /** Asks for the addresses of the names. A name that has none now keeps those that it had: a resolver may be down. */
  async resolve(list: readonly IgnoreConf[]): Promise<void> {
    const names = new Set(this.#plain(list).flatMap((entry) => (entry.kind === 'name' ? [entry.text] : [])));
    for (const name of this.#names.keys()) if (!names.has(name)) this.#names.delete(name);
    const asked = [...names].map(async (name) => {
      const entries = namedEntries(name, await this.#parts.addressesOf(name));
      if (entries.length > 0) this.#names.set(name, entries);
    });
    await Promise.all(asked);
  }

  /** Reads the files of `list` that have changed, and forgets all others; true if there was one. One call after the other. */
  read(list: readonly IgnoreConf[]): Promise<boolean> {
    const read = this.#reading.then(() => this.#read(list));
    this.#reading = read;
    return read;
  }

  async #read(list: readonly IgnoreConf[]): Promise<boolean> {
    const paths = new Set(list.flatMap((entry) => (entry.kind === 'file' ? [entry.path] : [])));
    for (const path of this.#files.keys()) if (!paths.has(path)) this.#files.delete(path);
    for (const path of paths) if (!this.#files.has(path)) this.#files.set(path, new IgnoreFile(path, this.#parts.log));
    const changed = await Promise.all([...this.#files.values()].map((file) => file.refresh()));
    return changed.includes(true);
  }

  /** Networks and names, those in files too (a file in a file stands for nothing). */
  #plain(list: readonly IgnoreConf[]): IgnoreConf[] {
    return list.flatMap((entry) => (entry.kind === 'file' ? (this.#files.get(entry.path)?.entries ?? []) : [entry]));
  }
}

function namedEntries(text: string, addresses: readonly string[]): IgnoreEntry[] {
  const prefixes = addresses.map(parsePrefix).filter((prefix): prefix is Prefix => prefix !== null);
  return prefixes.map((prefix) => ({ prefix, by: 'dns', text }));
}
