/** Where the programs are that commands name. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The folders in which a command's program is looked for: a daemon's PATH may lack sbin. */
export function commandPath(): string[] {
  const sbin = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const known = (process.env['PATH'] ?? '').split(':').filter((place) => place !== '');
  return [...new Set([...known, ...sbin])];
}

/** The file that is run for `program`, which may name one itself, as a shell has it; null: there is none. */
export function findProgram(program: string, folders: readonly string[] = commandPath()): string | null {
  const places = program.includes('/') ? [program] : folders.map((folder) => join(folder, program));
  return places.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
