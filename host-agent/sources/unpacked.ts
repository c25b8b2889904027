/** The text of a log file that was compressed, read forwards in bounded memory. */
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { OpenFile } from './disk.ts';

const PACKED_BYTES = 64 * 1024;

export class Unpacked {
  readonly #file: OpenFile;
  readonly #unpack: () => Duplex;
  #stream: AsyncIterator<Buffer> | null = null;
  #stop = () => {};
  /** What is at hand begins here in the text. */
  #start = 0;
  #bytes: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #ended = false;

  constructor(file: OpenFile, unpack: () => Duplex) {
    this.#file = file;
    this.#unpack = unpack;
  }

  /** Bytes `from` to `to` of the text, fewer at its end. Reading backwards begins anew. What is broken off ends there. */
  async bytes(from: number, to: number): Promise<Buffer<ArrayBuffer>> {
    if (from < this.#start) this.rewind();
    while (!this.#ended && this.#start + this.#bytes.length < to) {
      this.#forget(from);
      await this.#more();
    }
    this.#forget(from);
    return Buffer.from(this.#bytes.subarray(0, Math.max(0, to - this.#start)));
  }

  async close(): Promise<void> {
    this.rewind();
    await this.#file.close();
  }

  #forget(before: number): void {
    const count = Math.min(before - this.#start, this.#bytes.length);
    this.#start += count;
    this.#bytes = this.#bytes.subarray(count);
  }

  async #more(): Promise<void> {
    this.#stream ??= this.#open();
    const next = await this.#stream.next().catch(() => null);
    if (next === null || next.done === true) this.#ended = true;
    else this.#bytes = Buffer.concat([this.#bytes, next.value]);
  }

  #open(): AsyncIterator<Buffer> {
    const text = this.#unpack();
    const packed = Readable.from(this.#packed());
    this.#stop = () => {
      packed.destroy();
      text.destroy();
    };
    // the iterator tells what goes wrong
    pipeline(packed, text).catch(() => undefined);
    return text[Symbol.asyncIterator]();
  }

  async *#packed(): AsyncGenerator<Buffer> {
    for (let at = 0; ; ) {
      const bytes = await this.#file.read(at, PACKED_BYTES);
      if (bytes.length === 0) return;
      at += bytes.length;
      yield bytes;
    }
  }

  /** Lets go of what unpacks; more reading begins anew. */
  rewind(): void {
    this.#stop();
    this.#stream = null;
    this.#start = 0;
    this.#bytes = Buffer.alloc(0);
    this.#ended = false;
  }
}
