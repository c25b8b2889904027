/** Signs a request with the host's key, as shared/wire.ts says. */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { signedHeaders, signedText, versionHeader } from '../../shared/wire.ts';
import { version } from '../version.ts';

export interface Identity {
  /** The id that the Worker gave at enrolment. */
  readonly host: string;
  readonly key: KeyObject;
}

export interface RequestParts {
  readonly method: string;
  /** Path with query, exactly as sent. */
  readonly path: string;
  /** Empty for none. */
  readonly body: string;
}

/** The headers of one request sent at `now` (Unix seconds). Every attempt needs its own: the Worker takes a nonce once. */
export function signRequest(identity: Identity, parts: RequestParts, now: number): Record<string, string> {
  const time = Math.floor(now);
  const nonce = randomBytes(16).toString('base64url');
  const bodyHash = createHash('sha256').update(parts.body).digest('hex');
  const text = signedText({ method: parts.method, path: parts.path, host: identity.host, time, nonce, bodyHash });
  return {
    [signedHeaders.host]: identity.host,
    [signedHeaders.time]: String(time),
    [signedHeaders.nonce]: nonce,
    [versionHeader]: version,
    [signedHeaders.signature]: sign(null, Buffer.from(text), identity.key).toString('base64url'),
  };
}
