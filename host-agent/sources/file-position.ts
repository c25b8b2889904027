/** The position of a file source, as it is saved: where reading stopped in the file and in those rotated before it. */
import { z } from 'zod';
import type { UnixTime } from '../../shared/time.ts';
import type { Place } from './tail.ts';

/** More than a log ever has rotated files. */
const FILES_MAX = 300;

const shape = z.object({
  v: z.literal(1),
  looked: z.number(),
  files: z
    .array(
      z.object({
        dev: z.string(),
        ino: z.string(),
        offset: z.number().int().nonnegative(),
        mark: z.string(),
        skip: z.boolean().default(false),
      }),
    )
    .max(FILES_MAX),
});

export interface FilePosition {
  /** When the file that the path names was last read: what was rotated away later has not been read. */
  readonly looked: UnixTime;
  /** Oldest first; the last one is the file that the path names. */
  readonly files: readonly Place[];
}

export function writePosition(position: FilePosition): string {
  return JSON.stringify({ v: 1, looked: position.looked, files: position.files.slice(-FILES_MAX) });
}

/** Null where the form is unknown: the same as a place that cannot be found. */
export function readPosition(position: string): FilePosition | null {
  try {
    return shape.parse(JSON.parse(position));
  } catch {
    return null;
  }
}
