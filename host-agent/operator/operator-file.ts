/** What the operator holds, in a file that only its owner may read: where the Worker is, and the tokens for it and for Cloudflare. */
import { z } from 'zod';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import { type PrivateFile, readPrivate, replacePrivate } from '../system/private-file.ts';

export const defaultOperatorFile = '/etc/edgeban/operator.json';
const file: PrivateFile = {
  code: 'ERR_OPERATOR_FILE',
  what: "the operator's file",
  bytes_max: 16 * 1024,
  remedy: 'edgeban edge setup writes it; --operator-file FILE names another',
};

const id = z.string().regex(/^[0-9a-f]{32}$/);

/** The run-time token and what it is for: for the doctor, and for `panic` when the Worker does not answer. */
const Cloudflare = z.strictObject({
  base: z.url({ protocol: /^https?$/ }),
  account: id,
  zones: z.array(z.strictObject({ id, name: z.string() })).max(50),
  mode: z.string(),
  list: z.string(),
  /** '': there is none. */
  challenge_list: z.string().default(''),
  token: z.string().min(8),
});

const OperatorFile = z.strictObject({
  url: z.string(),
  token: z.string().min(16),
  cloudflare: Cloudflare.nullable().default(null),
  /** The secret of the gate's Turnstile widget. */
  turnstile: z.string().nullable().default(null),
  /** Whom the Worker tells when the edge is broken; '': nobody. */
  alerts: z.strictObject({ ntfy: z.string(), webhook: z.string() }).default({ ntfy: '', webhook: '' }),
});
export type OperatorFile = z.infer<typeof OperatorFile>;

/** Throws ERR_OPERATOR_FILE if it is not there, of no use, or readable for others. */
export function readOperatorFile(path: string): OperatorFile {
  const parsed = OperatorFile.safeParse(parseJson(path, readPrivate(path, file)));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw fileError(path, where, 'run edgeban edge setup again, or mend it by hand');
}

/** Replaces the file in one step, mode 0600. */
export function writeOperatorFile(path: string, content: OperatorFile): void {
  writePrivate(path, `${JSON.stringify(content, null, 2)}\n`);
}

export function writePrivate(path: string, text: string): void {
  try {
    replacePrivate(path, text);
  } catch (cause) {
    throw fileError(path, `cannot be written: ${messageOf(cause)}`, 'run this as root, or name another file', cause);
  }
}

/** The cause of a syntax error quotes the text, and there are tokens in it: it is left out. */
function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fileError(path, 'not JSON', 'run edgeban edge setup again, or mend it by hand');
  }
}

function fileError(file: string, message: string, remedy: string, cause?: unknown): EdgebanError {
  return new EdgebanError('ERR_OPERATOR_FILE', message, { file, remedy, cause });
}
