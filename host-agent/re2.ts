/** RE2 for the filters, from npm `re2`. */

import { Buffer } from 'node:buffer';
import RE2 from 're2';
import type { Re2, Re2Program, Search } from '../shared/filter/regex/pattern.ts';

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

/** The code is our own and holds nothing of an expression but numbers (shared/filter/regex/generate.ts). */
function buildSearch(parameters: readonly string[], body: string): Search {
  const made: unknown = new Function(...parameters, body);
  if (!isSearch(made)) throw new Error('no function was made');
  return made;
}

function isSearch(made: unknown): made is Search {
  return typeof made === 'function';
}

/** Room for the bytes of a text of ordinary length: a buffer of its own for each would keep the garbage collector busy. */
const room_bytes = 64 * 1024;

/** Keeps the bytes of the last text, until the next one: a line is searched by many programs in a row. */
export function createRe2(): Re2 {
  const room = Buffer.allocUnsafeSlow(room_bytes);
  let lastText = '';
  let lastBytes = Buffer.from('');
  return {
    compile: (source) => new Program(source),
    build: buildSearch,
    encode: (text) => {
      if (text !== lastText) {
        lastBytes = 3 * text.length > room_bytes ? Buffer.from(text) : room.subarray(0, room.write(text));
        lastText = text;
      }
      return lastBytes;
    },
  };
}
