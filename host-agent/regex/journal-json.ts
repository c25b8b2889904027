/** Parses what `journalctl -o json` writes: one object a line. */
import { type Entry, type EntryField, isWanted } from '../sources/journal-export.ts';

const newline = 10;
const line_bytes_max = 1 << 20;

/** Takes bytes as they come, like ExportParser. A line that is no JSON object throws an Error. */
export class JsonEntries {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Entry[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const entries: Entry[] = [];
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      if (end > at) entries.push(entryOf(bytes.toString('utf8', at, end)));
      at = end + 1;
    }
    this.#pending = Buffer.from(bytes.subarray(at));
    if (this.#pending.length > line_bytes_max) throw new Error('no journal in JSON: a line without an end');
    return entries;
  }
}

function entryOf(text: string): Entry {
  const fields: unknown = JSON.parse(text);
  if (fields === null || typeof fields !== 'object') throw new Error('no journal in JSON: a line that is no object');
  const entry: { [field in EntryField]?: string } = {};
  for (const [name, value] of Object.entries(fields)) {
    const values = isWanted(name) ? valuesOf(value) : [];
    if (isWanted(name) && values.length > 0) entry[name] = name === 'MESSAGE' ? values.join(' ') : (values[0] ?? '');
  }
  return entry;
}

/** A text; the bytes of what is none; a list of both for a field that occurs more than once; null for what is too long. */
function valuesOf(value: unknown): string[] {
  if (typeof value === 'string') return [Buffer.from(value).toString('latin1')];
  if (typeof value === 'number') return [String(value)];
  if (!Array.isArray(value)) return [];
  return isBytes(value) ? [Buffer.from(value).toString('latin1')] : value.flatMap(valuesOf);
}

function isBytes(values: readonly unknown[]): values is number[] {
  return values.every((value) => typeof value === 'number');
}
