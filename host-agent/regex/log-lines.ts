/** The lines of a log, read once from its begin to its end, in whatever way it is written: plain, wide, or compressed. */
import { createReadStream, statSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { Wide } from '../../shared/config/logencoding.ts';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { PieceCutter } from '../sources/cut.ts';
import { unpackOf } from '../sources/packed.ts';
import { type Chunk, fileLines, wideLines } from './input.ts';

interface Reading {
  /** Is what stands after the last line end a line? */
  readonly last: boolean;
  readonly wide: Wide | null;
  /** Where a plain log may be read to, instead of memory of its own. */
  readonly room?: Uint8Array | null;
}

/** A pipe is never taken for packed, whatever its name is. */
export function logLines(path: string, reading: Reading): Iterable<Chunk> | AsyncIterable<Chunk> {
  const { last, wide, room = null } = reading;
  const unpack = statSync(path).isFile() ? unpackOf(path) : null;
  if (unpack !== null) return packedLines(path, unpack(), reading);
  return wide === null ? fileLines(path, last, room) : wideLines(path, last, wide);
}

/** `bytes` of a chunk are those read from the disk, so that the progress is right. */
async function* packedLines(file: string, text: Duplex, { last, wide }: Reading): AsyncGenerator<Chunk> {
  const input = createReadStream(file);
  input.on('error', (error) => text.destroy(error));
  const cutter = new PieceCutter(wide);
  let read = 0;
  try {
    for await (const piece of input.pipe(text)) {
      for (const lines of cutter.push(piece)) yield { lines, bytes: 0 };
      yield { lines: [], bytes: input.bytesRead - read };
      read = input.bytesRead;
    }
    if (last) yield { lines: cutter.last(), bytes: 0 };
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EdgebanError('ERR_SOURCE_UNREADABLE', reason, { file, cause });
  }
}
