/** Parses systemd's journal export format as it streams in: text and binary fields, of bounded size. */

/** The fields that a line is made of. */
export const lineFields = [
  'MESSAGE',
  '_HOSTNAME',
  'SYSLOG_IDENTIFIER',
  '_COMM',
  'SYSLOG_PID',
  '_PID',
  '_SOURCE_REALTIME_TIMESTAMP',
  '_SOURCE_MONOTONIC_TIMESTAMP',
] as const;
/** journalctl adds cursor and timestamps by itself. */
const entryFields = [...lineFields, '__CURSOR', '__REALTIME_TIMESTAMP', '__MONOTONIC_TIMESTAMP'] as const;

export type EntryField = (typeof entryFields)[number];

/**
 * The fields of one journal entry that are wanted, each byte a character (latin1): texts of V8's are quicker to cut and to
 * join than buffers. Of a field that occurs more than once it has the first value; of MESSAGE all, a space between.
 */
export type Entry = { readonly [field in EntryField]?: string };

const wanted: ReadonlySet<string> = new Set(entryFields);
/** What is longer is cut. */
const FIELD_BYTES_MAX = 64 * 1024;
const NAME_BYTES_MAX = 256;
const nothing = Buffer.alloc(0);

/** Between pushes it holds at most one line or one field's start. A stream that is no export format throws an Error. */
export class ExportParser {
  #entry: { [field in EntryField]?: string } = {};
  #isEmpty = true;
  #pending: Buffer = nothing;
  /** Bytes still to be thrown away: the rest of a binary field, its line end included. */
  #skipBytes = 0;
  /** Is the rest of a text line to be thrown away? */
  #skipLine = false;

  /** The entries that `chunk` completes. */
  push(chunk: Buffer): Entry[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const text = bytes.toString('latin1');
    const entries: Entry[] = [];
    let at = 0;
    for (let next = this.#step(bytes, text, at, entries); next > at; next = this.#step(bytes, text, at, entries))
      at = next;
    this.#pending = at === bytes.length ? nothing : Buffer.from(bytes.subarray(at));
    return entries;
  }

  /** Takes one line or field; returns where the next begins, or `at` if more bytes are needed. */
  #step(bytes: Buffer, text: string, at: number, entries: Entry[]): number {
    if (this.#skipBytes > 0) return this.#skip(bytes, at);
    const end = text.indexOf('\n', at);
    if (this.#skipLine) return this.#skipToLineEnd(bytes, end);
    if (end < 0) return bytes.length - at > FIELD_BYTES_MAX ? this.#longLine(text, at) : at;
    if (end === at) return this.#endEntry(end, entries);
    const equals = text.indexOf('=', at);
    if (equals < 0 || equals > end) return this.#binary(bytes, text, at, end);
    this.#keep(text.slice(at, equals), text, equals + 1, end);
    return end + 1;
  }

  #skip(bytes: Buffer, at: number): number {
    const count = Math.min(this.#skipBytes, bytes.length - at);
    this.#skipBytes -= count;
    return at + count;
  }

  #skipToLineEnd(bytes: Buffer, end: number): number {
    this.#skipLine = end < 0;
    return end < 0 ? bytes.length : end + 1;
  }

  #endEntry(end: number, entries: Entry[]): number {
    if (!this.#isEmpty) entries.push(this.#entry);
    this.#entry = {};
    this.#isEmpty = true;
    return end + 1;
  }

  #longLine(text: string, at: number): number {
    const equals = text.slice(at, at + NAME_BYTES_MAX).indexOf('=');
    if (equals < 0) throw new Error('no journal export format: a name without an end');
    this.#keep(text.slice(at, at + equals), text, at + equals + 1, text.length);
    this.#skipLine = true;
    return text.length;
  }

  /** `NAME\n`, 64 bits of length (little endian), the bytes, `\n`. */
  #binary(bytes: Buffer, text: string, at: number, end: number): number {
    if (end - at > NAME_BYTES_MAX) throw new Error('no journal export format: a name that is too long');
    const start = end + 9;
    if (bytes.length < start) return at;
    const length = Number(bytes.readBigUInt64LE(end + 1));
    const kept = Math.min(length, FIELD_BYTES_MAX);
    if (bytes.length < start + kept) return at;
    this.#keep(text.slice(at, end), text, start, start + kept);
    this.#skipBytes = length - kept + 1;
    return start + kept;
  }

  #keep(name: string, text: string, from: number, to: number): void {
    if (!isWanted(name)) return;
    this.#isEmpty = false;
    const before = this.#entry[name];
    if (before !== undefined && name !== 'MESSAGE') return;
    const value = text.slice(from, Math.min(to, from + FIELD_BYTES_MAX));
    this.#entry[name] = before === undefined ? value : `${before} ${value}`.slice(0, FIELD_BYTES_MAX);
  }
}

/** Is it a field that a line, or a place, is made of? */
export function isWanted(name: string): name is EntryField {
  return wanted.has(name);
}
