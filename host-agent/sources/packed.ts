/** How rotated logs are compressed, and what unpacks them: Node itself, or the program that has made them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/** Takes packed bytes and gives text. Destroying it ends all that belongs to it. */
type Unpack = () => Duplex;

/** By the end of the name. */
const ways: Readonly<Record<string, () => Unpack | null>> = {
  gz: () => createGunzip,
  zst: () => createZstdDecompress,
  bz2: () => byProgram('bzip2'),
  xz: () => byProgram('xz'),
};

const folders = ['/usr/bin', '/bin', '/usr/local/bin'];

/** Null if there is no such program. */
function byProgram(name: string): Unpack | null {
  const path = folders.map((folder) => `${folder}/${name}`).find((file) => existsSync(file));
  return path === undefined ? null : () => running(path);
}

/** What is broken ends where it is broken, as with what Node unpacks. */
function running(path: string): Duplex {
  const child = spawn(path, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/', env: {} });
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on('error', (error) => stream.destroy(error));
  stream.on('close', () => child.kill('SIGKILL'));
  return stream;
}

/** The ends of names of files whose text can be had here, without the dot. */
export function readableSuffixes(): string[] {
  return Object.keys(ways).filter((suffix) => ways[suffix]?.() !== null);
}

/** Null if the name is not that of a compressed file that can be read. */
export function unpackOf(path: string): Unpack | null {
  const suffix = /\.([^./]+)$/.exec(path)?.[1] ?? '';
  return Object.hasOwn(ways, suffix) ? (ways[suffix]?.() ?? null) : null;
}
