/** Actions that edgeban does by itself over HTTP: a webhook, and ntfy. */
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { canonical } from '../../shared/address.ts';
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { UnixTime, Until } from '../../shared/time.ts';
import { timeoutOf } from './command-steps.ts';
import type { StepName, Steps, Ticket, TicketFamily, TicketWorld, Trouble } from './ticket-action.ts';

export const webhookLimits = {
  /** Of the matched lines together. */
  matches_chars_max: 4_000,
  token_chars_max: 4_000,
} as const;

type Event = 'ban' | 'unban';
const events: Readonly<Partial<Record<StepName, Event>>> = { actionban: 'ban', actionunban: 'unban' };

/** Is it one of ours? A file of the same name that has commands runs as its commands say. */
export function isWebhook({ file, commands }: ActionConf): boolean {
  return (file === 'webhook' || file === 'ntfy') && (commands['actionban'] ?? '').trim() === '';
}

interface Settings {
  readonly url: URL;
  readonly events: readonly Event[];
  readonly matches: boolean;
  readonly tokenfile: string | null;
  readonly timeout_ms: number;
  /** Null: our own JSON. */
  readonly ntfy: { readonly topic: string; readonly priority: number; readonly tags: readonly string[] } | null;
}

/** Throws ERR_ACTION_PARAMETER. */
export function webhookSettings({ file, parameters }: ActionConf): Settings {
  const get = (name: string) => (parameters[name] ?? '').trim();
  const told = words(get('events') || 'ban');
  const wrong = told.find((event) => event !== 'ban' && event !== 'unban');
  if (wrong !== undefined) throw unusable('events', wrong, 'write ban, or ban,unban');
  return {
    url: urlOf(get('url')),
    events: told.filter((event) => event === 'ban' || event === 'unban'),
    matches: ['1', 'on', 'true', 'yes'].includes(get('matches').toLowerCase()),
    tokenfile: tokenfileOf(get('tokenfile')),
    timeout_ms: timeoutOf({ timeout: get('timeout') }) * 1_000,
    ntfy: file === 'ntfy' ? ntfyOf(get) : null,
  };
}

function ntfyOf(get: (name: string) => string): Settings['ntfy'] {
  const topic = get('topic');
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(topic)) throw unusable('topic', topic, 'use 1 to 64 letters, digits, _ -');
  const priority = get('priority') || '3';
  if (!/^[1-5]$/.test(priority)) throw unusable('priority', priority, 'use 1 to 5');
  return { topic, priority: Number(priority), tags: words(get('tags')) };
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal);
  if (url !== null && isSafe && url.username === '' && url.password === '') return url;
  // not shown: such addresses are secrets often enough
  throw new EdgebanError('ERR_ACTION_PARAMETER', 'url cannot be used', {
    remedy: 'use https://… (http only to this host), without a user name or password in it',
  });
}

function tokenfileOf(text: string): string | null {
  if (text === '') return null;
  const credential = /^credential:([A-Za-z0-9_.-]{1,255})$/.exec(text)?.[1];
  if (credential !== undefined) return join(process.env['CREDENTIALS_DIRECTORY'] ?? '/run/credentials', credential);
  if (isAbsolute(text)) return text;
  throw unusable('tokenfile', text, 'write an absolute path, or credential:NAME');
}

class WebhookSteps implements Steps {
  readonly onDemand = false;
  readonly families: readonly TicketFamily[] = [''];
  readonly repairOnUnban = false;
  readonly norestored: boolean;
  readonly stays = false;
  readonly addressOnly = false;
  readonly cpu_ms = 0;
  readonly #settings: Settings;
  readonly #world: TicketWorld;

  constructor(conf: ActionConf, world: TicketWorld) {
    this.norestored = conf.norestored;
    this.#settings = webhookSettings(conf);
    this.#world = world;
  }

  has(step: StepName): boolean {
    const event = events[step];
    return event !== undefined && this.#settings.events.includes(event);
  }

