/** Parses systemd's journal export format as it streams in: text and binary fields, of bounded size. */

/** What is longer is cut. */
const FIELD_BYTES_MAX = 64 * 1024;
/** Values of one field that are kept. */
const VALUES_MAX = 8;
const NAME_BYTES_MAX = 256;
const NEWLINE = 10;
const EQUALS = 61;
const nothing = Buffer.alloc(0);

/** The wanted fields of one journal entry; a field may occur more than once. */
export type Entry = ReadonlyMap<string, readonly Buffer[]>;

/** Between pushes it holds at most one line or one field's start. A stream that is no export format throws an Error. */
export class ExportParser {
  readonly #wanted: ReadonlySet<string>;
  #entry = new Map<string, Buffer[]>();
  #pending: Buffer = nothing;
  /** Bytes still to be thrown away: the rest of a binary field, its line end included. */
  #skipBytes = 0;
  /** Is the rest of a text line to be thrown away? */
  #skipLine = false;

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  /** The entries that `chunk` completes. */
  push(chunk: Buffer): Entry[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const entries: Entry[] = [];
    let at = 0;
    for (let next = this.#step(bytes, at, entries); next > at; next = this.#step(bytes, at, entries)) at = next;
    this.#pending = at === bytes.length ? nothing : Buffer.from(bytes.subarray(at));
    return entries;
  }

  /** Takes one line or field; returns where the next begins, or `at` if more bytes are needed. */
  #step(bytes: Buffer, at: number, entries: Entry[]): number {
    if (this.#skipBytes > 0) return this.#skip(bytes, at);
    const end = bytes.indexOf(NEWLINE, at);
    if (this.#skipLine) return this.#skipToLineEnd(bytes, end);
    if (end < 0) return bytes.length - at > FIELD_BYTES_MAX ? this.#longLine(bytes, at) : at;
    if (end === at) return this.#endEntry(end, entries);
    const equals = bytes.subarray(at, end).indexOf(EQUALS);
    if (equals < 0) return this.#binary(bytes, at, end);
    this.#keep(bytes.toString('latin1', at, at + equals), bytes.subarray(at + equals + 1, end));
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
    if (this.#entry.size > 0) entries.push(this.#entry);
    this.#entry = new Map();
    return end + 1;
  }

  #longLine(bytes: Buffer, at: number): number {
    const equals = bytes.subarray(at, at + NAME_BYTES_MAX).indexOf(EQUALS);
    if (equals < 0) throw new Error('no journal export format: a name without an end');
    this.#keep(bytes.toString('latin1', at, at + equals), bytes.subarray(at + equals + 1));
    this.#skipLine = true;
    return bytes.length;
  }

  /** `NAME\n`, 64 bits of length (little endian), the bytes, `\n`. */
  #binary(bytes: Buffer, at: number, end: number): number {
    if (end - at > NAME_BYTES_MAX) throw new Error('no journal export format: a name that is too long');
    const start = end + 9;
    if (bytes.length < start) return at;
    const length = Number(bytes.readBigUInt64LE(end + 1));
    const kept = Math.min(length, FIELD_BYTES_MAX);
    if (bytes.length < start + kept) return at;
    this.#keep(bytes.toString('latin1', at, end), bytes.subarray(start, start + kept));
    this.#skipBytes = length - kept + 1;
    return start + kept;
  }

  #keep(name: string, value: Buffer): void {
    if (!this.#wanted.has(name)) return;
    const values = this.#entry.get(name) ?? [];
    // A copy: the chunk may be long, and the value is kept.
    if (values.length < VALUES_MAX) values.push(Buffer.from(value.subarray(0, FIELD_BYTES_MAX)));
    this.#entry.set(name, values);
  }
}
