/** What the operator holds, in a file that only its owner may read: where the Worker is, and the tokens for it and for Cloudflare. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { EdgebanError } from '../../shared/errors.ts';

export const defaultOperatorFile = '/etc/edgeban/operator.json';
const bytes_max = 16 * 1024;

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
});
export type OperatorFile = z.infer<typeof OperatorFile>;

/** Throws ERR_OPERATOR_FILE if it is not there, of no use, or readable for others. */
export function readOperatorFile(path: string): OperatorFile {
  const parsed = OperatorFile.safeParse(parseJson(path, readPrivate(path)));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw fileError(path, where, 'run edgeban edge setup again, or mend it by hand');
}

/** Replaces the file in one step, mode 0600. */
export function writeOperatorFile(path: string, content: OperatorFile): void {
  writePrivate(path, `${JSON.stringify(content, null, 2)}\n`);
}

export function writePrivate(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, text, { mode: 0o600, flush: true });
    renameSync(draft, path);
  } catch (cause) {
    throw fileError(path, `cannot be written: ${reasonOf(cause)}`, 'run this as root, or name another file', cause);
  }
}

/** Checks and reads through one descriptor, so that the file cannot be exchanged in between. */
function readPrivate(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const remedy = 'edgeban edge setup writes it; --operator-file FILE names another';
    throw fileError(path, `the operator's file cannot be read: ${reasonOf(cause)}`, remedy, cause);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > bytes_max) throw fileError(path, "not an operator's file", 'name another file');
    if ((stat.mode & 0o077) !== 0)
      throw fileError(path, 'others than its owner may read the tokens', `chmod 600 ${path}`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
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

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
