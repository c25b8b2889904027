/** Parses what `journalctl -o json` writes: one object a line. */
import type { Entry } from '../sources/journal-export.ts';

const newline = 10;
const line_bytes_max = 1 << 20;

/** Takes bytes as they come, like ExportParser. A line that is no JSON object throws an Error. */
export class JsonEntries {
  readonly #wanted: ReadonlySet<string>;
  #pending: Buffer = Buffer.alloc(0);

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  push(chunk: Buffer): Entry[] {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const entries: Entry[] = [];
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      if (end > at) entries.push(this.#entry(bytes.toString('utf8', at, end)));
      at = end + 1;
    }
    this.#pending = Buffer.from(bytes.subarray(at));
    if (this.#pending.length > line_bytes_max) throw new Error('no journal in JSON: a line without an end');
    return entries;
  }

  #entry(text: string): Entry {
    const fields: unknown = JSON.parse(text);
    if (fields === null || typeof fields !== 'object') throw new Error('no journal in JSON: a line that is no object');
    const entry = new Map<string, readonly Buffer[]>();
    for (const [name, value] of Object.entries(fields)) if (this.#wanted.has(name)) entry.set(name, valuesOf(value));
    return entry;
  }
}

/** A text; the bytes of what is none; a list of both for a field that occurs more than once; null for what is too long. */
function valuesOf(value: unknown): Buffer[] {
  if (typeof value === 'string') return [Buffer.from(value)];
  if (typeof value === 'number') return [Buffer.from(String(value))];
  if (!Array.isArray(value)) return [];
  return isBytes(value) ? [Buffer.from(value)] : value.flatMap(valuesOf);
}

function isBytes(values: readonly unknown[]): values is number[] {
  return values.every((value) => typeof value === 'number');
}
