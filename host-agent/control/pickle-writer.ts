/** Writes answers as the pickles that fail2ban's clients load: protocol 2, which each of them reads. */
import { isList, type PythonException, type Reply, type ReplyError, type ReplyValue, Tuple } from './framing.ts';

/** fail2ban's answer: the tuple (0, value), or (1, exception). */
export function writeReply(reply: Reply): Buffer {
  const writer = new PickleWriter();
  if ('ok' in reply) writer.number(0).value(reply.ok);
  else writer.number(1).exception(reply.error);
  return writer.end();
}

const modules: Readonly<Record<PythonException, string>> = {
  Exception: 'builtins',
  IndexError: 'builtins',
  KeyError: 'builtins',
  LookupError: 'builtins',
  RuntimeError: 'builtins',
  TypeError: 'builtins',
  ValueError: 'builtins',
  AttributeError: 'builtins',
  FileNotFoundError: 'builtins',
  UnknownJailException: 'fail2ban.exceptions',
  DuplicateJailException: 'fail2ban.exceptions',
};

class PickleWriter {
  readonly #parts: Buffer[] = [Buffer.from([0x80, 2])];

  value(value: ReplyValue): this {
    if (value === null) return this.#op('N');
    if (typeof value === 'boolean') return this.#bytes([value ? 0x88 : 0x89]);
    if (typeof value === 'number') return this.number(value);
    if (typeof value === 'string') return this.text(value);
    if (value instanceof Tuple) return this.#tuple(value);
    if (isList(value)) return this.#list(value);
    return this.#dict(value);
  }

  /** Whole numbers as such, all others as floats. */
  number(value: number): this {
    if (!Number.isSafeInteger(value)) return this.#sized('G', 8, (bytes) => bytes.writeDoubleBE(value, 1));
    if (value >= -0x80000000 && value <= 0x7fffffff)
      return this.#sized('J', 4, (bytes) => bytes.writeInt32LE(value, 1));
    this.#bytes([0x8a, 8]);
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    this.#parts.push(bytes);
    return this;
  }

  text(text: string): this {
    const body = Buffer.from(text, 'utf8');
    this.#sized('X', 4, (bytes) => bytes.writeUInt32LE(body.length, 1));
    this.#parts.push(body);
    return this;
  }

  exception({ exception: name = 'Exception', args, file }: ReplyError): this {
    this.#parts.push(Buffer.from(`c${modules[name]}\n${name}\n`));
    // Python keeps the file's name apart from the other two
    return this.#tuple(name === 'FileNotFoundError' && file !== undefined ? [...args, file] : args).#op('R');
  }

  /** The two values written become a tuple, and that the pickle. */
  end(): Buffer {
    this.#bytes([0x86]).#op('.');
    return Buffer.concat(this.#parts);
  }

  #tuple(values: readonly ReplyValue[]): this {
    this.#op('(');
    for (const value of values) this.value(value);
    return this.#op('t');
  }

  #list(values: readonly ReplyValue[]): this {
    this.#op('](');
    for (const value of values) this.value(value);
    return this.#op('e');
  }

  #dict(value: { readonly [key: string]: ReplyValue }): this {
    this.#op('}(');
    for (const [key, part] of Object.entries(value)) this.text(key).value(part);
    return this.#op('u');
  }

  #op(chars: string): this {
    this.#parts.push(Buffer.from(chars, 'latin1'));
    return this;
  }

  #bytes(bytes: readonly number[]): this {
    this.#parts.push(Buffer.from(bytes));
    return this;
  }

  /** An opcode with its argument behind it. */
  #sized(op: string, length: number, write: (bytes: Buffer) => void): this {
    const bytes = Buffer.alloc(1 + length);
    bytes.write(op, 0, 'latin1');
    write(bytes);
    this.#parts.push(bytes);
    return this;
  }
}
