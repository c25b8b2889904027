/** The form of every answer of Cloudflare's API, for all who ask there: the Worker, and the operator's programs. */
import { z } from 'zod';

const Envelope = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).nullish(),
  result: z.unknown(),
  result_info: z
    .object({
      cursors: z.object({ after: z.string().optional() }).optional(),
      page: z.number().optional(),
      per_page: z.number().optional(),
      total_count: z.number().optional(),
      total_pages: z.number().optional(),
    })
    .nullish(),
});
export type Envelope = z.infer<typeof Envelope>;

/** Null: the text is no answer of that form. */
export function readEnvelope(text: string): Envelope | null {
  try {
    return Envelope.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Why Cloudflare refuses, with its own codes; `asked` says what was asked. No token is in it. */
export function reasonText(asked: string, envelope: Envelope | null, token: string): string {
  const said = (envelope?.errors ?? []).map(({ code, message }) => `${message} [${code}]`);
  return redactToken(`${asked}: ${said.join(', ') || 'no reason given'}`, token);
}

/** Takes out the token, and whatever has the form of one, even if Cloudflare or the network layer repeats it. */
export function redactToken(text: string, token: string): string {
  return text.replaceAll(token, '[token]').replace(/\bcf(ut|at|ast)_[\w-]+/g, '[token]');
}
