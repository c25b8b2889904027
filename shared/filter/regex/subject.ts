/** A text that many expressions are searched in: its characters, and its bytes where they are those of a short ASCII text. */

/** Longer texts are left to RE2, which is quicker to say that there is no match than code that looks at each place. */
export const ascii_bytes_max = 2_048;

const newline = 10;

/** Makes the text of ASCII bytes in `[start, end)`. */
export type AsciiText = (bytes: Uint8Array, start: number, end: number) => string;

/** Good until the bytes are written over; the text, once asked for, stays. */
export class Subject {
  /** ASCII, or null where the text is not, or is long, or only its characters are known. */
  readonly bytes: Uint8Array | null;
  /** The text's place in the bytes. */
  readonly start: number;
  readonly end: number;
  /** Where the bytes begin in the memory that searches share; -1 where they are elsewhere. */
  readonly base: number;
  readonly #asText: AsciiText | null;
  #text: string | null;

  private constructor(bytes: Uint8Array | null, start: number, end: number, text: AsciiText | string, base: number) {
    this.base = base;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.#asText = typeof text === 'string' ? null : text;
    this.#text = typeof text === 'string' ? text : null;
  }

  static ofText(text: string): Subject {
    return new Subject(null, 0, text.length, text, -1);
  }

  static ofAscii(bytes: Uint8Array, start: number, end: number, asText: AsciiText, base = -1): Subject {
    return new Subject(bytes, start, end, asText, base);
  }

  /** In UTF-16 units, as all places in it. */
  get length(): number {
    return this.end - this.start;
  }

  get text(): string {
    this.#text ??= this.bytes === null || this.#asText === null ? '' : this.#asText(this.bytes, this.start, this.end);
    return this.#text;
  }

  /** The UTF-16 unit at a place; -1 outside of the text. */
  codeAt(at: number): number {
    if (at < 0 || at >= this.length) return -1;
    return this.bytes === null ? this.text.charCodeAt(at) : (this.bytes[this.start + at] ?? -1);
  }

  /** The text from one place to another, both inside. */
  slice(from: number, to: number): string {
    if (this.#text !== null || this.bytes === null || this.#asText === null) return this.text.slice(from, to);
    return this.#asText(this.bytes, this.start + from, this.start + to);
  }

  /** A part of it to search in; what lies beyond its end is left out. */
  part(from: number, beyond: number): Subject {
    const to = Math.min(beyond, this.length);
    if (this.bytes === null || this.#asText === null) return Subject.ofText(this.text.slice(from, to));
    return new Subject(this.bytes, this.start + from, this.start + to, this.#asText, this.base);
  }

  /** A part of it with a line end behind. */
  line(from: number, to: number): Subject {
    return this.codeAt(to) === newline ? this.part(from, to + 1) : Subject.ofText(`${this.slice(from, to)}\n`);
  }
}
