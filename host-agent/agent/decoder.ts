/** Bytes of a log line to text, as Python would decode them with errors='replace'. */
import { Buffer, isUtf8 } from 'node:buffer';
import { type Codec, codecOf } from '../../shared/config/logencoding.ts';
import type { AsciiText } from '../../shared/filter/regex/subject.ts';
import type { JailPlan } from './plan.ts';

/** The text of bytes that are all ASCII, which every logencoding has as it is. */
export const asciiText: AsciiText = (bytes, start, end) => Buffer.prototype.latin1Slice.call(bytes, start, end);

export type Decode = (bytes: Uint8Array) => string;

/**
 * Of the lines that a backend gives: what the journal holds is UTF-8, and only bytes that are not are in the logencoding
 * (as fail2ban's filtersystemd.py has them from systemd's reader). Throws as decoderOf does.
 */
export function decoderFor({ backend, logencoding }: Pick<JailPlan, 'backend' | 'logencoding'>): Decode {
  const decode = decoderOf(logencoding);
  if (backend !== 'systemd') return decode;
  const utf8 = decoderOf('utf-8');
  return (bytes) => (isUtf8(bytes) ? utf8(bytes) : decode(bytes));
}

/**
 * `auto` is UTF-8, which the lines of UTF-16 and UTF-32 have become. Bytes that are no text become U+FFFD. Throws
 * ERR_FILTER_ENCODING for an unknown name.
 */
export function decoderOf(logencoding: string): Decode {
  const codec = codecOf(logencoding);
  const decoder = new TextDecoder(codec.label, { ignoreBOM: codec.dropsMark !== true });
  const decode: Decode = (bytes) => decoder.decode(bytes);
  const isByBytes = codec.fix !== undefined || codec.bytes !== undefined || codec.page !== undefined;
  return isByBytes ? byTable(tableOf(codec, decode)) : decode;
}

/** What each byte stands for. */
function tableOf({ fix, bytes = {}, page }: Codec, decode: Decode): string[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const char = String.fromCharCode(byte);
    const isC1 = byte >= 0x80 && byte < 0xa0;
    if (byte < 0x80 || (fix === 'c1-as-is' && isC1)) return char;
    if (page !== undefined) return page[byte - 0x80] ?? '\ufffd';
    const found = bytes[byte] ?? decode(Uint8Array.of(byte));
    return fix === 'ascii' || (fix === 'no-c1' && isC1 && found === char) ? '\ufffd' : found;
  });
}

function byTable(table: readonly string[]): Decode {
  return (bytes) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    return text.replace(/[\x80-\xff]/g, (char) => table[char.charCodeAt(0)] ?? char);
  };
}
