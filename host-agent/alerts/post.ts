/** Carries alerts from a host to people: by its own mail program, a webhook, and ntfy. */
import { execFile } from 'node:child_process';
import { type Alert, alertWords, ntfyOf, troubleOf } from '../../shared/alerts.ts';

export interface PostSettings {
  /** Addresses, or users of this machine; empty for none. */
  readonly mail: readonly string[];
  /** Empty for none, as is `ntfy`. */
  readonly webhook: string;
  /** The address of a topic. */
  readonly ntfy: string;
}

export type Target = 'mail' | 'webhook' | 'ntfy';

const answer_ms_max = 10_000;
const mail_ms_max = 60_000;
const sendmail = '/usr/sbin/sendmail';

const timeText = (at: number) => new Date(at * 1000).toISOString();

export function targetsOf({ mail, webhook, ntfy }: PostSettings): Target[] {
  const all: [Target, boolean][] = [
    ['mail', mail.length > 0],
    ['webhook', webhook !== ''],
    ['ntfy', ntfy !== ''],
  ];
  return all.flatMap(([target, isSet]) => (isSet ? [target] : []));
}

/** Null: it has been handed over. Never names an address that is a secret often enough. `program`: what sends mail. */
export async function post(
  target: Target,
  alert: Alert,
  { mail, webhook, ntfy }: PostSettings,
  program = sendmail,
): Promise<string | null> {
  switch (target) {
    case 'mail':
      return await sendMail(program, mail, alert);
    case 'webhook':
      return await send(webhook, alert, { 'webhook-id': alert.id });
    case 'ntfy': {
      const topic = new URL(ntfy);
      return await send(`${topic.origin}/`, ntfyOf(alert, topic.pathname.slice(1), timeText), {});
    }
  }
}

function send(url: string, value: unknown, headers: Record<string, string>): Promise<string | null> {
  return troubleOf(
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(value),
      redirect: 'error',
      signal: AbortSignal.timeout(answer_ms_max),
    }),
  );
}

/** Whom it goes to stands in the mail, not on the command line. */
function sendMail(program: string, to: readonly string[], alert: Alert): Promise<string | null> {
  return new Promise((resolve) => {
    const child = execFile(program, ['-t', '-i'], { timeout: mail_ms_max }, (error) => {
      resolve(error === null ? null : `${program}: ${error.message.split('\n')[0] ?? ''}`);
    });
    // a program that is not there takes no input; what is wrong is told above
    child.stdin?.on('error', () => undefined).end(mailText(to, alert));
  });
}

function mailText(to: readonly string[], alert: Alert): string {
  const { subject, body } = alertWords(alert, timeText);
  const headers = [
    `Subject: ${plain(subject)}`,
    `To: ${to.join(', ')}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${alert.id.replace(/[^\w.-]/g, '.')}.${alert.phase}@edgeban.localdomain>`,
    ...['MIME-Version: 1.0', 'Content-Type: text/plain; charset=UTF-8', 'Content-Transfer-Encoding: 8bit'],
    'Auto-Submitted: auto-generated',
  ];
  return `${headers.join('\n')}\n\n${body}\n`;
}

/** One line of ASCII: nothing that a name holds begins another header. */
function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ');
}
