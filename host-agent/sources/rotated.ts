/** Finds rotated files beside a log: the one where reading stopped, and those that came between it and the present one. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Place, Tail } from './tail.ts';

/** Rotated files of one log that are looked at. */
const SIBLINGS_MAX = 200;
const packed = /\.(gz|bz2|xz|zst|lz4|Z)$/;
/** `.1`, `-20260131`, `.2026-01-31`: not `.bak`. */
const rotatedSuffix = /^[.-]\d[\d._TZ-]*$/;

/** The file, at `path` or rotated, that holds what was read up to `place`, standing there; null if none does. */
export async function findPlace(path: string, place: Place): Promise<{ tail: Tail; path: string } | null> {
  const names = [path, ...(await siblings(path))];
  // The same inode first; but a file system may give an inode to another file, and copytruncate moves what was read.
  const byInode = await firstAt(names, place, (tail) => tail.ino === place.ino);
  if (byInode !== null || place.offset === 0) return byInode;
  return firstAt(names, place, () => true);
}

/** Rotated files that were changed after `since_ns`, oldest first, standing at their start. */
export async function rotatedSince(path: string, since_ns: bigint, known: ReadonlySet<string>): Promise<Tail[]> {
  const tails: Tail[] = [];
  for (const name of await siblings(path)) {
    if (!rotatedSuffix.test(name.slice(path.length))) continue;
    const tail = await openOrNull(name);
    if (tail === null) continue;
    if (tail.mtime_ns > since_ns && !known.has(tail.ino)) tails.push(tail);
    else await tail.close();
  }
  return tails.sort((a, b) => (a.mtime_ns < b.mtime_ns ? -1 : 1));
}

async function firstAt(names: readonly string[], place: Place, fits: (tail: Tail) => boolean) {
  for (const path of names) {
    const tail = await openOrNull(path);
    if (tail === null) continue;
    if (fits(tail) && (await tail.resume(place).catch(() => false))) return { tail, path };
    await tail.close();
  }
  return null;
}

async function openOrNull(path: string): Promise<Tail | null> {
  try {
    return await Tail.open(path, true);
  } catch {
    return null; // gone meanwhile, or not ours to read: then it cannot be the one
  }
}

async function siblings(path: string): Promise<string[]> {
  const base = basename(path);
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => (name.startsWith(`${base}.`) || name.startsWith(`${base}-`)) && !packed.test(name))
    .sort()
    .slice(0, SIBLINGS_MAX)
    .map((name) => join(dirname(path), name));
}
