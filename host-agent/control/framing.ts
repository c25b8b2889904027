/** How words and answers are framed on the control socket: one JSON value a line, each way. */
import { EdgebanError } from '../../shared/errors.ts';

export const framingLimits = {
  /** One request line; 50,000 IPv6 addresses in one `banip` fit. */
  request_bytes_max: 4 * 1024 * 1024,
  request_words_max: 200_000,
  /** One answer line, as a client takes it in. */
  reply_bytes_max: 256 * 1024 * 1024,
} as const;

/** A list that is a tuple to Python: exporters look at the type. */
export class Tuple extends Array<ReplyValue> {}

export function tupleOf(...values: readonly ReplyValue[]): Tuple {
  const tuple = new Tuple();
  tuple.push(...values);
  return tuple;
}

/** What answers carry: fail2ban's own values, so that each framing can say them. JSON has no tuples: they are lists there. */
export type ReplyValue =
  | string
  | number
  | boolean
  | null
  | readonly ReplyValue[]
  | { readonly [key: string]: ReplyValue };

export function isList(value: ReplyValue): value is readonly ReplyValue[] {
  return Array.isArray(value);
}

/** The exceptions in which fail2ban's server answers what went wrong. */
export type PythonException =
  | 'Exception'
  | 'IndexError'
  | 'KeyError'
  | 'LookupError'
  | 'RuntimeError'
  | 'TypeError'
  | 'ValueError'
  | 'AttributeError'
  | 'FileNotFoundError'
  | 'UnknownJailException'
  | 'DuplicateJailException';

export interface ReplyError {
  /** One of ours (shared/errors.ts). */
  readonly code: string;
  /** What fail2ban's client would print on stdout. */
  readonly message: string;
  /** The arguments of fail2ban's exception: its client prints them after `NOK: `. */
  readonly args: readonly (string | number)[];
  /** What it is to fail2ban's clients: an `Exception` if nothing is said. */
  readonly exception?: PythonException;
  readonly file?: string;
  readonly line?: number;
  readonly remedy?: string;
}

export type Reply = { readonly ok: ReplyValue } | { readonly error: ReplyError };

/** Cuts a byte stream into messages, each without its terminator; one over `max` bytes is an error. */
export class MessageReader {
  readonly #terminator: Buffer;
  readonly #max: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  /** The last bytes: they may be the beginning of a terminator. */
  #edge: Buffer = Buffer.alloc(0);

  constructor(terminator: Buffer, max: number) {
    this.#terminator = terminator;
    this.#max = max;
  }

  /** The messages that `chunk` completes. Throws ERR_CONTROL_PROTOCOL; the reader is of no use after that. */
  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    const bytes = this.#edge.length === 0 ? chunk : Buffer.concat([this.#edge, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(this.#terminator); end >= 0; end = bytes.indexOf(this.#terminator, start)) {
      this.#keep(bytes.subarray(start, end));
      messages.push(this.#take());
      start = end + this.#terminator.length;
    }
    const edge = Math.max(start, bytes.length - this.#terminator.length + 1);
    this.#keep(bytes.subarray(start, edge));
    this.#edge = bytes.subarray(edge);
    return messages;
  }

  /** Bytes of the message that is not yet whole. */
  get pending(): number {
    return this.#bytes + this.#edge.length;
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > this.#max)
      throw new EdgebanError('ERR_CONTROL_PROTOCOL', `a message is longer than ${this.#max} bytes`);
    this.#parts.push(part);
  }

  #take(): Buffer {
    const message = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return message;
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

export const lineEnd = Buffer.from('\n');

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

function argumentOf(value: unknown): string | number {
  return typeof value === 'number' ? value : String(value);
}

function toReplyError(error: Record<string, unknown>): ReplyError {
  const text = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise);
  const message = text(error['message'], 'unknown error');
  return {
    code: text(error['code'], 'ERR_INTERNAL'),
    message,
    args: Array.isArray(error['args']) ? error['args'].map(argumentOf) : [message],
    ...(typeof error['file'] === 'string' ? { file: error['file'] } : {}),
    ...(typeof error['line'] === 'number' ? { line: error['line'] } : {}),
    ...(typeof error['remedy'] === 'string' ? { remedy: error['remedy'] } : {}),
  };
}
