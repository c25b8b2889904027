/** The record of a set-up: what was made and what was there before, so that it can go on after a failure, and be undone exactly. */
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { EdgebanError, messageOf } from '../../../shared/errors.ts';
import { writePrivate } from '../operator-file.ts';

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const name = z.string().min(1).max(512);
/** `made`: by us; otherwise it was there before, and stays. Without an id it was begun, and may be there or not. */
const thing = z.strictObject({ name, id: id.nullable(), made: z.boolean() });
export type Thing = z.infer<typeof thing>;

const token = thing.extend({ kind: z.enum(['user', 'account']) });
export type TokenRecord = z.infer<typeof token>;

const modes = ['list', 'access-rules', 'gate', 'none'] as const;
export type Mode = (typeof modes)[number];
export const Mode = z.enum(modes);

const SetupRecord = z.strictObject({
  version: z.literal(1),
  base: z.url(),
  account: id,
  zones: z.array(z.strictObject({ id, name })),
  mode: Mode,
  /** Modes of before, of which the Worker may not have taken everything away yet. */
  left: z.array(Mode).default([]),
  /** Zones of before, likewise. */
  leftZones: z.array(z.strictObject({ id, name })).default([]),
  /** The Worker's ALLOW: addresses that are never banned. */
  allow: z.string(),
  /** More of the Worker's settings, by name. */
  vars: z.record(z.string(), z.string()).default({}),
  /** As Cloudflare and we last left it: its etag there, and a hash of all that it was deployed from. */
  worker: z
    .strictObject({ name, url: z.string(), etag: z.string().nullable(), hash: z.string().nullable() })
    .nullable(),
  namespace: thing.nullable(),
  list: thing.nullable(),
  /** The second list, whose addresses are challenged. */
  challenge: thing.nullable().default(null),
  /** Second lists of before, which the Worker has not emptied yet. */
  former: z.array(thing).default([]),
  /** In the mode gate: which visits go through the Worker. */
  routes: z.array(z.strictObject({ pattern: name, zone: id })).default([]),
  /** Of the Turnstile widget; '': none. */
  turnstile: z.string().default(''),
  /** The run-time token; one that was pasted is not ours to remove. */
  token: token.nullable(),
  /** Tokens of ours that another one is to replace: they go when the Worker has that. */
  spent: z.array(token).default([]),
});
export type SetupRecord = z.infer<typeof SetupRecord>;

export interface SetupFiles {
  readonly operator: string;
  readonly folder: string;
  readonly record: string;
  readonly wrangler: string;
}

/** Beside the operator's file: `<its folder>/worker/`. */
export function setupFiles(operator: string): SetupFiles {
  const folder = join(dirname(operator), 'worker');
  return { operator, folder, record: join(folder, 'setup.json'), wrangler: join(folder, 'wrangler.json') };
}

/** Null if nothing was set up. Throws ERR_SETUP_RECORD if the file is there but of no use. */
export function readRecord(file: string): SetupRecord | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw recordError(file, messageOf(cause), cause);
  }
  const parsed = SetupRecord.safeParse(json(file, text));
  if (parsed.success) return parsed.data;
  throw recordError(file, z.prettifyError(parsed.error).replaceAll('\n', ' '));
}

/** In one step, flushed: what is made next is known to us whatever happens. */
export function writeRecord(file: string, record: SetupRecord): void {
  writePrivate(file, `${JSON.stringify(record, null, 2)}\n`);
}

export function removeFolder(files: SetupFiles): void {
  rmSync(files.folder, { recursive: true, force: true });
}

function json(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw recordError(file, 'not JSON', cause);
  }
}

function recordError(file: string, message: string, cause?: unknown): EdgebanError {
  return new EdgebanError('ERR_SETUP_RECORD', message, { file, cause });
}
