/** Reads the pickles in which fail2ban's clients ask: plain values only, so that nothing a client sends is ever made or called. */
import { EdgebanError } from '../../shared/errors.ts';

/** What a pickle may hold here. Tuples are read as lists. */
export type PickleValue = string | number | boolean | null | PickleValue[] | Map<PickleValue, PickleValue>;

export const pickleLimits = {
  /** Values in one request; what is named twice counts twice. */
  values_max: 250_000,
  /** Lists within lists. */
  depth_max: 16,
} as const;

/** What lies on the stack below what is being collected. */
const mark = Symbol('mark');
type Cell = PickleValue | typeof mark;

/** The value of a pickle of protocol 0 to 5. Throws ERR_CONTROL_PROTOCOL for any but lists, tuples, dicts, texts, numbers, bools and None. */
export function readPickle(bytes: Buffer): PickleValue {
  const value = new PickleReader(bytes).read();
  measure(value, 0, { left: pickleLimits.values_max });
  return value;
}

/** A pickle may name a list again and again, and within itself: it must not be larger than it looks. */
function measure(value: PickleValue, depth: number, budget: { left: number }): void {
  budget.left -= 1;
  if (budget.left < 0 || depth > pickleLimits.depth_max) throw refused('too much is in it');
  if (value instanceof Map) {
    for (const [key, part] of value) {
      measure(key, depth + 1, budget);
      measure(part, depth + 1, budget);
    }
  } else if (Array.isArray(value)) for (const part of value) measure(part, depth + 1, budget);
}

class PickleReader {
  readonly #bytes: Buffer;
  readonly #stack: Cell[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(): PickleValue {
    for (;;) {
      const code = this.#take(1)[0] ?? 0;
      if (code === stop) return this.#pop();
      const operation = operations.get(code);
      if (operation === undefined) throw refused(`it holds more than plain values (opcode ${code})`);
      operation(this);
    }
  }

  skip(length: number): void {
    this.#take(length);
  }

  push(value: Cell): void {
    if (this.#stack.length >= pickleLimits.values_max) throw refused('too much is in it');
    this.#stack.push(value);
  }

  mark(): void {
    this.push(mark);
  }

  /** The newest `count` values, or all above the last mark, as one list. */
  collect(count?: number): PickleValue[] {
    if (count !== undefined) return Array.from({ length: count }, () => this.#pop()).reverse();
    const values: PickleValue[] = [];
    for (let cell = this.#stack.pop(); cell !== mark; cell = this.#stack.pop()) {
      if (cell === undefined) throw refused('it is broken');
      values.push(cell);
    }
    return values.reverse();
  }

  /** Puts values into the list under them. */
  append(values: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw refused('it is broken');
    for (const value of values) list.push(value);
  }

  /** Puts keys and values into the dict under them. */
  assign(values: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map)) throw refused('it is broken');
    for (const [key, value] of pairsOf(values)) dict.set(key, value);
  }

  remember(key: number = this.#memo.size): void {
    this.#memo.set(key, this.#top());
  }

  recall(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) throw refused('it is broken');
    this.push(value);
  }

  uint(length: 1 | 2 | 4): number {
    return this.#take(length).readUIntLE(0, length);
  }

  int32(): number {
    return this.#take(4).readInt32LE();
  }

  double(): number {
    return this.#take(8).readDoubleBE();
  }

  /** A whole number of `length` bytes. */
  long(length: number): number {
    if (length === 0) return 0;
    if (length > 8) throw refused('a number in it is too large');
    const padded = Buffer.alloc(8, ((this.#bytes[this.#at + length - 1] ?? 0) & 0x80) === 0 ? 0 : 0xff);
    this.#take(length).copy(padded);
    return safe(padded.readBigInt64LE());
  }

  text(length: number): string {
    return this.#take(length).toString('utf8');
  }

  text8(): string {
    const length = this.#take(8).readBigUInt64LE();
    return this.text(Number(length));
  }

  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw refused('it is broken');
    const line = this.#bytes.subarray(this.#at, end).toString('latin1');
    this.#at = end + 1;
    return line;
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw refused('it is cut off');
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  #pop(): PickleValue {
    const cell = this.#stack.pop();
    if (cell === undefined || cell === mark) throw refused('it is broken');
    return cell;
  }

  #top(): PickleValue {
    const cell = this.#stack.at(-1);
    if (cell === undefined || cell === mark) throw refused('it is broken');
    return cell;
  }
}

