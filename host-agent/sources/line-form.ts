/** How the lines of a log lie in its bytes: what ends them, and what the filter is given of them. */
import type { Wide } from '../../shared/config/logencoding.ts';

/** A longer line is cut here and the rest of it skipped. */
export const LINE_BYTES_MAX = 64 * 1024;
const NEWLINE = 10;
const RETURN = 13;
const MARK = 0xfeff;

export interface LineForm {
  /** Each line begins at a multiple of so many bytes. */
  readonly unit: number;
  /** Behind the first line end at or after `from`, where a line might begin; 0 if there is none. */
  behindEnd(bytes: Buffer, from: number): number;
  /** For the filter: without its line end and the carriage returns before it, and not longer than allowed. */
  line(bytes: Buffer, start: number, end: number): Uint8Array;
}

/** Of all encodings in which a line ends with the byte 10, and no character but the line end has it. */
const byBytes: LineForm = {
  unit: 1,
  behindEnd: (bytes, from) => bytes.indexOf(NEWLINE, from) + 1,
  line: trimmed,
};

/** `first` is what the log begins with, where it may tell the order of the bytes. */
export function formOf(wide: Wide | null, first: Buffer): LineForm {
  if (wide === null) return byBytes;
  const { unit, order } = wide;
  const isBig = order === 'big' || (order === 'mark' && first.length >= unit && first.readUIntBE(0, unit) === MARK);
  const key = `${wide.name} ${isBig}`;
  const form = wideForms.get(key) ?? wideForm(wide, isBig);
  wideForms.set(key, form);
  return form;
}

const wideForms = new Map<string, LineForm>();

/** The lines are given in UTF-8. */
function wideForm(wide: Wide, isBig: boolean): LineForm {
  const { unit } = wide;
  const textOf = wideText(wide, isBig);
  return {
    unit,
    behindEnd: (bytes, from) => behindWideEnd(bytes, from, unit, isBig),
    line: (bytes, start, end) => {
      const text = textOf(bytes.subarray(start, Math.min(end, start + LINE_BYTES_MAX)));
      return new TextEncoder().encode(text.replace(/[\r\n]+$/, ''));
    },
  };
}

function behindWideEnd(bytes: Buffer, from: number, unit: number, isBig: boolean): number {
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
    const start = isBig ? at - unit + 1 : at;
    if (start < from || (start - from) % unit !== 0 || start + unit > bytes.length) continue;
    const char = isBig ? bytes.readUIntBE(start, unit) : bytes.readUIntLE(start, unit);
    if (char === NEWLINE) return start + unit;
  }
  return 0;
}

/** What is no text becomes U+FFFD. */
function wideText({ unit, order }: Wide, isBig: boolean): (bytes: Buffer) => string {
  const ignoreBOM = order !== 'mark';
  if (unit === 4) return (bytes) => text32(bytes, isBig).replace(ignoreBOM ? '' : /^\ufeff/, '');
  const decoder = new TextDecoder(isBig ? 'utf-16be' : 'utf-16le', { ignoreBOM });
  return (bytes) => decoder.decode(bytes);
}

function text32(bytes: Buffer, isBig: boolean): string {
  let text = '';
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const char = isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    const isChar = char < 0xd800 || (char > 0xdfff && char < 0x110000);
    text += isChar ? String.fromCodePoint(char) : '\ufffd';
  }
  return bytes.length % 4 === 0 ? text : `${text}\ufffd`;
}

/** One that was cut has no line end. */
function trimmed(bytes: Buffer, start: number, end: number): Uint8Array {
  if (bytes[end - 1] !== NEWLINE) return viewOf(bytes, start, end);
  let stop = end - 1;
  while (stop > start && bytes[stop - 1] === RETURN) stop -= 1;
  return viewOf(bytes, start, Math.min(stop, start + LINE_BYTES_MAX));
}

/** Not a Buffer, which takes twice as long to make. */
function viewOf({ buffer, byteOffset }: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + start, end - start);
}
