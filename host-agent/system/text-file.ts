/** Small files that may not be there, or not be ours to read: the machine's own, and other programs'. */
import { readFileSync } from 'node:fs';

/** Null, whatever keeps it from being read. */
export function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
