/** The lines of a log that was compressed, read once from its begin to its end. */
import { createReadStream } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { Wide } from '../../shared/config/logencoding.ts';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { PieceCutter } from '../sources/cut.ts';
import type { Chunk } from './input.ts';

interface Reading {
  /** Is what stands after the last line end a line? */
  readonly last: boolean;
  readonly wide: Wide | null;
}

/** `bytes` of a chunk are those read from the disk, so that the progress is right. */
export async function* packedLines(file: string, text: Duplex, { last, wide }: Reading): AsyncGenerator<Chunk> {
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
