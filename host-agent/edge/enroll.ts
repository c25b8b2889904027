/** Enrols this host at a Worker: makes its key, shows the public half with a one-time token, remembers the answer. */

import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { EdgebanError } from '../../shared/errors.ts';
import { EnrollRequest } from '../../shared/wire.ts';
import { type ClientLimits, postEnroll } from './client.ts';
import type { EdgeFiles } from './files.ts';
import { makeKey, publicKeyText, readKey } from './key.ts';
import type { EdgeWorld } from './ports.ts';
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
 * A key that is there already is used again, so that an enrolment whose answer was lost can be repeated. Throws
 * ERR_EDGE_URL, ERR_EDGE_KEY, ERR_EDGE_SETTINGS, ERR_USAGE (name), or what the request threw.
 */
export async function enroll(input: EnrollInput): Promise<EdgeSettings> {
  const { files, token, name, world } = input;
  const url = workerOrigin(input.url);
  const key: KeyObject = existsSync(files.key) ? readKey(files.key) : makeKey(files.key);
  const request = EnrollRequest.safeParse({ token, name, key: publicKeyText(key) });
  if (!request.success) throw badRequest(name);
  const limits = input.limits === undefined ? {} : { limits: input.limits };
  const reply = await postEnroll({ url, world, ...limits }, request.data);
  const settings = { url, host: reply.host, ledger: reply.ledger, key: files.key };
  writeSettings(files.settings, settings);
  return settings;
}

/** The token has the right shape by now (the program checks it), and does not belong into an error. */
function badRequest(name: string): EdgebanError {
  return new EdgebanError('ERR_USAGE', `'${name}' is not a name that the Worker takes`, {
    remedy: 'letters, digits, dots, hyphens and underscores, 63 at the most, a letter or digit first (--name)',
  });
}
