/** The configuration's files on this machine. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ConfigFiles } from '../../shared/config/read-order.ts';
import { EdgebanError, messageOf } from '../../shared/errors.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const diskFiles: ConfigFiles = {
  read: (path) => {
    const bytes = whole(path);
    if (bytes === null) return null;
    try {
      return strict.decode(bytes);
    } catch {
      throw new EdgebanError('ERR_CONFIG_UNREADABLE', 'this is not UTF-8', { file: path, remedy: 'save it as UTF-8' });
    }
  },
  list: (dir) => {
    try {
      return readdirSync(dir);
    } catch (error) {
      if (isMissing(error)) return [];
      throw unreadable(dir, error);
    }
  },
};

function whole(path: string): Uint8Array | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw unreadable(path, error);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function unreadable(file: string, cause: unknown): EdgebanError {
  const message = messageOf(cause);
  return new EdgebanError('ERR_CONFIG_UNREADABLE', message, { file, remedy: 'make it readable for edgeban', cause });
}
