/** The pid file of the daemon. */
import { closeSync, constants, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { EdgebanError, messageOf } from '../../shared/errors.ts';

/** Writes it, its folder too if only the last level is missing. A link in its place is not followed: the daemon is root. */
export function writePidFile(path: string, pid: number): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const fd = openSync(path, flags, 0o644);
    writeSync(fd, `${pid}\n`);
    closeSync(fd);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new EdgebanError('ERR_PID_FILE', `the pid file cannot be written: ${reason}`, {
      file: path,
      remedy: 'make its folder, or set another with -p',
      cause,
    });
  }
}

/** Removes it if it is still this process's. */
export function dropPidFile(path: string, pid: number): void {
  try {
    if (readFileSync(path, 'utf8').trim() === String(pid)) unlinkSync(path);
  } catch {
    // It is gone already, or never was: either is what we want.
  }
}
