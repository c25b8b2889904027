/** The host's own Ed25519 key, in a file that only its owner may read. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { type PrivateFile, readPrivate, syncFolder } from '../system/private-file.ts';

const file: PrivateFile = {
  code: 'ERR_EDGE_KEY',
  what: 'the key',
  bytes_max: 4096,
  remedy: 'enrol this host (edgeban edge enroll)',
};

/** Makes a key and writes it as PKCS#8 PEM, mode 0600. Throws ERR_EDGE_KEY, also if the file exists: a key is never overwritten. */
export function makeKey(path: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, pem, { flag: 'wx', mode: 0o600, flush: true });
  } catch (cause) {
    throw keyError(path, `the key cannot be written: ${messageOf(cause)}`, 'move the old key away first', cause);
  }
  return privateKey;
}

/** Reads the key. Throws ERR_EDGE_KEY if it is no Ed25519 key, or if others than its owner may read it. */
export function readKey(path: string): KeyObject {
  const key = parseKey(path, readPrivate(path, file));
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw keyError(path, `a key of type ${key.asymmetricKeyType ?? 'unknown'}, not Ed25519`, 'enrol this host again');
}

/** A key that is to take the place of the one at `path`, on the disk before anybody hears of it; the same at each call. */
export function nextKey(path: string): KeyObject {
  const next = nextOf(path);
  const key = existsSync(next) ? readKey(next) : makeKey(next);
  syncFolder(next);
  return key;
}

export function hasNextKey(path: string): boolean {
  return existsSync(nextOf(path));
}

/** The next key takes the place of the one at `path`. */
export function takeNextKey(path: string): void {
  renameSync(nextOf(path), path);
  syncFolder(path);
}

function nextOf(path: string): string {
  return `${path}.next`;
}

/** The public half as the Worker takes it: 32 bytes in base64url. */
export function publicKeyText(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  if (x === undefined) throw new Error('an Ed25519 key without x');
  return x;
}

function parseKey(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause may quote the file: it is left out.
    throw keyError(path, 'this is not a private key in PEM', 'enrol this host again');
  }
}

function keyError(file: string, message: string, remedy: string, cause?: unknown): EdgebanError {
  return new EdgebanError('ERR_EDGE_KEY', message, { file, remedy, cause });
}
