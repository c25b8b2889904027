/** Files that only their owner may read: replaced in one step, and refused where others may read them. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { EdgebanError, type ErrorCode, messageOf } from '../../shared/errors.ts';

/** What is said of the file where it is of no use. */
export interface PrivateFile {
  readonly code: ErrorCode;
  /** As in "others than its owner may read …". */
  readonly what: string;
  readonly bytes_max: number;
  /** What to do where it is not there. */
  readonly remedy: string;
}

/** Checks and reads through one descriptor, so that the file cannot be exchanged in between. Throws `code`. */
export function readPrivate(path: string, { code, what, bytes_max, remedy }: PrivateFile): string {
  const fd = opened(path, (cause) => fault(code, path, `${what} cannot be read: ${messageOf(cause)}`, remedy, cause));
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > bytes_max) throw fault(code, path, `this is not ${what}`, 'name another file');
    if ((stat.mode & 0o077) !== 0)
      throw fault(code, path, `others than its owner may read ${what}`, `chmod 600 ${path}`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Without waiting for whoever may write into a FIFO. */
function opened(path: string, refusal: (cause: unknown) => EdgebanError): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw refusal(cause);
  }
}

function fault(code: ErrorCode, file: string, message: string, remedy: string, cause?: unknown): EdgebanError {
  return new EdgebanError(code, message, { file, remedy, cause });
}

/** Makes or replaces the file, mode 0600, and its folder where there is none, 0700. Throws as node:fs does. */
export function replacePrivate(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

/** A name is on the disk only with its folder. Throws as node:fs does. */
export function syncFolder(file: string): void {
  const fd = openSync(dirname(file), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
