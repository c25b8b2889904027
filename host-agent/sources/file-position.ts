/** The position of a file source, as it is saved: where reading stopped in the file and in those rotated before it. */
import * as z from 'zod/mini';
import type { UnixTime } from '../../shared/time.ts';
import type { Place } from './tail.ts';

/** More than a log ever has rotated files. */
const FILES_MAX = 300;
const FINISHED_MAX = 100;
const OLD_MAX = 400;

export interface Finished extends Place {
  /** When the file was last changed. */
  readonly mtime: UnixTime;
}

const place = z.object({
  dev: z.string(),
  ino: z.string(),
  offset: z.int().check(z.nonnegative()),
  mark: z.string(),
  head: z.optional(z.string()),
  skip: z._default(z.boolean(), false),
});
const finishedPlace = z.object({ ...place.shape, mtime: z.number() });

const shape = z.object({
  v: z.literal(1),
  looked: z.number(),
  files: z.array(place).check(z.maxLength(FILES_MAX)),
  finished: z._default(z.array(finishedPlace).check(z.maxLength(FINISHED_MAX)), []),
  old: z._default(z.nullable(z.array(z.string()).check(z.maxLength(OLD_MAX))), null),
});

export interface FilePosition {
  /** When the path was last seen to name the last of the files, and that was read since: what came later is not here. */
  readonly looked: UnixTime;
  /** Oldest first; the last one is the file that the path names. */
  readonly files: readonly Place[];
  /** Rotated files that were read to their end. */
  readonly finished: readonly Finished[];
  /** Marks of rotated files of which nothing is to be read; null if nobody has looked yet. */
  readonly old: readonly string[] | null;
}

export function writePosition(position: FilePosition): string {
  const { looked, files, finished, old } = position;
  const newest = { files: files.slice(-FILES_MAX), finished: finished.slice(-FINISHED_MAX) };
  return JSON.stringify({ v: 1, looked, ...newest, old: old?.slice(0, OLD_MAX) });
}

/** Null where the form is unknown: the same as a place that cannot be found. */
export function readPosition(position: string): FilePosition | null {
  try {
    return shape.parse(JSON.parse(position));
  } catch {
    return null;
  }
}
