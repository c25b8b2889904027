/** Finds rotated files beside a log: the one where reading stopped, and those that the path never showed us. */
import { basename, dirname, join } from 'node:path';
import type { UnixTime } from '../../shared/time.ts';
import type { Disk } from './disk.ts';
import { readableSuffixes } from './packed.ts';
import { type Place, Tail } from './tail.ts';

/** Rotated files of one log that are looked at, the newest ones. */
const SIBLINGS_MAX = 100;
/** Names beside a log that may be rotated files of it. */
const NAMES_MAX = 2_000;
/** Looks at a folder that changes while one looks. */
const LOOKS_MAX = 100;
/** The kernel's file times lag behind its clock by a tick. */
const MTIME_COARSE_SECONDS = 0.02;
const packedSuffixes = ['gz', 'bz2', 'xz', 'zst', 'lz4', 'Z', 'zip'];
const packed = new RegExp(`\\.(?:${packedSuffixes.join('|')})$`);
/** Compressed in ways that cannot be read here. */
const unreadable = unreadableName(readableSuffixes());
/** `.1`, `-20260131`, `.2026-01-31`, also compressed: not `.bak`. */
const rotatedSuffix = new RegExp(`^[.-]\\d[\\d._TZ-]*(?:${packed.source.replace('$', '')})?$`);

function unreadableName(readable: readonly string[]): RegExp {
  const others = packedSuffixes.filter((suffix) => !readable.includes(suffix));
  return new RegExp(`\\.(?:${others.join('|')})$`);
}

export interface Found {
  readonly path: string;
  readonly tail: Tail;
}

/** What has been read, or is being read. */
export interface Known {
  readonly tails: readonly Tail[];
  /** Files read to their end and closed. */
  readonly finished: readonly Place[];
  /** Where reading stopped in files that were emptied, whose copies have not been found. */
  readonly emptied: readonly Place[];
  /** Marks of those of which nothing was to be read at the last search; null if there was none. */
  readonly old: readonly string[] | null;
}

/** The file, at `path` or rotated, that holds what was read up to `place`, standing there; null if none does. */
export async function findPlace(disk: Disk, path: string, place: Place): Promise<Found | null> {
  for (let look = 1; ; look += 1) {
    const { files, names } = await openAll(disk, [path], path);
    // The same inode first; but a file system may give an inode to another file, and copytruncate moves what was read.
    const sameInode = files.filter(({ tail }) => tail.ino === place.ino && !tail.isPacked);
    const others = place.offset === 0 ? [] : files.filter((file) => !sameInode.includes(file));
    const found = await firstAt([...sameInode, ...others], place);
    await closeAll(files.filter((file) => file !== found));
    // Only a folder in which nothing was moved meanwhile shows that the place is nowhere.
    if (found !== null || look === LOOKS_MAX) return found;
    if (names === (await namesNow(disk, [path], path))) return null;
  }
}

export interface Search {
  /** Oldest first. They stand at their start, or where one of the emptied places is in them: a copy of what was read. */
  readonly missed: readonly Tail[];
  /** Marks of the others: see Known. */
  readonly old: readonly string[];
}

/** Rotated files that were changed since then and that nobody has read. */
export async function searchMissed(disk: Disk, path: string, since: UnixTime, known: Known): Promise<Search> {
  const files = await openSteadily(disk, path);
  const paths = new Set(files.map((file) => file.path));
  // then some that were not looked at before may be looked at now
  const areMany = files.length === SIBLINGS_MAX;
  const missed: Found[] = [];
  const old: string[] = [];
  for (const file of files) {
    const { tail } = file;
    // while a file is being compressed, and until it is deleted, it is read itself
    const isDouble = tail.isPacked && paths.has(file.path.replace(packed, ''));
    if (!rotatedSuffix.test(basename(file.path).slice(basename(path).length)) || isDouble) continue;
    const isNew = tail.mtime >= since - MTIME_COARSE_SECONDS || (!areMany && isUnseen(tail, known));
    const verdict = isNew ? await judge(tail, known) : 'old';
    if (verdict === 'missed') missed.push(file);
    if (verdict === 'old') old.push(...marksOf(tail));
  }
  await closeAll(files.filter((file) => !missed.includes(file)));
  for (const place of known.emptied) await firstAt(missed, place);
  return { missed: missed.map((file) => file.tail).sort((a, b) => a.mtime - b.mtime), old };
}

/** File times tell nothing where the clock was set back. */
function isUnseen(tail: Tail, { old }: Known): boolean {
  return old !== null && !marksOf(tail).some((mark) => old.includes(mark));
}

/** A file that is compressed keeps its time, but not its inode; one that is written to, its inode. */
function marksOf({ ino, mtime }: Tail): string[] {
  return [ino, `t${mtime.toFixed(2)}`];
}

