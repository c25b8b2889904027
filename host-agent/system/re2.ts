/** RE2 for the filters, from npm `re2`. */

import { Buffer } from 'node:buffer';
import RE2 from 're2';
import type { Re2, Re2Program, Search, Searches } from '../../shared/filter/regex/pattern.ts';
import { place } from '../../shared/filter/regex/room.ts';

declare global {
  /** What is used of it: @types/node leaves it to the DOM's types. */
  namespace WebAssembly {
    class Memory {
      constructor(size: { initial: number; maximum: number });
      readonly buffer: ArrayBuffer;
    }
    class Module {
      constructor(bytes: Uint8Array<ArrayBuffer>);
    }
    class Instance {
      constructor(module: Module, imports: Record<string, Record<string, Memory>>);
      readonly exports: Readonly<Record<string, unknown>>;
    }
  }
}

class Program implements Re2Program {
  readonly #re2: RE2;

  constructor(source: string) {
    this.#re2 = new RE2(source, 'du');
  }

  test(bytes: Uint8Array): boolean {
    return this.#re2.test(bytes);
  }

  exec(text: string): readonly number[] | null {
    const indices = this.#re2.exec(text)?.indices;
    if (indices === undefined) return null;
    return indices.flatMap((span: readonly [number, number] | undefined) => span ?? [-1, -1]);
  }
}

/** 64 KB each: one for the searches, four for lines, and four for a piece of a file. What is not used takes no memory. */
const pages = 9;

/** One memory for all searches of this thread. */
function createSearches(): Searches {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return {
    memory: { bytes: new Uint8Array(memory.buffer), numbers: new Int32Array(memory.buffer) },
    build: (module) => {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { m: { m: memory } });
      if (!isSearch(exports['f'])) throw new Error('a module without a search');
      return exports['f'];
    },
    room: roomsIn(memory.buffer),
  };
}

/** Hands out what is beyond the searches' own; what nobody holds any more is handed out again. */
function roomsIn(memory: ArrayBuffer): Searches['room'] {
  const free: { readonly at: number; readonly bytes: number }[] = [];
  const left = new FinalizationRegistry<{ at: number; bytes: number }>((room) => free.push(room));
  let end: number = place.end;
  return (bytes) => {
    const again = free.findIndex((room) => room.bytes === bytes);
    const at = again >= 0 ? (free.splice(again, 1)[0]?.at ?? 0) : end;
    // a search may look at what comes next behind a text
    if (again < 0 && end + bytes + 4 > memory.byteLength) return null;
    if (again < 0) end += bytes;
    const room = new Uint8Array(memory, at, bytes);
    left.register(room, { at, bytes });
    return room;
  };
}

function isSearch(made: unknown): made is Search {
  return typeof made === 'function';
}

/** Room for the bytes of a text of ordinary length: a buffer of its own for each would keep the garbage collector busy. */
const room_bytes = 64 * 1024;

let searches: Searches | undefined;

/** Keeps the bytes of the last text, until the next one: a line is searched by many programs in a row. */
export function createRe2(): Re2 {
  const room = Buffer.allocUnsafeSlow(room_bytes);
  let lastText = '';
  let lastBytes = Buffer.from('');
  return {
    compile: (source) => new Program(source),
    get searches() {
      searches ??= createSearches();
      return searches;
    },
    encode: (text) => {
      if (text !== lastText) {
        lastBytes = 3 * text.length > room_bytes ? Buffer.from(text) : room.subarray(0, room.write(text));
        lastText = text;
      }
      return lastBytes;
    },
  };
}
