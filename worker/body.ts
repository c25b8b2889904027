/** Reads a request body, which may not grow beyond its limit, whatever its Content-Length says or leaves out. */
import type { z } from 'zod';
import { EdgebanError } from '../shared/errors.ts';
import { wireLimits } from '../shared/wire.ts';

/** The body's bytes; throws ERR_BODY_TOO_LARGE as soon as it is, without reading on. */
export async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get('content-length') ?? 0) > wireLimits.body_bytes_max) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    const bytes: Uint8Array = chunk;
    size += bytes.byteLength;
    if (size > wireLimits.body_bytes_max) throw tooLarge();
    chunks.push(bytes);
  }
  return joined(chunks, size);
}

/** Throws ERR_REQUEST_INVALID unless the bytes are UTF-8. */
export function readText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new EdgebanError('ERR_REQUEST_INVALID', 'the body is not UTF-8');
  }
}

/** What a body says, in its shape; throws ERR_REQUEST_INVALID with the first finding. */
export function readJson<T>(shape: z.ZodType<T>, body: string): T {
  const parsed = shape.safeParse(parseJson(body));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new EdgebanError('ERR_REQUEST_INVALID', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as asked'}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EdgebanError('ERR_REQUEST_INVALID', 'the body is not JSON');
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function tooLarge(): EdgebanError {
  return new EdgebanError('ERR_BODY_TOO_LARGE', `the body is larger than ${wireLimits.body_bytes_max} bytes`);
}
