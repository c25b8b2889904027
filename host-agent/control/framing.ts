/** How words and answers are framed on the control socket: one JSON value a line, each way. */
import { EdgebanError } from '../../shared/errors.ts';

export const framingLimits = {
  /** One request line; 50,000 IPv6 addresses in one `banip` fit. */
  request_bytes_max: 4 * 1024 * 1024,
  request_words_max: 200_000,
  /** One answer line, as a client takes it in. */
  reply_bytes_max: 256 * 1024 * 1024,
} as const;

/** What answers carry: fail2ban's own values (tuples as lists), so that each framing can say them. */
export type ReplyValue =
  | string
  | number
  | boolean
  | null
  | readonly ReplyValue[]
  | { readonly [key: string]: ReplyValue };

export interface ReplyError {
  /** One of ours (shared/errors.ts). */
  readonly code: string;
  /** What fail2ban's client would print on stdout. */
  readonly message: string;
  /** The arguments of fail2ban's exception: its client prints them after `NOK: `. */
  readonly args: readonly string[];
  readonly file?: string;
  readonly line?: number;
  readonly remedy?: string;
}

export type Reply = { readonly ok: ReplyValue } | { readonly error: ReplyError };

/** Cuts a byte stream into lines, each without its `\n`; a line over `max` bytes is an error. */
export class LineReader {
  readonly #max: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** The lines that `chunk` completes. Throws ERR_CONTROL_PROTOCOL; the reader is of no use after that. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  /** Bytes of the line that is not yet whole. */
  get pending(): number {
    return this.#bytes;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > this.#max)
      throw new EdgebanError('ERR_CONTROL_PROTOCOL', `a line is longer than ${this.#max} bytes`);
    this.#parts.push(part);
  }

  #take(): string {
    const line = Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }
}

/** Reads one request line. Throws ERR_CONTROL_PROTOCOL for anything but a list of at least one word. */
export function parseRequest(line: string): readonly string[] {
  const value = parseJson(line);
  if (!Array.isArray(value) || value.length === 0 || value.length > framingLimits.request_words_max) {
    throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'a request is a JSON array of 1 to 200000 words');
  }
  return value.map((word: unknown) => {
    if (typeof word === 'string') return word;
    throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'each word of a request is a JSON string');
  });
}

export function formatRequest(words: readonly string[]): string {
  return `${JSON.stringify(words)}\n`;
}

export function formatReply(reply: Reply): string {
  return `${JSON.stringify(reply)}\n`;
}

/** Reads one answer line. Throws ERR_CONTROL_PROTOCOL. */
export function parseReply(line: string): Reply {
  const value = parseJson(line);
  if (isRecord(value)) {
    if ('ok' in value) return { ok: toReplyValue(value['ok']) };
    if (isRecord(value['error'])) return { error: toReplyError(value['error']) };
  }
  throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'the answer is neither ok nor error');
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'a line is not JSON', { cause });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON.parse yields nothing else; this says so to the compiler. */
function toReplyValue(value: unknown): ReplyValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (Array.isArray(value)) return value.map(toReplyValue);
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, toReplyValue(part)]));
  throw new EdgebanError('ERR_CONTROL_PROTOCOL', 'the answer holds a value that JSON has not');
}

function toReplyError(error: Record<string, unknown>): ReplyError {
  const text = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise);
  const message = text(error['message'], 'unknown error');
  return {
    code: text(error['code'], 'ERR_INTERNAL'),
    message,
    args: Array.isArray(error['args']) ? error['args'].map(String) : [message],
    ...(typeof error['file'] === 'string' ? { file: error['file'] } : {}),
    ...(typeof error['line'] === 'number' ? { line: error['line'] } : {}),
    ...(typeof error['remedy'] === 'string' ? { remedy: error['remedy'] } : {}),
  };
}
