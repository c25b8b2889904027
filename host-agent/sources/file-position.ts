/** The position of a file source, as it is saved: where reading stopped in the file and in those rotated before it. */
import { z } from 'zod';
import type { Place } from './tail.ts';

/** More than a log ever has rotated files. */
const FILES_MAX = 300;

const shape = z.object({
  v: z.literal(1),
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

/** `files`: oldest first, the last one is the file that the path names. */
export function writePosition(files: readonly Place[]): string {
  return JSON.stringify({ v: 1, files: files.slice(-FILES_MAX) });
}

/** None where the form is unknown: the same as a place that cannot be found. */
export function readPosition(position: string): readonly Place[] {
  try {
    return shape.parse(JSON.parse(position)).files;
  } catch {
    return [];
  }
}