const stop = 0x2e;

type Operation = (reader: PickleReader) => void;

/** By Python's pickletools; those that make or call something are not here. */
const named: Readonly<Record<string, Operation>> = {
  '(': (reader) => reader.mark(),
  N: (reader) => reader.push(null),
  I: (reader) => reader.push(intOf(reader.line())),
  L: (reader) => reader.push(wholeOf(reader.line().replace(/L$/, ''))),
  J: (reader) => reader.push(reader.int32()),
  K: (reader) => reader.push(reader.uint(1)),
  M: (reader) => reader.push(reader.uint(2)),
  F: (reader) => reader.push(floatOf(reader.line())),
  G: (reader) => reader.push(reader.double()),
  S: (reader) => reader.push(quotedText(reader.line())),
  T: (reader) => reader.push(reader.text(reader.uint(4))),
  U: (reader) => reader.push(reader.text(reader.uint(1))),
  V: (reader) => reader.push(escapedText(reader.line())),
  X: (reader) => reader.push(reader.text(reader.uint(4))),
  ']': (reader) => reader.push([]),
  ')': (reader) => reader.push([]),
  l: (reader) => reader.push(reader.collect()),
  t: (reader) => reader.push(reader.collect()),
  a: (reader) => reader.append(reader.collect(1)),
  e: (reader) => reader.append(reader.collect()),
  '}': (reader) => reader.push(new Map()),
  d: (reader) => reader.push(new Map(pairsOf(reader.collect()))),
  s: (reader) => reader.assign(reader.collect(2)),
  u: (reader) => reader.assign(reader.collect()),
  p: (reader) => reader.remember(wholeOf(reader.line())),
  q: (reader) => reader.remember(reader.uint(1)),
  r: (reader) => reader.remember(reader.uint(4)),
  g: (reader) => reader.recall(wholeOf(reader.line())),
  h: (reader) => reader.recall(reader.uint(1)),
  j: (reader) => reader.recall(reader.uint(4)),
};

const operations: ReadonlyMap<number, Operation> = new Map([
  ...Object.entries(named).map(([char, operation]) => [char.charCodeAt(0), operation] as const),
  [0x80, (reader) => reader.skip(1)],
  [0x85, (reader) => reader.push(reader.collect(1))],
  [0x86, (reader) => reader.push(reader.collect(2))],
  [0x87, (reader) => reader.push(reader.collect(3))],
  [0x88, (reader) => reader.push(true)],
  [0x89, (reader) => reader.push(false)],
  [0x8a, (reader) => reader.push(reader.long(reader.uint(1)))],
  [0x8b, (reader) => reader.push(reader.long(reader.uint(4)))],
  [0x8c, (reader) => reader.push(reader.text(reader.uint(1)))],
  [0x8d, (reader) => reader.push(reader.text8())],
  [0x94, (reader) => reader.remember()],
  [0x95, (reader) => reader.skip(8)],
]);

function pairsOf(values: readonly PickleValue[]): [PickleValue, PickleValue][] {
  if (values.length % 2 !== 0) throw refused('it is broken');
  return Array.from({ length: values.length / 2 }, (_, at) => [values[2 * at] ?? null, values[2 * at + 1] ?? null]);
}

/** Protocol 0 writes True and False as the numbers 01 and 00. */
function intOf(line: string): number | boolean {
  if (line === '00' || line === '01') return line === '01';
  return wholeOf(line);
}

function wholeOf(line: string): number {
  if (!/^-?\d{1,20}$/.test(line)) throw refused('a number in it cannot be read');
  return safe(BigInt(line));
}

function floatOf(line: string): number {
  const value = Number(line);
  if (line.trim() === '' || Number.isNaN(value)) throw refused('a number in it cannot be read');
  return value;
}

function safe(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw refused('a number in it is too large');
  return number;
}

/** A text of Python 2: its repr. */
function quotedText(line: string): string {
  const body = /^(['"])(.*)\1$/.exec(line)?.[2];
  if (body === undefined) throw refused('a text in it cannot be read');
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  const bytes = body.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex?: string, char?: string) =>
    hex === undefined ? (escapes[char ?? ''] ?? char ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Python's raw-unicode-escape. */
function escapedText(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short?: string, long?: string) => {
    const code = Number.parseInt(short ?? long ?? '', 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

function refused(why: string): EdgebanError {
  return new EdgebanError('ERR_CONTROL_PROTOCOL', `the pickle is refused: ${why}`);
}