  /** It has no steps of its own. */
  keyOf(): string {
    return '';
  }

  async run(step: StepName, _family: TicketFamily, ticket: Ticket | null): Promise<Trouble | null> {
    const event = events[step];
    if (event === undefined || ticket === null || !this.#settings.events.includes(event)) return null;
    try {
      return await this.#send(event, ticket);
    } catch (error) {
      if (error instanceof EdgebanError) return { error, half: false };
      const isLate = error instanceof Error && error.name === 'TimeoutError';
      const why = isLate ? 'did not answer in time' : 'cannot be reached';
      const code = isLate ? 'ERR_ACTION_TIMEOUT' : 'ERR_ACTION_COMMAND';
      return { error: new EdgebanError(code, `${this.#settings.url.host} ${why}`, { cause: error }), half: false };
    }
  }

  /** What has been said cannot be taken away. */
  list(): Promise<null> {
    return Promise.resolve(null);
  }

  look(): Promise<null> {
    return Promise.resolve(null);
  }

  async #send(event: Event, ticket: Ticket): Promise<Trouble | null> {
    const { url, timeout_ms, tokenfile, ntfy } = this.#settings;
    const message = this.#messageOf(event, ticket);
    const body = ntfy === null ? message : { ...ntfy, title: titleOf(message), message: textOf(message) };
    const authorization = tokenfile === null ? {} : { authorization: `Bearer ${tokenIn(tokenfile)}` };
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeout_ms),
    });
    await answer.body?.cancel();
    if (answer.ok) return null;
    return { error: new EdgebanError('ERR_ACTION_COMMAND', `${url.host} answered ${answer.status}`), half: false };
  }

  #messageOf(event: Event, { ban, family, restored }: Ticket): Message {
    const { jail, id, failures, at, until } = ban;
    const lines = ban.matches.join('\n').slice(-webhookLimits.matches_chars_max);
    return {
      event,
      jail,
      id,
      ip: ban.ip ?? canonical(id),
      family: family === '' ? null : family,
      failures,
      time: at,
      until,
      restored,
      host: this.#world.names.full,
      ...(this.#settings.matches ? { matches: lines } : {}),
    };
  }
}

export function webhookSteps(conf: ActionConf, world: TicketWorld): Steps {
  return new WebhookSteps(conf, world);
}

interface Message {
  readonly event: Event;
  readonly jail: string;
  readonly id: string;
  readonly ip: string | null;
  readonly family: 'inet4' | 'inet6' | null;
  readonly failures: number;
  /** Of the ban. */
  readonly time: UnixTime;
  readonly until: Until;
  readonly restored: boolean;
  readonly host: string;
  readonly matches?: string;
}

function titleOf({ event, jail, host }: Message): string {
  return `${jail} on ${host}: ${event}`;
}

function textOf({ event, id, failures, matches }: Message): string {
  const what = event === 'ban' ? `${id} is banned after ${failures} failures` : `${id} is not banned any more`;
  return matches === undefined || event === 'unban' ? what : `${what}\n\n${matches}`;
}

/** Read each time: it may have been renewed. */
function tokenIn(file: string): string {
  const token = readToken(file);
  if (/^[\x21-\x7e]+$/.test(token) && token.length <= webhookLimits.token_chars_max) return token;
  throw new EdgebanError('ERR_ACTION_PARAMETER', 'the tokenfile holds no token', {
    file,
    remedy: 'one line, no blanks',
  });
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const remedy = 'make it readable for edgeban alone (mode 0600)';
    throw new EdgebanError('ERR_ACTION_PARAMETER', 'the tokenfile cannot be read', { file, remedy, cause });
  }
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

function unusable(name: string, value: string, remedy: string): EdgebanError {
  const shown = JSON.stringify(value.slice(0, 80));
  return new EdgebanError('ERR_ACTION_PARAMETER', `${name} = ${shown} cannot be used`, { remedy });
}
