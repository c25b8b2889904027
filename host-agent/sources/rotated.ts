/** Finds rotated files beside a log: the one where reading stopped, and those that the path never showed us. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { UnixTime } from '../../shared/time.ts';
import { type Place, Tail } from './tail.ts';

/** Rotated files of one log that are looked at. */
const SIBLINGS_MAX = 100;
/** Looks at a folder that changes while one looks. */
const LOOKS_MAX = 8;
/** The kernel's file times lag behind its clock by a tick. */
const MTIME_COARSE_SECONDS = 0.02;
const packed = /\.(gz|bz2|xz|zst|lz4|Z)$/;
/** `.1`, `-20260131`, `.2026-01-31`: not `.bak`. */
const rotatedSuffix = /^[.-]\d[\d._TZ-]*$/;

export interface Found {
  readonly path: string;
  readonly tail: Tail;
}

/** The file, at `path` or rotated, that holds what was read up to `place`, standing there; null if none does. */
export async function findPlace(path: string, place: Place): Promise<Found | null> {
  const files = await openSteadily(async () => [path, ...(await siblings(path))]);
  // The same inode first; but a file system may give an inode to another file, and copytruncate moves what was read.
  const sameInode = files.filter((file) => file.tail.ino === place.ino);
  const others = place.offset === 0 ? [] : files.filter((file) => file.tail.ino !== place.ino);
  const found = await firstAt([...sameInode, ...others], place);
  await closeAll(files.filter((file) => file !== found));
  return found;
}

/**
 * Rotated files that were changed since then, oldest first, none of the inodes in `known`. They stand at their start, or
 * where one of `places` is in them: a copy of what was read.
 */
export async function rotatedSince(
  path: string,
  since: UnixTime,
  known: ReadonlySet<string>,
  places: readonly Place[],
): Promise<Tail[]> {
  const files = await openSteadily(() => siblings(path));
  const isMissed = ({ path: name, tail }: Found) =>
    rotatedSuffix.test(name.slice(path.length)) && tail.mtime >= since - MTIME_COARSE_SECONDS && !known.has(tail.ino);
  await closeAll(files.filter((file) => !isMissed(file)));
  const missed = files.filter(isMissed);
  for (const place of places.filter((one) => one.offset > 0)) await firstAt(missed, place);
  return missed.map((file) => file.tail).sort((a, b) => a.mtime - b.mtime);
}

async function firstAt(files: readonly Found[], place: Place): Promise<Found | null> {
  for (const file of files) if (await file.tail.resume(place).catch(() => false)) return file;
  return null;
}

/** Opens files by name; anew if one was renamed meanwhile, since it may have been seen under no name or under two. */
async function openSteadily(list: () => Promise<string[]>): Promise<Found[]> {
  for (let look = 1; ; look += 1) {
    const paths = await list();
    const files: Found[] = [];
    let gone = false;
    for (const path of paths) {
      const tail = await Tail.open(path, true).catch((error: NodeJS.ErrnoException) => error);
      if (tail instanceof Tail) files.push({ path, tail });
      else gone ||= tail.code === 'ENOENT' && path !== paths[0];
    }
    if (look === LOOKS_MAX || (!gone && String(await list()) === String(paths) && areApart(files))) return files;
    await closeAll(files);
  }
}

function areApart(files: readonly Found[]): boolean {
  return new Set(files.map((file) => `${file.tail.dev} ${file.tail.ino}`)).size === files.length;
}

async function closeAll(files: readonly Found[]): Promise<void> {
  for (const file of files) await file.tail.close();
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
