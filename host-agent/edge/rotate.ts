/** Gives this host a new key: it is on the disk before the Worker hears of it, and takes the old one's place after. */
import { EdgebanError } from '../../shared/errors.ts';
import { RotateReply } from '../../shared/wire.ts';
import { type ClientLimits, check, postSigned } from './client.ts';
import type { EdgeFiles } from './files.ts';
import { nextKey, publicKeyText, readKey, takeNextKey } from './key.ts';
import type { EdgeWorld } from './ports.ts';
import { EdgeRefusal } from './refusal.ts';
import { readSettings } from './settings.ts';

const path = '/v1/rotate';

/**
 * Where an answer was lost, the next call finds the new key on the disk: the Worker takes the request signed with the
 * old key if it has not heard it, and with the new one if it has. Throws ERR_EDGE_SETTINGS (not enrolled), ERR_EDGE_KEY,
 * or what the request threw; the old key stands until the Worker has confirmed the new one.
 */
export async function rotateKey(
  files: EdgeFiles,
  world: EdgeWorld,
  limits: Partial<ClientLimits> = {},
): Promise<{ readonly host: string }> {
  const settings = readSettings(files.settings);
  if (settings === null)
    throw new EdgebanError('ERR_EDGE_SETTINGS', 'this host is not enrolled', {
      file: files.settings,
      remedy: 'edgeban edge enroll',
    });
  const key = nextKey(settings.key);
  const body = JSON.stringify({ key: publicKeyText(key) });
  const send = (signer: typeof key) =>
    postSigned({ url: settings.url, world, limits, identity: { host: settings.host, key: signer } }, path, body);
  check(
    RotateReply,
    await withEither(
      () => send(readKey(settings.key)),
      () => send(key),
    ),
  );
  takeNextKey(settings.key);
  return { host: settings.host };
}

/** The old key's signature is refused where the Worker has the new one already. */
async function withEither<T>(old: () => Promise<T>, fresh: () => Promise<T>): Promise<T> {
  try {
    return await old();
  } catch (error) {
    if (error instanceof EdgeRefusal && error.problem === 'ERR_AUTH_SIGNATURE') return await fresh();
    throw error;
  }
}
