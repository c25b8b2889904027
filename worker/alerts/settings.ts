/** Whom the ledger tells that the edge is broken: vars or secrets of the Worker, checked. */
import { z } from 'zod';
import { EdgebanError } from '../../shared/errors.ts';

export interface AlertVars {
  readonly ALERT_WEBHOOK?: string;
  readonly ALERT_WEBHOOK_SECRET?: string;
  readonly ALERT_NTFY?: string;
  readonly ALERT_NTFY_TOKEN?: string;
}

export interface AlertSettings {
  readonly webhook: { readonly url: string; readonly secret: string | null } | null;
  /** The address of a topic: `https://ntfy.sh/alerts`. */
  readonly ntfy: { readonly url: string; readonly token: string | null } | null;
}

const word = z.string().trim();
/** As a webhook's address is a secret often enough, it may be one here. */
const target = word.default('').refine(isTarget, 'not an address such as https://example.org/path');
const topic = target.refine(
  (text) => text === '' || /^\/[\w-]{1,64}$/.test(new URL(text).pathname),
  'not the address of a topic, such as https://ntfy.sh/alerts',
);
const Vars = z
  .object({
    ALERT_WEBHOOK: target,
    ALERT_WEBHOOK_SECRET: word.min(16, 'shorter than 16 characters').or(z.literal('')).default(''),
    ALERT_NTFY: topic,
    ALERT_NTFY_TOKEN: word.regex(/^[\x21-\x7e]{0,500}$/, 'not a token').default(''),
  })
  .refine(({ ALERT_WEBHOOK: url, ALERT_WEBHOOK_SECRET: secret }) => secret === '' || url !== '', {
    path: ['ALERT_WEBHOOK'],
    message: 'missing, though there is ALERT_WEBHOOK_SECRET',
  })
  .refine(({ ALERT_NTFY: url, ALERT_NTFY_TOKEN: token }) => token === '' || url !== '', {
    path: ['ALERT_NTFY'],
    message: 'missing, though there is ALERT_NTFY_TOKEN',
  });

/** By themselves: also where other settings are wrong, people are to be told. Throws ERR_SETTINGS, without any value. */
export function readAlerts(vars: AlertVars): AlertSettings {
  const result = Vars.safeParse(vars);
  if (!result.success) {
    const findings = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new EdgebanError('ERR_SETTINGS', findings.join('; '), { file: 'wrangler.toml' });
  }
  const {
    ALERT_WEBHOOK: webhook,
    ALERT_WEBHOOK_SECRET: secret,
    ALERT_NTFY: ntfy,
    ALERT_NTFY_TOKEN: token,
  } = result.data;
  return {
    webhook: webhook === '' ? null : { url: webhook, secret: secret || null },
    ntfy: ntfy === '' ? null : { url: ntfy, token: token || null },
  };
}

/** https, or http of this machine. */
function isTarget(text: string): boolean {
  if (text === '') return true;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== '' || url.password !== '') return false;
  return (
    url.protocol === 'https:' || (url.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname))
  );
}