/** Old is what has been read or is being read; a copy may yet be needed. */
async function judge(tail: Tail, { tails, finished }: Known): Promise<'old' | 'copy' | 'missed'> {
  if (tails.some((one) => one.ino === tail.ino && one.dev === tail.dev)) return 'old';
  try {
    for (const place of finished) if (await tail.resume(place)) return (await isEnd(tail)) ? 'old' : 'missed';
    // an empty one may be written to yet
    if (await isEnd(tail)) return 'missed';
    for (const one of tails) if (await isCopy(tail, one)) return 'copy';
    return 'missed';
  } catch {
    return 'copy';
  }
}

async function isEnd(tail: Tail): Promise<boolean> {
  return (await tail.peek(tail.offset, tail.offset + 1)).length === 0;
}

/**
 * Is it a copy of `one`, complete or still being made, so that it is `one` that is to be read? Should that be emptied, the
 * copy is found by its place.
 */
export async function isCopy(tail: Tail, one: Tail): Promise<boolean> {
  if (await one.beginsWith(tail)) return true;
  const { place } = one;
  const isEmptied = place.offset > 0 && !(await one.resume(place));
  return isEmptied && tail.resume(place);
}

async function firstAt(files: readonly Found[], place: Place): Promise<Found | null> {
  for (const file of files) if (await file.tail.resume(place).catch(() => false)) return file;
  return null;
}

/** Opens rotated files by name; anew if one was renamed meanwhile: it may have been seen under no name or under two. */
async function openSteadily(disk: Disk, path: string): Promise<Found[]> {
  for (let look = 1; ; look += 1) {
    const { files, names } = await openAll(disk, [], path);
    if (look === LOOKS_MAX || names === (await namesNow(disk, [], path))) return files;
    await closeAll(files);
  }
}

/** `names` tells which file was found under which name. */
async function openAll(disk: Disk, first: readonly string[], path: string): Promise<{ files: Found[]; names: string }> {
  const files: Found[] = [];
  const named: Named[] = [];
  for (const one of await filesNow(disk, first, path)) {
    const tail = await Tail.open(disk, one.path, true).catch((error: NodeJS.ErrnoException) => error);
    if (tail instanceof Tail) files.push({ path: one.path, tail });
    // one that may not be opened is still there
    if (tail instanceof Tail) named.push({ path: one.path, dev: tail.dev, ino: tail.ino });
    else if (tail.code !== 'ENOENT') named.push(one);
  }
  return { files, names: written(named) };
}

async function namesNow(disk: Disk, first: readonly string[], path: string): Promise<string> {
  return written(await filesNow(disk, first, path));
}

async function filesNow(disk: Disk, first: readonly string[], path: string): Promise<Named[]> {
  return [...(await statAll(disk, first)), ...(await siblings(disk, path))];
}

interface Named {
  readonly path: string;
  readonly dev: string;
  readonly ino: string;
}

function written(named: readonly Named[]): string {
  return named
    .map(({ path, dev, ino }) => `${path} ${dev} ${ino}`)
    .sort()
    .join('\n');
}

async function closeAll(files: readonly Found[]): Promise<void> {
  for (const file of files) await file.tail.close();
}

/** Beside the log, or in a folder beside it (logrotate's olddir). */
async function siblings(disk: Disk, path: string): Promise<Named[]> {
  const folders = [dirname(path), ...(await disk.folders(dirname(path)).catch(() => []))];
  const related: string[] = [];
  for (const folder of folders) {
    const names = await disk.names(folder).catch(() => []);
    const ours = names.filter((name) => isRelated(name, basename(path))).slice(0, NAMES_MAX);
    related.push(...ours.map((name) => join(folder, name)));
  }
  const files = await statAll(disk, related);
  return files.sort((a, b) => b.mtime - a.mtime).slice(0, SIBLINGS_MAX);
}

/** Is `name` that of a rotated file of the log `base` in the same folder, one that can be read? */
export function rotatedName(base: string, name: string): boolean {
  return isRelated(name, base) && rotatedSuffix.test(name.slice(base.length));
}

function isRelated(name: string, base: string): boolean {
  return (name.startsWith(`${base}.`) || name.startsWith(`${base}-`)) && !unreadable.test(name);
}

async function statAll(disk: Disk, paths: readonly string[]): Promise<(Named & { readonly mtime: UnixTime })[]> {
  const files: (Named & { readonly mtime: UnixTime })[] = [];
  for (const path of paths) {
    const stat = await disk.stat(path).catch(() => null);
    if (stat?.isFile === true) files.push({ path, dev: stat.dev, ino: stat.ino, mtime: stat.mtime });
  }
  return files;
}
