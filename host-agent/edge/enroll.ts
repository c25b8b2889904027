/** Enrols this host at a Worker: makes its key, shows the public half with a one-time token, remembers the answer. */

import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { EdgebanError } from '../../shared/errors.ts';
import { type EnrollReply, EnrollRequest } from '../../shared/wire.ts';
import { type ClientLimits, postEnroll } from './client.ts';
import type { EdgeFiles } from './files.ts';
import { hasNextKey, makeKey, nextKey, publicKeyText, readKey, takeNextKey } from './key.ts';
import type { EdgeWorld } from './ports.ts';
import { EdgeRefusal } from './refusal.ts';
import { type EdgeSettings, workerOrigin, writeSettings } from './settings.ts';

export interface EnrollInput {
  readonly files: EdgeFiles;
  readonly url: string;
  readonly token: string;
  /** `[A-Za-z0-9][A-Za-z0-9._-]{0,62}` */
  readonly name: string;
  readonly world: EdgeWorld;
  readonly limits?: Partial<ClientLimits>;
}

/**
 * A key that is there already is used again, so that an enrolment whose answer was lost can be repeated; but one that
 * the Worker does not take (it was revoked, and never comes back) gives way to a new one. Throws ERR_EDGE_URL,
 * ERR_EDGE_KEY, ERR_EDGE_SETTINGS, ERR_USAGE (name), or what the request threw.
 */
export async function enroll(input: EnrollInput): Promise<EdgeSettings> {
  const { files } = input;
  const url = workerOrigin(input.url);
  const { host, ledger } = await askWithEither(input, url);
  const settings = { url, host, ledger, key: files.key };
  writeSettings(files.settings, settings);
  return settings;
}

async function askWithEither(input: EnrollInput, url: string): Promise<EnrollReply> {
  const { key: file } = input.files;
  if (!existsSync(file)) return await ask(input, url, makeKey(file));
  try {
    return await ask(input, url, readKey(file));
  } catch (error) {
    if (!isKeyRefused(error, file)) throw error;
    const reply = await ask(input, url, nextKey(file));
    takeNextKey(file);
    return reply;
  }
}

/** Or the token was used, by the new key, and that answer was lost. */
function isKeyRefused(error: unknown, file: string): boolean {
  if (!(error instanceof EdgeRefusal)) return false;
  return error.problem === 'ERR_ENROLL_TAKEN' || (error.problem === 'ERR_ENROLL_TOKEN' && hasNextKey(file));
}

async function ask({ token, name, world, limits }: EnrollInput, url: string, key: KeyObject): Promise<EnrollReply> {
  const request = EnrollRequest.safeParse({ token, name, key: publicKeyText(key) });
  if (!request.success) throw badRequest(name);
  return await postEnroll({ url, world, ...(limits === undefined ? {} : { limits }) }, request.data);
}

/** The token has the right shape by now (the program checks it), and does not belong into an error. */
function badRequest(name: string): EdgebanError {
  return new EdgebanError('ERR_USAGE', `'${name}' is not a name that the Worker takes`, {
    remedy: 'letters, digits, dots, hyphens and underscores, 63 at the most, a letter or digit first (--name)',
  });
}
