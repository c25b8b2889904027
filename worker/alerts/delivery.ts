/** Carries alerts to people: a webhook with our JSON, signed if there is a secret for it, and ntfy. */
import { type Alert, ntfyOf, troubleOf } from '../../shared/alerts.ts';
import type { UnixTime } from '../../shared/time.ts';
import { log } from '../problem.ts';
import type { Book, Delivery, Target } from './book.ts';
import type { AlertSettings } from './settings.ts';

export interface DeliveryParts {
  readonly settings: AlertSettings;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly now: () => UnixTime;
}

const answer_ms_max = 5_000;
/** The alarm has other things to do. */
const at_once_max = 4;

export function targetsOf({ webhook, ntfy }: AlertSettings): Target[] {
  return [...(webhook === null ? [] : ['webhook' as const]), ...(ntfy === null ? [] : ['ntfy' as const])];
}

/** Sends what is due; what fails comes again, with growing pauses. Never throws. */
export async function deliver(book: Book, parts: DeliveryParts): Promise<void> {
  const due = book.due(parts.now(), at_once_max);
  await Promise.all(due.map((delivery) => deliverOne(book, delivery, parts)));
}

async function deliverOne(book: Book, delivery: Delivery, parts: DeliveryParts): Promise<void> {
  const why = await send(delivery.target, delivery.alert, parts);
  if (why === null) return book.done(delivery);
  const again = book.failed(delivery, parts.now());
  log('ERR_ALERT_DELIVERY', { target: delivery.target, alert: delivery.alert.id, message: why, again });
}

/** A message of trial to each target; `error` null: it has arrived. */
export async function tryOut(parts: DeliveryParts): Promise<{ target: Target; error: string | null }[]> {
  const now = parts.now();
  const alert: Alert = {
    id: `test/${Math.floor(now)}`,
    phase: 'began',
    kind: 'test',
    about: '',
    title: 'a message of trial',
    text: 'Somebody asked whether alerts arrive (edgeban edge doctor --test-alert).',
    remedy: 'nothing',
    source: 'worker',
    since: now,
    ended: null,
  };
  const tries = targetsOf(parts.settings).map(async (target) => ({ target, error: await send(target, alert, parts) }));
  return await Promise.all(tries);
}

/** Null: it has arrived. Never names the address: it is a secret often enough. */
async function send(target: Target, alert: Alert, { settings, fetch, now }: DeliveryParts): Promise<string | null> {
  const request = await requestOf(target, alert, settings, now());
  if (request === null) return null;
  const signal = AbortSignal.timeout(answer_ms_max);
  return await troubleOf(fetch(request.url, { ...request.init, method: 'POST', redirect: 'manual', signal }));
}

/** Null: the target is not set any more. */
async function requestOf(target: Target, alert: Alert, { webhook, ntfy }: AlertSettings, now: UnixTime) {
  if (target === 'webhook' && webhook !== null) {
    const body = JSON.stringify(alert);
    const headers = { 'content-type': 'application/json', 'webhook-id': alert.id };
    const signature = webhook.secret === null ? {} : await signatureOf(webhook.secret, alert.id, Math.floor(now), body);
    return { url: webhook.url, init: { headers: { ...headers, ...signature }, body } };
  }
  if (target === 'ntfy' && ntfy !== null) {
    const topic = new URL(ntfy.url);
    const body = JSON.stringify(ntfyOf(alert, topic.pathname.slice(1), (at) => new Date(at * 1000).toISOString()));
    const authorization = ntfy.token === null ? {} : { authorization: `Bearer ${ntfy.token}` };
    return {
      url: `${topic.origin}/`,
      init: { headers: { 'content-type': 'application/json', ...authorization }, body },
    };
  }
  return null;
}

/** As Standard Webhooks say: HMAC-SHA256 over `id.time.body`, so that who receives it can refuse what is old or came before. */
async function signatureOf(secret: string, id: string, time: number, body: string): Promise<Record<string, string>> {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const key = await crypto.subtle.importKey('raw', bytes(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', key, bytes(`${id}.${time}.${body}`));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(signature)));
  return { 'webhook-timestamp': String(time), 'webhook-signature': `v1,${base64}` };
}
