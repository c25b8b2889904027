/** The texts of one line that regexes see: the line, what it is without its date, and what the prefregex caught of it. */
import type { AsciiPlace, Line } from '../ticket.ts';
import type { LineParts } from './matched-lines.ts';
import type { Searches } from './regex/pattern.ts';
import { type AsciiText, ascii_bytes_max, Subject } from './regex/subject.ts';

const newline = 10;
const carriageReturn = 13;
/** Of a line and its line end. */
const room_bytes = ascii_bytes_max + 1;

/** A line and where its date stands in it; its parts become texts when they are asked for. */
export class DatedText implements LineParts {
  readonly line: Subject;
  /** Of the date, in the line. */
  readonly start: number;
  readonly end: number;
  readonly #shown: string | null;

  /** `shown` is the date of a line that has none of its own. */
  constructor(line: Subject, start: number, end: number, shown: string | null = null) {
    this.line = line;
    this.start = start;
    this.end = end;
    this.#shown = shown;
  }

  get whole(): string | undefined {
    return this.#shown === null ? this.line.text : undefined;
  }

  get before(): string {
    return this.line.slice(0, this.start);
  }

  get date(): string {
    return this.#shown ?? this.line.slice(this.start, this.end);
  }

  get after(): string {
    return this.line.slice(this.end, this.line.length);
  }
}

/** Room for the bytes of a short ASCII line: of most lines no text is ever made. What is given out is good until the next line. */
export class LineRoom {
  readonly #line: Uint8Array;
  /** A line whose date stands in the middle of it, without the date. */
  readonly #joined: Uint8Array;
  readonly #asText: AsciiText;
  /** The memory of the searches, if both are in it: what is there need not be copied for a search. */
  readonly #shared: ArrayBufferLike | null;

  constructor(asText: AsciiText, searches: Searches | undefined) {
    this.#asText = asText;
    const line = searches?.room(room_bytes) ?? null;
    const joined = searches?.room(room_bytes) ?? null;
    this.#line = line ?? new Uint8Array(room_bytes);
    this.#joined = joined ?? new Uint8Array(room_bytes);
    this.#shared = line !== null && joined !== null ? line.buffer : null;
  }

  /** The line without its line ends; null where it is long or not ASCII. */
  take(line: Line): Subject | null {
    const { place } = line;
    return place !== undefined && this.#isReady(place)
      ? this.#subject(place.piece, place.start, place.end)
      : this.#copied(line.bytes);
  }

  /** Does it stand already where searches find it, and as they expect it? */
  #isReady({ piece, start, end }: AsciiPlace): boolean {
    return piece.buffer === this.#shared && end - start <= ascii_bytes_max && !isLineEnd(piece[end - 1]);
  }

  #copied(bytes: Uint8Array): Subject | null {
    let length = bytes.length;
    while (length > 0 && isLineEnd(bytes[length - 1])) length -= 1;
    if (length > ascii_bytes_max) return null;
    const room = this.#line;
    let all = 0;
    for (let at = 0; at < length; at += 1) {
      const byte = bytes[at] ?? 0;
      room[at] = byte;
      all |= byte;
    }
    if (all > 127) return null;
    room[length] = newline;
    return this.#subject(room, 0, length);
  }

  /** What the regexes search: the line without its date, and a line end. */
  searched(parts: DatedText): Subject {
    const { line, start, end } = parts;
    const { bytes } = line;
    if (bytes === null) return Subject.ofText(`${parts.before}${parts.after}\n`);
    if (start === 0) return this.#subject(bytes, line.start + end, line.end + 1);
    const length = line.length + 1 - (end - start);
    for (let at = 0; at < length; at += 1) {
      this.#joined[at] = bytes[line.start + (at < start ? at : at + end - start)] ?? newline;
    }
    return this.#subject(this.#joined, 0, length);
  }

  #subject(bytes: Uint8Array, start: number, end: number): Subject {
    return Subject.ofAscii(bytes, start, end, this.#asText, this.#shared === null ? -1 : bytes.byteOffset);
  }
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === newline || byte === carriageReturn;
}
